/**
 * `beeyard/bpf`: the language of BPF programs in TypeScript, for editors and `tsc --strict`. A
 * `.bpf.ts` file is compiled by `beeyard build x.bpf.ts`, never run; there is no JavaScript behind
 * these declarations. docs/bpf-in-typescript.md explains them.
 */

declare const width: unique symbol;
declare const described: unique symbol;
declare const size: unique symbol;

// ---- Numbers: up to 32 bits are numbers, 64 bits are bigints (5n) ------------------------------

export type u8 = number & { readonly [width]?: 'u8' };
export type u16 = number & { readonly [width]?: 'u8' | 'u16' };
export type u32 = number & { readonly [width]?: 'u8' | 'u16' | 'u32' };
export type i8 = number & { readonly [width]?: 'i8' };
export type i16 = number & { readonly [width]?: 'i8' | 'i16' | 'u8' };
export type i32 = number & { readonly [width]?: 'i8' | 'i16' | 'i32' | 'u8' | 'u16' };
export type u64 = bigint & { readonly [width]?: 'u64' };
export type i64 = bigint & { readonly [width]?: 'i64' };

/** 16 bits in network order: compared, and turned with ntohs(). */
export type be16 = number & { readonly [width]: 'be16' };
/** 32 bits in network order: compared, and turned with ntohl(). */
export type be32 = number & { readonly [width]: 'be32' };

/** Describes memory of type T. */
export interface Type<T> {
  readonly [described]: T;
}

/** `array` describes several of them in a row. */
export interface Described<T> extends Type<T> {
  array<const N extends number>(length: N): ArrayDescription<T, N>;
}

/** An integer type: u32(x) cuts off or extends, as C does. */
export interface IntDescription<T> extends Described<T> {
  (value: number | bigint | boolean): T;
  /** A bit field of a struct. */
  bits(count: number): Type<T>;
}

export const u8: IntDescription<u8>;
export const u16: IntDescription<u16>;
export const u32: IntDescription<u32>;
export const u64: IntDescription<u64>;
export const i8: IntDescription<i8>;
export const i16: IntDescription<i16>;
export const i32: IntDescription<i32>;
export const i64: IntDescription<i64>;
export const be16: Described<be16>;
export const be32: Described<be32>;

/** Of network order. */
export function ntohs(value: be16): u16;
export function ntohl(value: be32): u32;
/** Into network order. */
export function htons(value: u16): be16;
export function htonl(value: u32): be32;

// ---- Memory ------------------------------------------------------------------------------------

/** N values in a row. Assigning a whole array copies it. */
export interface FixedArray<T, N extends number> extends Iterable<T> {
  readonly length: N;
  readonly [size]: N;
  [index: number]: T;
  /** Copies a shorter or equally long array, or the bytes of a number, to `offset`. */
  set(source: FixedArray<T, number> | be16 | be32, offset?: number): void;
  /** Sets every byte. */
  fill(value: T): void;
  /** The elements `from` to `to` (without), the same memory. */
  subarray(from: number, to: number): FixedArray<T, number>;
}

/** A number in a map or a packet. */
export interface Ref<T> {
  value: T;
}

/** What a value is made from: members that are left out are zero. */
export type Init<T> = T extends number | bigint
  ? T
  : T extends FixedArray<infer E, number>
    ? T | FixedArray<E, number> | readonly Init<E>[]
    : T extends object
      ? { readonly [K in keyof T]?: Init<T[K]> }
      : T;

/** Makes a value; called without values all of it is zero. */
export interface StructDescription<T> extends Described<T> {
  (values?: Init<T>): T;
}
export interface ArrayDescription<T, N extends number> extends Described<FixedArray<T, N>> {
  (values?: FixedArray<T, N> | readonly Init<T>[]): FixedArray<T, N>;
}

/** An `enum` may stand where a type is described. */
export type EnumObject = Readonly<Record<string, string | number>>;
export type TypeOf<D> = D extends Type<infer T> ? T : D extends EnumObject ? D[keyof D] : never;

/** The values a declared struct or array describes: `Of<typeof Event>`. */
export type Of<D extends Type<unknown> | EnumObject> = TypeOf<D>;

/** Declares a struct, laid out as C does. */
export function struct<const F extends Readonly<Record<string, Type<unknown> | EnumObject>>>(
  members: F,
): StructDescription<{ -readonly [K in keyof F]: TypeOf<F[K]> }>;

/** Bytes a value of a type takes. */
export function sizeof(type: Type<unknown> | EnumObject): u32;

/** A constant that the loader may set before the program is loaded. */
export function rodata<D extends Type<unknown> | EnumObject>(
  type: D,
  value?: Init<TypeOf<D>>,
): TypeOf<D> extends number | bigint ? TypeOf<D> : Readonly<TypeOf<D>>;

