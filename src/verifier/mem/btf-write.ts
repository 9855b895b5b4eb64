/** Stores to structs of the kernel that some program types allow (ops->btf_struct_access). */
import { constants } from '../../abi/index.ts';
import type { Btf, BtfMember } from '../../btf/index.ts';
import { attachKernelBtf, attachModule } from '../btf/modules.ts';
import type { VerifierEnv } from '../env.ts';
import { btfAccessMessages } from '../messages/btf-access.ts';
import { BTF_ID } from '../state/layout.ts';

/** Types whose stores conntrack decides about, if its module is loaded. */
const CONNTRACK_TYPES = new Set<number>([
  constants.BPF_PROG_TYPE_SCHED_CLS,
  constants.BPF_PROG_TYPE_SCHED_ACT,
  constants.BPF_PROG_TYPE_XDP,
]);

/** True if the program type decides itself what may be written. */
export function hasStructWriteRules(env: VerifierEnv): boolean {
  const type = env.programType;
  if (type !== constants.BPF_PROG_TYPE_STRUCT_OPS) return CONNTRACK_TYPES.has(type);
  const module = attachModule(env);
  return !module || module.structOps[structOpsName(env)]?.writable !== undefined;
}

/** The struct of operations a struct_ops program is one of: 'tcp_congestion_ops'. */
export function structOpsName(env: VerifierEnv): string {
  return attachKernelBtf(env).type(env.input.attachBtfId).name;
}

/** Members of a TCP socket that congestion control may write, from `struct sock` up. */
const TCP_MEMBERS: readonly (readonly [string, string])[] = [
  ['sock', 'sk_pacing_rate'],
  ['sock', 'sk_pacing_status'],
  ['inet_connection_sock', 'icsk_ca_priv'],
  ['inet_connection_sock', 'icsk_ack.pending'],
  ['tcp_sock', 'snd_cwnd'],
  ['tcp_sock', 'snd_cwnd_cnt'],
  ['tcp_sock', 'snd_cwnd_stamp'],
  ['tcp_sock', 'snd_ssthresh'],
  ['tcp_sock', 'ecn_flags'],
  ['tcp_sock', 'app_limited'],
];

/** The private area may be written anywhere, the others only from their start. */
const ANYWHERE = 'icsk_ca_priv';

function memberOf(btf: Btf, id: number, name: string): BtfMember | undefined {
  const type = btf.resolved(id);
  if (type.kind !== 'struct' && type.kind !== 'union') return undefined;
  return type.members.find((member) => member.name === name);
}

/** First byte, and the byte behind, of a member given by its path. */
function bytesOf(btf: Btf, struct: string, path: string): readonly [number, number] | undefined {
  let id = btf.find('struct', struct);
  let start = 0;
  for (const name of path.split('.')) {
    const member = id === undefined ? undefined : memberOf(btf, id, name);
    if (!member) return undefined;
    start += member.bitOffset >> 3;
    id = member.type;
  }
  return [start, start + btf.sizeOf(id!)];
}

/** Mirrors bpf_tcp_ca_btf_struct_access. */
function checkTcpWrite(env: VerifierEnv, id: number, off: number, size: number): void {
  const btf = env.profile.btf();
  if (id !== btf.find('struct', 'tcp_sock')) env.reject('EACCES', btfAccessMessages.read_only());
  for (const [struct, path] of TCP_MEMBERS) {
    const bytes = bytesOf(btf, struct, path);
    if (!bytes) continue;
    const [start, end] = bytes;
    if (off !== start && !(path === ANYWHERE && off > start && off < end)) continue;
    if (off + size <= end) return;
    env.reject('EACCES', btfAccessMessages.beyond_tcp_sock_member(off, size, end));
  }
  env.reject('EACCES', btfAccessMessages.no_tcp_sock_write(off));
}

/** Mirrors bpf_dummy_ops_btf_struct_access. */
function checkDummyWrite(env: VerifierEnv, id: number, off: number, size: number): void {
  const btf = env.profile.btf();
  const state = btf.find('struct', 'bpf_dummy_ops_state');
  if (state === undefined) env.reject('EINVAL');
  if (id !== state) env.reject('EACCES', btfAccessMessages.only_dummy_state());
  if (off + size > btf.sizeOf(state)) {
    env.reject('EACCES', btfAccessMessages.dummy_state_bounds(off, size));
  }
}

/** Connections, and what they are before they are confirmed. */
const CONNECTIONS = ['nf_conn', 'nf_conn___init'];

/** Mirrors nf_conntrack's rules (_nf_conntrack_btf_struct_access). */
function checkConntrackWrite(env: VerifierEnv, id: number, off: number, size: number): void {
  const module = env.profile.modules.find(({ name }) => name === 'nf_conntrack');
  if (!module) env.reject('EACCES');
  const btf = module.btf();
  const ids = CONNECTIONS.map((name) => btf.find('struct', name));
  if (!ids.includes(id)) env.reject('EACCES', btfAccessMessages.read_only());
  const bytes = bytesOf(btf, 'nf_conn', 'mark');
  if (!bytes || off !== bytes[0]) {
    return env.reject('EACCES', btfAccessMessages.no_connection_write(off));
  }
  if (off + size > bytes[1]) {
    env.reject('EACCES', btfAccessMessages.beyond_connection_member(off, size, bytes[1]));
  }
}

/** A module lets programs write all of one struct; which one is passed is not looked at. */
function checkModuleWrite(env: VerifierEnv, struct: string, off: number, size: number): void {
  const btf = attachKernelBtf(env);
  const id = btf.find('struct', struct);
  if (id === undefined || off < 0 || off + size > btf.sizeOf(id)) env.reject('EACCES');
}

/** Checks a store through the pointer to a kernel struct in record `(w, r)`. */
export function checkStructWrite(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  off: number,
  size: number,
): void {
  const id = w[r + BTF_ID]!;
  if (CONNTRACK_TYPES.has(env.programType)) return checkConntrackWrite(env, id, off, size);
  const writable = attachModule(env)?.structOps[structOpsName(env)]?.writable;
  if (writable) return checkModuleWrite(env, writable, off, size);
  switch (structOpsName(env)) {
    case 'tcp_congestion_ops':
      return checkTcpWrite(env, id, off, size);
    case 'bpf_dummy_ops':
      return checkDummyWrite(env, id, off, size);
    default:
      return env.reject('EACCES', btfAccessMessages.read_only());
  }
}
