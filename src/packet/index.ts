/** Packets made of headers, and taken apart again: `beeyard/packet`. */
export { formatAddress, parseAddress, parseIpv4, parseIpv6, parsePrefix } from './address.ts';
export { packet, payload } from './build.ts';
export { foldChecksum, sumWords } from './checksum.ts';
export { type DissectedField, type DissectedLayer, dissect } from './dissect.ts';
export { formatMac, parseMac } from './fields.ts';
export type { Given, Layer } from './protocol.ts';
export { arp, ethernet, vlan } from './protocols/ethernet.ts';
export { icmp, icmpv6 } from './protocols/icmp.ts';
export { ipv4 } from './protocols/ipv4.ts';
export { destinationOptions, fragment, hopByHop, ipv6, routing } from './protocols/ipv6.ts';
export { sctp } from './protocols/sctp.ts';
export { type TcpOptions, tcp, tcpOptions } from './protocols/tcp.ts';
export { geneve, gre, vxlan } from './protocols/tunnels.ts';
export { udp } from './protocols/udp.ts';
export { type RoceMessage, roce } from './roce/build.ts';
export {
  aeth,
  atomicAckEth,
  atomicEth,
  bth,
  deth,
  immediate,
  invalidate,
  rdeth,
  reth,
} from './roce/headers.ts';
export { opcodes as roceOpcodes } from './roce/opcodes.ts';