/** Memory of the program that outlives its runs. Numbers are simply `let` at the top of the file. */
export function data<D extends Type<unknown>>(type: D, value?: Init<TypeOf<D>>): TypeOf<D>;

// ---- Maps --------------------------------------------------------------------------------------

/** What get() and read() give: memory by reference, a number behind `.value`. */
export type Reference<T> = [T] extends [number | bigint] ? Ref<T> : T;

export interface BpfMap<K, V> {
  /** The value itself, not a copy; undefined if there is none. */
  get(key: Init<K>): Reference<V> | undefined;
  /** 0, or a negative errno. */
  update(key: Init<K>, value: Init<V>, flag?: 'any' | 'noexist' | 'exist'): i32;
  /** 0, or a negative errno. */
  delete(key: Init<K>): i32;
}

interface MapOptions<K, V> {
  readonly key: K;
  readonly value: V;
  readonly max_entries: number;
  readonly map_flags?: number;
}
interface MapConstructor {
  <K extends Type<unknown> | EnumObject, V extends Type<unknown> | EnumObject>(
    options: MapOptions<K, V>,
  ): BpfMap<TypeOf<K>, TypeOf<V>>;
}
export const hash: MapConstructor;
export const lru_hash: MapConstructor;
export const percpu_hash: MapConstructor;
export const lru_percpu_hash: MapConstructor;
export const array: MapConstructor;
export const percpu_array: MapConstructor;
/** The key is a struct that begins with the prefix length, a u32. */
export const lpm_trie: MapConstructor;

export interface RingBuffer<T> {
  /** Space for a record, its bytes as they were; submit or discard it on every way. */
  reserve(): T | undefined;
  submit(record: T): void;
  discard(record: T): void;
  /** Copies a record into the buffer: 0, or a negative errno. */
  output(record: T): i32;
}
export function ringbuf<T>(options: {
  readonly value: StructDescription<T>;
  readonly max_entries: number;
}): RingBuffer<T>;

export const BPF_F_NO_PREALLOC: 1;
export const BPF_F_NO_COMMON_LRU: 2;

// ---- Programs ----------------------------------------------------------------------------------

/** A packet: what all programs that see one can do with it. */
export interface Packet {
  /** Bytes that can be read. */
  readonly length: u32;
  /** The bytes at an offset, by reference; undefined where the packet ends before. */
  read<D extends Type<unknown>>(type: D, offset: number): Reference<TypeOf<D>> | undefined;
}

export interface XdpContext extends Packet {
  readonly ingress_ifindex: u32;
  readonly rx_queue_index: u32;
}

export interface TcContext extends Packet {
  readonly len: u32;
  readonly pkt_type: u32;
  mark: u32;
  queue_mapping: u32;
  readonly protocol: u32;
  readonly vlan_present: u32;
  readonly vlan_tci: u32;
  readonly vlan_proto: u32;
  priority: u32;
  readonly ingress_ifindex: u32;
  readonly ifindex: u32;
  tc_index: u32;
  readonly hash: u32;
  tc_classid: u32;
  readonly napi_id: u32;
  tstamp: u64;
  readonly wire_len: u32;
  readonly gso_segs: u32;
  readonly gso_size: u32;
  readonly tstamp_type: u8;
  readonly hwtstamp: u64;
}

export type XdpVerdict = 'aborted' | 'drop' | 'pass' | 'tx' | 'redirect';
export type TcVerdict =
  | 'unspec'
  | 'ok'
  | 'reclassify'
  | 'shot'
  | 'pipe'
  | 'stolen'
  | 'queued'
  | 'repeat'
  | 'redirect'
  | 'trap';

/** A program; its name is the constant's. */
export interface Program<C, V> {
  readonly [described]: readonly [C, V];
}

export function xdp(run: (packet: XdpContext) => XdpVerdict): Program<XdpContext, XdpVerdict>;
export function tc(run: (packet: TcContext) => TcVerdict): Program<TcContext, TcVerdict>;
export function tcx_ingress(run: (packet: TcContext) => TcVerdict): Program<TcContext, TcVerdict>;
export function tcx_egress(run: (packet: TcContext) => TcVerdict): Program<TcContext, TcVerdict>;

// ---- Functions ---------------------------------------------------------------------------------

/** 0 to end, or start to end (without): `for (const i of range(8))`. */
export function range<T extends number | bigint>(end: T): Iterable<T>;
export function range<T extends number | bigint>(start: T, end: T): Iterable<T>;

/** Writes to the trace pipe; at most three numbers: printk(`port ${port}`). */
export function printk(text: string): void;

