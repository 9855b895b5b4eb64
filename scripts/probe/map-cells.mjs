/** Programs that give a map to a helper, with all other arguments as the helper wants them. */
import { enums } from '../../dist/abi/index.js';
import { add, call, copy, exit, insn, load, loadImm64, mov, store64 } from './programs.mjs';

const F_NO_PREALLOC = 1;
const F_MMAPABLE = 1 << 10;

/** Name, key, value, entries, flags, 1 + index of the inner map, needs BTF. */
const ROWS = [
  ['HASH', 8, 8, 4],
  ['ARRAY', 4, 8, 4],
  ['PROG_ARRAY', 4, 4, 4],
  ['PERF_EVENT_ARRAY', 4, 4, 4],
  ['PERCPU_HASH', 8, 8, 4],
  ['PERCPU_ARRAY', 4, 8, 4],
  ['STACK_TRACE', 4, 80, 4],
  ['CGROUP_ARRAY', 4, 4, 4],
  ['LRU_HASH', 8, 8, 4],
  ['LRU_PERCPU_HASH', 8, 8, 4],
  ['LPM_TRIE', 8, 8, 4, F_NO_PREALLOC],
  ['ARRAY_OF_MAPS', 4, 4, 4, 0, 2],
  ['HASH_OF_MAPS', 8, 4, 4, 0, 2],
  ['DEVMAP', 4, 4, 4],
  ['SOCKMAP', 4, 4, 4],
  ['CPUMAP', 4, 4, 4],
  ['XSKMAP', 4, 4, 4],
  ['SOCKHASH', 8, 4, 4],
  ['CGROUP_STORAGE', 16, 8, 0],
  ['REUSEPORT_SOCKARRAY', 4, 8, 4],
  ['PERCPU_CGROUP_STORAGE', 16, 8, 0],
  ['QUEUE', 0, 8, 4],
  ['STACK', 0, 8, 4],
  ['DEVMAP_HASH', 4, 4, 4],
  ['RINGBUF', 0, 0, 4096],
  ['BLOOM_FILTER', 0, 8, 4],
  ['USER_RINGBUF', 0, 0, 4096],
  ['SK_STORAGE', 4, 8, 0, F_NO_PREALLOC, 0, 1],
  ['INODE_STORAGE', 4, 8, 0, F_NO_PREALLOC, 0, 1],
  ['TASK_STORAGE', 4, 8, 0, F_NO_PREALLOC, 0, 1],
  ['CGRP_STORAGE', 4, 8, 0, F_NO_PREALLOC, 0, 1],
  ['ARENA', 0, 0, 10, F_MMAPABLE],
];

/** One map of each type, as loader.c wants them. */
export const MAPS = ROWS.map(([name, key, value, entries, flags = 0, inner = 0, btf = 0]) => ({
  name,
  row: [enums.bpf_map_type[`BPF_MAP_TYPE_${name}`], key, value, entries, flags, inner, 0, btf],
}));

const kind = (type, attach = null, target = undefined) => ({
  type,
  attach,
  ...(target && { target }),
});

/** Programs that between them may call all helpers that take maps. */
export const HELPER_FAMILIES = [
  kind('sched_cls'),
  kind('xdp'),
  kind('sk_skb'),
  kind('sk_msg', 'BPF_SK_MSG_VERDICT'),
  kind('sock_ops', 'BPF_CGROUP_SOCK_OPS'),
  kind('sk_reuseport', 'BPF_SK_REUSEPORT_SELECT'),
  kind('kprobe'),
  kind('tracing', 'BPF_TRACE_RAW_TP', 'sched_switch'),
  kind('lsm', 'BPF_LSM_MAC', 'bpf_lsm_inode_permission'),
  kind('tracing', 'BPF_TRACE_ITER', 'bpf_iter_sockmap'),
  kind('cgroup_skb', 'BPF_CGROUP_INET_INGRESS'),
  kind('socket_filter'),
  kind('cgroup_sock', 'BPF_CGROUP_INET_SOCK_CREATE'),
  kind('sk_lookup', 'BPF_SK_LOOKUP'),
  kind('flow_dissector', 'BPF_FLOW_DISSECTOR'),
  kind('tracing', 'BPF_TRACE_FENTRY', 'bpf_fentry_test1'),
];

const BPF_get_current_task_btf = 158;
const SK_OF_SKB = 168;
/** Zeroed bytes of stack, for keys, values and memory. */
const STACK = 256;

const onStack = (register, offset) => [copy(register, 10), add(register, offset)];

/** Where each kind of argument comes from: [register set-up, what must come before it all]. */
const ARGUMENTS = {
  map: (register, { map }) => [[loadImm64(register, map, 0, 1)]],
  ctx: (register) => [[copy(register, 6)]],
  map_key: (register) => [onStack(register, -64)],
  map_value: (register) => [onStack(register, -128)],
  mem: (register) => [onStack(register, -192)],
  dynptr: (register) => [onStack(register, -16)],
  size: (register) => [[mov(register, 8)]],
  alloc_size: (register) => [[mov(register, 8)]],
  any: (register) => [[mov(register, 0)]],
  scalar: (register) => [[mov(register, 0)]],
  btf_object: kernelObject,
  sock_common: socketOfPacket,
  btf_socket: socketOfPacket,
  socket: socketOfPacket,
};

/** The hook's inode, or the current task. */
function kernelObject(register, { kind: { type, attach }, arg }) {
  if (type !== 'lsm' && attach !== 'BPF_TRACE_RAW_TP') return undefined;
  const before =
    arg.btf === 'inode' ? [load(8, 7, 6, 0)] : [call(BPF_get_current_task_btf), copy(7, 0)];
  return [[copy(register, 7)], before];
}

function socketOfPacket(register, { kind: { type } }) {
  if (type !== 'sched_cls' && type !== 'cgroup_skb') return undefined;
  const before = [load(8, 7, 6, SK_OF_SKB), insn(0x55, 7, 0, 2, 0), mov(0, 0), exit()];
  return [[copy(register, 7)], before];
}

/** The program, or undefined when the helper wants what cannot be had here. */
export function helperCall(program, contract, map) {
  const setups = contract.args.map((arg, index) =>
    ARGUMENTS[arg.kind]?.(index + 1, { kind: program, arg, map }),
  );
  if (setups.includes(undefined)) return undefined;
  const zeros = Array.from({ length: STACK / 8 }, (_, slot) => store64(10, -8 * (slot + 1), 0));
  const before = setups.flatMap(([, insns]) => insns ?? []);
  const registers = setups.flatMap(([insns]) => insns);
  const end = [call(contract.id), mov(0, 0), exit()];
  return Buffer.concat([copy(6, 1), ...zeros, ...before, ...registers, ...end]);
}
