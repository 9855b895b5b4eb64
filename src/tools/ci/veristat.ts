/** How veristat makes an object ready (tools/testing/selftests/bpf/veristat.c of 6.12). */
import { type Btf, type BtfType, isModifier } from '../../btf/index.ts';
import type { MapSpec, ObjectFile, ProgramSpec } from '../../object/index.ts';

/** Maps that veristat knows to have no size. Newer ones get one too, and cannot be made then. */
const LEFT_ALONE = ['sk_storage', 'task_storage', 'inode_storage', 'cgroup_storage'];

/** A map without a size gets one entry. */
export function withEntry(spec: MapSpec): MapSpec {
  const isLeft = spec.maxEntries > 0 || LEFT_ALONE.includes(spec.type ?? '');
  return isLeft ? spec : { ...spec, maxEntries: 1 };
}

/** Names of a context, the user's and the kernel's, and the program that most likely has it. */
const GUESSES: readonly (readonly [names: string, type: string, attachType?: string])[] = [
  ['__sk_buff sk_buff', 'sched_cls'],
  ['bpf_sock sock', 'cgroup_sock', 'cgroup_inet4_post_bind'],
  ['bpf_sock_addr bpf_sock_addr_kern', 'cgroup_sock_addr', 'cgroup_inet4_bind'],
  ['bpf_sock_ops bpf_sock_ops_kern', 'sock_ops', 'cgroup_sock_ops'],
  ['sk_msg_md sk_msg', 'sk_msg', 'sk_msg_verdict'],
  ['bpf_cgroup_dev_ctx', 'cgroup_device', 'cgroup_device'],
  ['bpf_sysctl bpf_sysctl_kern', 'cgroup_sysctl', 'cgroup_sysctl'],
  ['bpf_sockopt bpf_sockopt_kern', 'cgroup_sockopt', 'cgroup_setsockopt'],
  ['sk_reuseport_md sk_reuseport_kern', 'sk_reuseport', 'sk_reuseport_select_or_migrate'],
  ['bpf_sk_lookup bpf_sk_lookup_kern', 'sk_lookup', 'sk_lookup'],
  ['xdp_md xdp_buff', 'xdp', 'xdp'],
  ['bpf_user_pt_regs_t pt_regs', 'kprobe'],
  ['bpf_perf_event_data bpf_perf_event_data_kern', 'perf_event'],
  ['bpf_raw_tracepoint_args', 'raw_tracepoint'],
];

/** A replacement of another object's function, as a program of its own where its type is clear. */
export function standalone({ btf }: ObjectFile, program: ProgramSpec): ProgramSpec {
  if (program.type !== 'ext' || !btf) return program;
  const context = contextName(btf, program.name);
  const guess = GUESSES.find(([names]) => context && names.split(' ').includes(context));
  if (!guess) return program;
  const [, type, attachType] = guess;
  return { ...program, type, attachType, attachTarget: undefined };
}

/** The name of what the only argument of a function points to. */
function contextName(btf: Btf, name: string): string | undefined {
  const id = btf.find('func', name);
  const func = id === undefined ? undefined : btf.type(id);
  const proto = func?.kind === 'func' ? btf.type(func.type) : undefined;
  if (proto?.kind !== 'func_proto' || proto.params.length !== 1) return undefined;
  const pointer = unmodified(btf, proto.params[0]!.type);
  return pointer.kind === 'ptr' ? unmodified(btf, pointer.type).name : undefined;
}

/** A typedef's name says more than what it stands for. */
function unmodified(btf: Btf, id: number): BtfType {
  let type = btf.type(id);
  while (isModifier(type)) type = btf.type(type.type);
  return type;
}