type NumbersOf<T> = { [K in keyof T]: T[K] extends number | bigint ? K : never }[keyof T];
type AtomicOp = <T extends object, K extends NumbersOf<T>>(
  target: T,
  member: K,
  value: T[K],
) => T[K];

/** Changes a u32, i32, u64 or i64 in one step. Gives the old value. */
export const atomic: {
  readonly add: AtomicOp;
  readonly sub: AtomicOp;
  readonly and: AtomicOp;
  readonly or: AtomicOp;
  readonly xor: AtomicOp;
  readonly exchange: AtomicOp;
};

/** Kernel helpers, as Linux names them. */
export function bpf_ktime_get_ns(): u64;
export function bpf_ktime_get_boot_ns(): u64;
export function bpf_ktime_get_coarse_ns(): u64;
export function bpf_ktime_get_tai_ns(): u64;
export function bpf_jiffies64(): u64;
export function bpf_get_prandom_u32(): u32;
export function bpf_get_smp_processor_id(): u32;
export function bpf_redirect(ifindex: u32, flags: u64): i32;
export function bpf_redirect_peer(ifindex: u32, flags: u64): i32;
export function bpf_clone_redirect(packet: TcContext, ifindex: u32, flags: u64): i32;
export function bpf_xdp_adjust_head(packet: XdpContext, delta: i32): i32;
export function bpf_xdp_adjust_tail(packet: XdpContext, delta: i32): i32;
export function bpf_xdp_get_buff_len(packet: XdpContext): u64;
export function bpf_skb_pull_data(packet: TcContext, length: u32): i32;
export function bpf_skb_change_tail(packet: TcContext, length: u32, flags: u64): i32;
export function bpf_skb_change_head(packet: TcContext, length: u32, flags: u64): i32;
export function bpf_skb_vlan_push(packet: TcContext, protocol: be16, tci: u16): i32;
export function bpf_skb_vlan_pop(packet: TcContext): i32;
export function bpf_get_hash_recalc(packet: TcContext): u32;
export function bpf_csum_update(packet: TcContext, csum: u32): i64;

// ---- Packet headers ----------------------------------------------------------------------------

type Bytes<N extends number> = FixedArray<u8, N>;

export const ethhdr: StructDescription<{ h_dest: Bytes<6>; h_source: Bytes<6>; h_proto: be16 }>;
export const vlan_hdr: StructDescription<{ h_vlan_TCI: be16; h_vlan_encapsulated_proto: be16 }>;
export const arphdr: StructDescription<{
  ar_hrd: be16;
  ar_pro: be16;
  ar_hln: u8;
  ar_pln: u8;
  ar_op: be16;
}>;
export const iphdr: StructDescription<{
  ihl: u8;
  version: u8;
  tos: u8;
  tot_len: be16;
  id: be16;
  frag_off: be16;
  ttl: u8;
  protocol: u8;
  check: u16;
  saddr: be32;
  daddr: be32;
}>;
export const ipv6hdr: StructDescription<{
  priority: u8;
  version: u8;
  flow_lbl: Bytes<3>;
  payload_len: be16;
  nexthdr: u8;
  hop_limit: u8;
  saddr: Bytes<16>;
  daddr: Bytes<16>;
}>;
export const ipv6_opt_hdr: StructDescription<{ nexthdr: u8; hdrlen: u8 }>;
export const tcphdr: StructDescription<{
  source: be16;
  dest: be16;
  seq: be32;
  ack_seq: be32;
  res1: u16;
  doff: u16;
  fin: u16;
  syn: u16;
  rst: u16;
  psh: u16;
  ack: u16;
  urg: u16;
  ece: u16;
  cwr: u16;
  window: be16;
  check: u16;
  urg_ptr: be16;
}>;
export const udphdr: StructDescription<{ source: be16; dest: be16; len: be16; check: u16 }>;
export const icmphdr: StructDescription<{ type: u8; code: u8; checksum: u16; rest: be32 }>;

export const ETH_P_IP: 0x0800;
export const ETH_P_ARP: 0x0806;
export const ETH_P_8021Q: 0x8100;
export const ETH_P_IPV6: 0x86dd;
export const ETH_P_8021AD: 0x88a8;
export const IPPROTO_HOPOPTS: 0;
export const IPPROTO_ICMP: 1;
export const IPPROTO_TCP: 6;
export const IPPROTO_UDP: 17;
export const IPPROTO_ROUTING: 43;
export const IPPROTO_FRAGMENT: 44;
export const IPPROTO_ICMPV6: 58;
export const IPPROTO_NONE: 59;
export const IPPROTO_DSTOPTS: 60;
