/** What `beeyard/bpf` exports, as the compiler knows it; bpf.d.ts tells editors the same. */
import { constants, programTypes, type ProgramTypeDef } from '../../abi/index.ts';
import {
  BE16,
  BE32,
  BIG_ENDIANS,
  type ContextType,
  type Field,
  I32,
  I64,
  INTS,
  type StructType,
  type Type,
  U16,
  U32,
  U64,
  U8,
  type VerdictType,
} from './types.ts';

/** A kind of program: `export const name = xdp((packet) => { … })`. */
export interface ProgramKind {
  readonly section: string;
  readonly context: ContextType;
  readonly verdict: VerdictType;
}

/** A map type's constructor. */
export interface MapKind {
  /** BPF_MAP_TYPE_* */
  readonly type: string;
}

/** A kernel helper that takes and returns numbers (and the context). */
export interface HelperDef {
  readonly params: readonly Type[];
  readonly result: Type;
}

function verdictOf(name: string, def: ProgramTypeDef): VerdictType {
  const words = Object.entries(def.verdicts ?? {}).map(([n, word]) => [word, Number(n)] as const);
  return { kind: 'verdict', name, words: new Map(words) };
}

const SCALAR_SIZES: Readonly<Record<number, Type>> = { 1: U8, 2: U16, 4: U32, 8: U64 };

/** The fields a program may read as numbers, from the verifier's own table. */
function contextOf(name: string, { context }: ProgramTypeDef): ContextType {
  const fields = context.fields
    .filter((field) => !field.hidden && !field.pointer && !field.attach)
    .flatMap((field) => {
      const type = SCALAR_SIZES[field.size];
      return type ? [[field.name, { type, writable: field.writable === true }] as const] : [];
    });
  return { kind: 'context', name, struct: context.struct, fields: new Map(fields) };
}

function programKind(
  section: string,
  [context, verdict]: readonly [ContextType, VerdictType],
): ProgramKind {
  return { section, context, verdict };
}

const describe = (name: string, def: ProgramTypeDef) =>
  [contextOf(`${name}Context`, def), verdictOf(`${name}Verdict`, def)] as const;

const XDP = describe('Xdp', programTypes.get('xdp')!);
const TC = describe('Tc', programTypes.get('sched_cls')!);

export const PROGRAMS: ReadonlyMap<string, ProgramKind> = new Map([
  ['xdp', programKind('xdp', XDP)],
  ['tc', programKind('tc', TC)],
  ['tcx_ingress', programKind('tcx/ingress', TC)],
  ['tcx_egress', programKind('tcx/egress', TC)],
]);

/** Names that stand for types in annotations. */
export const NAMED_TYPES: ReadonlyMap<string, Type> = new Map<string, Type>([
  ...INTS,
  ...BIG_ENDIANS,
  ...[...XDP, ...TC].map((type) => [type.name, type] as const),
]);

export const MAPS: ReadonlyMap<string, MapKind> = new Map(
  ['hash', 'lru_hash', 'percpu_hash', 'lru_percpu_hash', 'array', 'percpu_array', 'lpm_trie'].map(
    (name) => [name, { type: `BPF_MAP_TYPE_${name.toUpperCase()}` }],
  ),
);

export const UPDATE_FLAGS: ReadonlyMap<string, number> = new Map([
  ['any', constants.BPF_ANY],
  ['noexist', constants.BPF_NOEXIST],
  ['exist', constants.BPF_EXIST],
]);

const helper = (params: HelperDef['params'], result: Type): HelperDef => ({ params, result });

export const HELPERS: ReadonlyMap<string, HelperDef> = new Map([
  ['bpf_ktime_get_ns', helper([], U64)],
  ['bpf_ktime_get_boot_ns', helper([], U64)],
  ['bpf_ktime_get_coarse_ns', helper([], U64)],
  ['bpf_ktime_get_tai_ns', helper([], U64)],
  ['bpf_jiffies64', helper([], U64)],
  ['bpf_get_prandom_u32', helper([], U32)],
  ['bpf_get_smp_processor_id', helper([], U32)],
  ['bpf_redirect', helper([U32, U64], I32)],
  ['bpf_redirect_peer', helper([U32, U64], I32)],
  ['bpf_clone_redirect', helper([TC[0], U32, U64], I32)],
  ['bpf_xdp_adjust_head', helper([XDP[0], I32], I32)],
  ['bpf_xdp_adjust_tail', helper([XDP[0], I32], I32)],
  ['bpf_xdp_get_buff_len', helper([XDP[0]], U64)],
  ['bpf_skb_pull_data', helper([TC[0], U32], I32)],
  ['bpf_skb_change_tail', helper([TC[0], U32, U64], I32)],
  ['bpf_skb_change_head', helper([TC[0], U32, U64], I32)],
  ['bpf_skb_vlan_push', helper([TC[0], BE16, U16], I32)],
  ['bpf_skb_vlan_pop', helper([TC[0]], I32)],
  ['bpf_get_hash_recalc', helper([TC[0]], U32)],
  ['bpf_csum_update', helper([TC[0], U32], I64)],
]);

