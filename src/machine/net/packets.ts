/** What hooks and rings are given: packets as columns, in any buffer. */
export interface PacketColumns {
  readonly count: number;
  readonly bytes: Uint8Array;
  /**
   * Where `bytes` starts in the machine's linear memory, if it is a part of it. Then packets are
   * not copied out of it more often than they must be.
   */
  readonly address?: number | undefined;
  /** First byte and number of bytes of each packet. */
  readonly start: Uint32Array;
  readonly length: Uint32Array;
  /** Index into the list of `Ingress`. */
  readonly interfaceId: Uint32Array;
  /** Nanoseconds, low and high word per packet. */
  readonly time: Uint32Array;
}

/** How packets of one interface come in. */
export interface Ingress {
  readonly ifindex: number;
  /** Link header to be replaced by an Ethernet header; 0 with `etherType` undefined is Ethernet. */
  readonly headerSize: number;
  /** EtherType for the header that is made; undefined if the packets are Ethernet. */
  readonly etherType?: ((bytes: Uint8Array, at: number) => number) | undefined;
  /** LINKTYPE_* of the capture, for making the same row in another thread. */
  readonly linkType?: number | undefined;
}

/** A packet's frame in linear memory, reused from packet to packet. */
export interface Frame {
  /** First byte of headroom. */
  hardStart: number;
  data: number;
  dataEnd: number;
  /** End of the room the packet may grow into. */
  hardEnd: number;
  ifindex: number;
  queue: number;
}

/** Bytes in front of a packet a program may grow into (XDP_PACKET_HEADROOM). */
export const HEADROOM = 256;
/** Bytes the kernel keeps for itself behind a packet (struct skb_shared_info, aligned). */
export const SHARED_INFO = 320;
/** One page per frame, as drivers do. */
export const FRAME_BYTES = 4096;
export const ETHERNET_HEADER = 14;
