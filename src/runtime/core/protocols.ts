// EtherTypes as they stand in packets and in skb->protocol: network order, read little-endian.
export const ETH_P_IP: u16 = 0x0008;
export const ETH_P_IPV6: u16 = 0xdd86;
export const ETH_P_8021Q: u16 = 0x0081;
export const ETH_P_8021AD: u16 = 0xa888;
export const ETH_P_802_3: u16 = 0x0100;
export const ETH_P_802_2: u16 = 0x0400;

/** True for the types of tags. @inline */
export function isVlan(protocol: u16): bool {
  return protocol == ETH_P_8021Q || protocol == ETH_P_8021AD;
}