/** Functions of byte order: what they take, what they give, how C writes them. */
export const BYTE_ORDER: ReadonlyMap<string, readonly [from: Type, to: Type, c: string]> = new Map([
  ['ntohs', [BE16, U16, '__builtin_bswap16']],
  ['ntohl', [BE32, U32, '__builtin_bswap32']],
  ['htons', [U16, BE16, '__builtin_bswap16']],
  ['htonl', [U32, BE32, '__builtin_bswap32']],
]);

/** Functions the compiler knows by name. */
export const FUNCTIONS: ReadonlySet<string> = new Set([
  'struct',
  'rodata',
  'data',
  'ringbuf',
  'range',
  'printk',
  'sizeof',
  'atomic',
  ...PROGRAMS.keys(),
  ...MAPS.keys(),
  ...HELPERS.keys(),
  ...BYTE_ORDER.keys(),
]);

/** Names that mean something in annotations only. */
export const TYPE_ONLY: ReadonlySet<string> = new Set(['Of', 'Ref']);

const { BPF_F_NO_PREALLOC, BPF_F_NO_COMMON_LRU } = constants;

/** Numbers of the kernel and of protocols. */
export const CONSTANTS: ReadonlyMap<string, bigint> = new Map(
  Object.entries({
    BPF_F_NO_PREALLOC,
    BPF_F_NO_COMMON_LRU,
    ETH_P_IP: 0x0800,
    ETH_P_ARP: 0x0806,
    ETH_P_8021Q: 0x8100,
    ETH_P_IPV6: 0x86dd,
    ETH_P_8021AD: 0x88a8,
    IPPROTO_HOPOPTS: 0,
    IPPROTO_ICMP: 1,
    IPPROTO_TCP: 6,
    IPPROTO_UDP: 17,
    IPPROTO_ROUTING: 43,
    IPPROTO_FRAGMENT: 44,
    IPPROTO_ICMPV6: 58,
    IPPROTO_NONE: 59,
    IPPROTO_DSTOPTS: 60,
  }).map(([name, value]) => [name, BigInt(value)]),
);

type FieldDef = Type | Field;

function header(name: string, fields: Readonly<Record<string, FieldDef>>): [string, StructType] {
  const entries = Object.entries(fields).map(
    ([key, field]) => [key, 'kind' in field ? { type: field } : field] as const,
  );
  return [name, { kind: 'struct', name, fields: new Map(entries) }];
}

const bytes = (length: number): Type => ({ kind: 'array', element: U8, length });
const bits = (type: Type, width: number): Field => ({ type, bits: width });
/** struct in6_addr, seen as its bytes. */
const address6 = (name: string): Field => ({ type: bytes(16), c: `${name}.in6_u.u6_addr8` });

/** The headers of <beeyard/net.h>. */
export const HEADERS: ReadonlyMap<string, StructType> = new Map([
  header('ethhdr', { h_dest: bytes(6), h_source: bytes(6), h_proto: BE16 }),
  header('vlan_hdr', { h_vlan_TCI: BE16, h_vlan_encapsulated_proto: BE16 }),
  header('arphdr', { ar_hrd: BE16, ar_pro: BE16, ar_hln: U8, ar_pln: U8, ar_op: BE16 }),
  header('iphdr', {
    ihl: bits(U8, 4),
    version: bits(U8, 4),
    tos: U8,
    tot_len: BE16,
    id: BE16,
    frag_off: BE16,
    ttl: U8,
    protocol: U8,
    check: U16,
    saddr: BE32,
    daddr: BE32,
  }),
  header('ipv6hdr', {
    priority: bits(U8, 4),
    version: bits(U8, 4),
    flow_lbl: bytes(3),
    payload_len: BE16,
    nexthdr: U8,
    hop_limit: U8,
    saddr: address6('saddr'),
    daddr: address6('daddr'),
  }),
  header('ipv6_opt_hdr', { nexthdr: U8, hdrlen: U8 }),
  header('tcphdr', {
    source: BE16,
    dest: BE16,
    seq: BE32,
    ack_seq: BE32,
    res1: bits(U16, 4),
    doff: bits(U16, 4),
    fin: bits(U16, 1),
    syn: bits(U16, 1),
    rst: bits(U16, 1),
    psh: bits(U16, 1),
    ack: bits(U16, 1),
    urg: bits(U16, 1),
    ece: bits(U16, 1),
    cwr: bits(U16, 1),
    window: BE16,
    check: U16,
    urg_ptr: BE16,
  }),
  header('udphdr', { source: BE16, dest: BE16, len: BE16, check: U16 }),
  header('icmphdr', { type: U8, code: U8, checksum: U16, rest: BE32 }),
]);
