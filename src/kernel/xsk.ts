/** The contract of AF_XDP sockets: types only (net/xdp, include/uapi/linux/if_xdp.h). */

/** Packet memory and how it is used (XDP_UMEM_REG). */
export interface XskMemoryOptions {
  /** Bytes of the whole area. Default 1 MiB. */
  readonly size?: number;
  /** 2048 or 4096; with `unaligned` any number between them. Default 4096. */
  readonly chunkSize?: number;
  /** Bytes kept free in front of each packet, besides the 256 of XDP. Default 0. */
  readonly headroom?: number;
  /** Chunks may begin anywhere (XDP_UMEM_UNALIGNED_CHUNK_FLAG). */
  readonly unaligned?: boolean;
  /** The kernel itself computes the checksums that packets ask for (XDP_UMEM_TX_SW_CSUM). */
  readonly softwareChecksum?: boolean;
  /**
   * Room for requests in front of packets to send: 16 to 248 bytes, a multiple of 8, or 0 for none
   * (XDP_UMEM_TX_METADATA_LEN). Default 16.
   */
  readonly txMetadata?: number;
}

/** What `device.xsk()` takes. */
export interface XskOptions {
  /** Receive queue. Default 0. */
  readonly queue?: number;
  readonly umem?: XskMemoryOptions;
  /**
   * The packet memory of another socket instead (XDP_SHARED_UMEM). On the same queue the fill and
   * completion rings are shared too. The two take free chunks from the same heap.
   */
  readonly shared?: KernelXsk;
  /** Entries of the rings, powers of 2; 0 for `rx` or `tx`: none of the kind. Default 2048. */
  readonly rx?: number;
  readonly tx?: number;
  readonly fill?: number;
  readonly completion?: number;
  /** Packets may take several chunks (XDP_USE_SG). */
  readonly multiBuffer?: boolean;
  /**
   * How many chunks are given to the fill ring at once. Default: half of those that are free, all
   * of them without a send ring, as many as fit.
   */
  readonly offered?: number;
}

/** Counts of struct xdp_statistics, by their names there. */
export interface XskStatistics {
  readonly rxDropped: number;
  readonly rxInvalidDescs: number;
  readonly txInvalidDescs: number;
  readonly rxRingFull: number;
  readonly rxFillRingEmptyDescs: number;
  readonly txRingEmptyDescs: number;
}

/** What a packet asks of the device that sends it (struct xsk_tx_metadata). */
export interface XskSendOptions {
  /** Its checksum is to be completed. `true`: that of its TCP or UDP header. */
  readonly checksum?: boolean | { readonly start: number; readonly offset: number };
  /** When was it sent? `completed()` says so. */
  readonly timestamp?: boolean;
  /** It is put into the ring, and goes with the next one that is not: no system call. */
  readonly later?: boolean;
}

/** A packet that came in. */
export interface XskPacket {
  readonly data: Uint8Array;
  /** What stands in front of it (bpf_xdp_adjust_meta), as many bytes as were asked for. */
  readonly metadata: Uint8Array;
}

/** A packet that was sent. */
export interface XskCompletion {
  /** What `send` returned. */
  readonly address: number;
  /** Nanoseconds of international atomic time; undefined if nobody asked. */
  readonly timestamp: bigint | undefined;
}

/** The user's half of a socket: its rings and packet memory. */
export interface XskUser {
  /** Takes the oldest packet out. `metadata`: bytes wanted from in front of it. */
  receive(options?: { readonly metadata?: number }): XskPacket | undefined;
  /** Packets as they come, until the signal is aborted. */
  packets(options?: {
    readonly metadata?: number;
    readonly signal?: AbortSignal;
  }): AsyncGenerator<XskPacket>;
  /**
   * Sends a packet. Returns the address of its chunk, which `completed` names when it is sent.
   * Throws KernelError: ENOBUFS (no free chunk, or the ring is full), EMSGSIZE (longer than a
   * chunk), EINVAL (requests without `txMetadata`; no checksum to complete), and what the system
   * call says.
   */
  send(packet: Uint8Array, options?: XskSendOptions): number;
  /** What was sent since the last call, in order; the chunks are free again. */
  completed(): XskCompletion[];
  /** Packets that wait in the receive ring. */
  readonly waiting: number;
  /** Chunks that are in no ring. */
  readonly free: number;
}

/** An AF_XDP socket. Leaving the `using` block closes it: it leaves its queue and all maps. */
export interface KernelXsk extends XskUser, Disposable {
  /** Stands for it where Linux takes a file descriptor. */
  readonly number: number;
  /** 'eth0', or 'pod1/eth0'. */
  readonly device: string;
  readonly queue: number;
  readonly open: boolean;
  readonly statistics: XskStatistics;
  /**
   * sendto(2): sends what is in the send ring, up to 32 descriptors. 0 or a negative errno: -EAGAIN
   * (call again), -ENETDOWN, -ENOBUFS (no send ring), -EBUSY (the device dropped a packet), -EINVAL
   * (requests that are wrong: the packet stays).
   */
  wake(): number;
  /** poll(2): sends too; says whether there is something to receive and room to send. */
  poll(): { readonly readable: boolean; readonly writable: boolean };
  /**
   * Gives the user's half to another thread, free chunks included: post the result there, and open
   * it with `openXsk`. Throws KernelError EBUSY if it was given away before.
   */
  share(): XskShared;
  /** Answers system calls of the other thread until the signal is aborted. */
  serve(options?: { readonly signal?: AbortSignal }): Promise<void>;
  close(): void;
}

/** A ring in shared memory: counters at 0 and 64, flags at 68, entries from 128 on. */
export interface XskSharedRing {
  readonly memory: SharedArrayBuffer;
  readonly entries: number;
  readonly kind: 'addresses' | 'descriptors';
}

/** The user's half of a socket, for postMessage. */
export interface XskShared {
  readonly umem: {
    readonly memory: SharedArrayBuffer;
    readonly size: number;
    readonly chunkSize?: number;
    readonly headroom?: number;
    readonly flags?: number;
    readonly txMetadataLength?: number;
  };
  readonly rx: XskSharedRing | undefined;
  readonly tx: XskSharedRing | undefined;
  readonly fill: XskSharedRing;
  readonly completion: XskSharedRing;
  readonly chunks: readonly number[];
  /** Two counters: system calls asked for, and done. */
  readonly bell: SharedArrayBuffer;
}
