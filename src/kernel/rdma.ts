/**
 * The contract of RDMA over Converged Ethernet (RoCEv2) on a network device: queue pairs, memory,
 * completions, by the words of libibverbs. Types only.
 */

/** What the other side may do with memory. */
export interface RegionAccess {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly atomic?: boolean;
}

/** Registered memory: `address` and `remoteKey` are what one tells the other side. */
export interface MemoryRegion {
  readonly bytes: Uint8Array;
  readonly address: bigint;
  readonly remoteKey: number;
  readonly access: RegionAccess;
}

/** Where the other end of a connection is. */
export interface RdmaPeer {
  /** Its address, IPv4 or IPv6. */
  readonly address: string;
  readonly queuePair: number;
}

export interface QueuePairOptions {
  /** First packet sequence number that this side sends. Default 0. */
  readonly psn?: number;
  /** The other side's. Default 0. */
  readonly peerPsn?: number;
  /** Bytes of data in a packet: 256, 512, 1024, 2048, 4096. Default: what the device can. */
  readonly mtu?: number;
  /** Nanoseconds without an answer until packets are sent again. Default 67 ms. */
  readonly timeout?: number;
  /** Times in a row that packets are sent again. Default 7. */
  readonly retries?: number;
  /** The same after a receiver was not ready, 0 to 7; 7 (default) is for ever, as in InfiniBand. */
  readonly rnrRetries?: number;
}

/** What a connection can be asked to do. */
export type RdmaOperation = 'send' | 'write' | 'read' | 'compare swap' | 'fetch add';

/** A work request. */
export interface WorkRequest {
  readonly operation: RdmaOperation;
  /** Of send and write. */
  readonly data?: Uint8Array;
  readonly immediate?: number;
  /** Key that the other side may not use any more (send). */
  readonly invalidate?: number;
  /** Where in the other side's memory. */
  readonly address?: bigint;
  readonly remoteKey?: number;
  /** Bytes to read. */
  readonly length?: number;
  /** Operand of 'fetch add', new value of 'compare swap'. */
  readonly swap?: bigint;
  readonly compare?: bigint;
}

/** How a work request ended (enum ibv_wc_status, by meaning). */
export type CompletionStatus =
  | 'success'
  | 'local length error'
  | 'bad response'
  | 'retry exceeded'
  | 'receiver not ready'
  | 'invalid request'
  | 'remote access error'
  | 'remote operational error'
  | 'flushed';

/** What became of a work request. */
export interface RdmaCompletion {
  readonly queuePair: number;
  /** Number that posting it gave. */
  readonly request: number;
  readonly operation: RdmaOperation | 'receive';
  readonly status: CompletionStatus;
  /** What a read brought, what was there before an atomic operation, what was received. */
  readonly data?: Uint8Array;
  readonly immediate?: number;
  /** Who sent a datagram. */
  readonly from?: RdmaPeer;
}

/**
 * Counters of a device. Names up to `rdma_recvs` are those of rxe's hardware counters, the three
 * about congestion those of mlx5, the last three ours.
 */
export interface RdmaCounters {
  sent_pkts: number;
  rcvd_pkts: number;
  duplicate_request: number;
  out_of_seq_request: number;
  rcvd_rnr_err: number;
  send_rnr_err: number;
  rcvd_seq_err: number;
  retry_exceeded_err: number;
  retry_rnr_exceeded_err: number;
  completer_retry_err: number;
  send_err: number;
  rdma_sends: number;
  rdma_recvs: number;
  /** Packets that a router marked: congestion experienced. */
  np_ecn_marked_roce_packets: number;
  np_cnp_sent: number;
  rp_cnp_handled: number;
  /** Packets whose invariant CRC is wrong. */
  icrc_err: number;
  /** Packets for no queue pair, from another peer, of another partition, with a wrong queue key. */
  discarded: number;
  /** Packets that programs at rxe/rx and rxe/tx dropped. */
  bpf_drop: number;
}

/** One end of a reliable connection. */
export interface RdmaQueuePair {
  readonly number: number;
  /** Bytes of data in a packet. */
  readonly mtu: number;
  /** False when an error ended the connection: what is posted then is flushed. */
  readonly usable: boolean;
  /** Work requests that are not done. */
  readonly outstanding: number;
  /**
   * A buffer for what the other side sends next; its bytes are filled in place. Returns the number
   * of its completion. Throws KernelError ENOMEM.
   */
  postReceive(bytes: Uint8Array): number;
  /**
   * Asks something of the other side and sends what may go out at once. Returns the number of its
   * completion. Throws KernelError: EINVAL for what does not belong together, ENOMEM for a full
   * queue.
   */
  post(work: WorkRequest): number;
}

/** Where a datagram goes. */
export interface DatagramTarget extends RdmaPeer {
  readonly queueKey: number;
}

/** A queue pair for unreliable datagrams: one packet each, to anyone, and nobody answers. */
export interface RdmaDatagramPair {
  readonly number: number;
  readonly mtu: number;
  readonly queueKey: number;
  /** Unlike ibv_post_recv's, the buffer gets the data alone, no 40 bytes of header before it. */
  postReceive(bytes: Uint8Array): number;
  /** Sends up to `mtu` bytes. Throws KernelError EMSGSIZE. */
  send(to: DatagramTarget, data: Uint8Array, immediate?: number): number;
}

export interface RdmaOptions {
  /** Answer packets with the mark of congestion by a notification, as cards do and rxe does not. */
  readonly congestionNotification?: boolean;
}

/** A software RoCE device (`rdma link add rxe0 type rxe netdev eth0`). */
export interface KernelRdma {
  readonly counters: Readonly<RdmaCounters>;
  /** What is done, oldest first. Take them out as you like. */
  readonly completions: RdmaCompletion[];
  /** The number that the next queue pair will have, to be told to the other side. */
  readonly nextQueuePair: number;
  /** Registers memory that the other side may use. The bytes are not copied. */
  register(bytes: Uint8Array, access: RegionAccess): MemoryRegion;
  deregister(region: MemoryRegion): void;
  /**
   * Makes a queue pair that is connected to one of another device. Throws KernelError EINVAL,
   * EADDRNOTAVAIL.
   */
  connect(peer: RdmaPeer, options?: QueuePairOptions): RdmaQueuePair;
  /** Makes a queue pair for datagrams. Default queue key: 0x11111111. */
  datagrams(options?: { readonly queueKey?: number }): RdmaDatagramPair;
}
