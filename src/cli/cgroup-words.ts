/** Words of the commands about cgroups, and how their programs are shown: bpftool's way. */
import { attachTypeId, constants } from '../abi/index.ts';
import { usageError } from './exit.ts';
import type { Output } from './machine-file.ts';

const { BPF_F_ALLOW_MULTI, BPF_F_ALLOW_OVERRIDE } = constants;
/** Where hosts have the hierarchy: paths may begin there. */
export const CGROUP_MOUNT = /^\/sys\/fs\/cgroup(?=\/|$)/;
export const CGROUP_TYPE = /^(cgroup_|lsm_cgroup$)/;
/** What bpftool called attach types once, and still understands. */
const LEGACY: Readonly<Record<string, string>> = {
  ingress: 'cgroup_inet_ingress',
  egress: 'cgroup_inet_egress',
  sock_create: 'cgroup_inet_sock_create',
  sock_release: 'cgroup_inet_sock_release',
  sock_ops: 'cgroup_sock_ops',
  device: 'cgroup_device',
  bind4: 'cgroup_inet4_bind',
  bind6: 'cgroup_inet6_bind',
  connect4: 'cgroup_inet4_connect',
  connect6: 'cgroup_inet6_connect',
  post_bind4: 'cgroup_inet4_post_bind',
  post_bind6: 'cgroup_inet6_post_bind',
  getpeername4: 'cgroup_inet4_getpeername',
  getpeername6: 'cgroup_inet6_getpeername',
  getsockname4: 'cgroup_inet4_getsockname',
  getsockname6: 'cgroup_inet6_getsockname',
  sendmsg4: 'cgroup_udp4_sendmsg',
  sendmsg6: 'cgroup_udp6_sendmsg',
  recvmsg4: 'cgroup_udp4_recvmsg',
  recvmsg6: 'cgroup_udp6_recvmsg',
  sysctl: 'cgroup_sysctl',
  getsockopt: 'cgroup_getsockopt',
  setsockopt: 'cgroup_setsockopt',
};
const SHARING: Readonly<Record<string, number>> = {
  multi: BPF_F_ALLOW_MULTI,
  override: BPF_F_ALLOW_OVERRIDE,
};

/** A program at a cgroup by bpftool's keys. */
export interface CgroupRow {
  readonly id: number;
  readonly attach_type: string;
  readonly attach_flags?: string;
  readonly name: string;
  /** Of LSM programs: BTF and the function; 0 else. */
  readonly attach_btf_obj_id: number;
  readonly attach_btf_id: number;
}

/** What BPF_F_ALLOW_MULTI and BPF_F_ALLOW_OVERRIDE are called. */
export function sharingText(flags: number): string {
  if (flags & BPF_F_ALLOW_MULTI) return 'multi';
  return flags & BPF_F_ALLOW_OVERRIDE ? 'override' : '';
}

function header(effective: boolean): string {
  return `ID       AttachType      ${effective ? '' : 'AttachFlags     '}Name`;
}

/** bpftool's columns, as wide as what is in them. */
function rowText({ id, attach_type, attach_flags, name }: CgroupRow): string {
  const cells = [attach_type, ...(attach_flags === undefined ? [] : [attach_flags]), name];
  return `${`${id}`.padEnd(8)} ${cells.map((cell) => cell.padEnd(15)).join(' ')}`.trimEnd();
}

export function takeEffective(words: string[]): boolean {
  const word = words.shift();
  if (word !== undefined && word !== 'effective') throw usageError(`'${word}' is not expected`);
  return word !== undefined;
}

/** `[CGROUP] [effective]` */
export function treeWords(operands: readonly string[]): { path: string; effective: boolean } {
  const words = [...operands];
  const path = words.length > 0 && words[0] !== 'effective' ? words.shift()! : '/';
  return { path, effective: takeEffective(words) };
}

export function takeAttachType(words: string[]): number {
  const word = words.shift() ?? '';
  const name = Object.hasOwn(LEGACY, word) ? LEGACY[word]! : word;
  const type = CGROUP_TYPE.test(name) ? attachTypeId(name) : undefined;
  if (type === undefined) throw usageError(`'${word}' is no attach type of cgroups`);
  return type;
}

/** `multi`, `override` or nothing: BPF_F_ALLOW_* */
export function takeSharing(words: readonly string[]): number {
  let flags = 0;
  for (const word of words) {
    if (!Object.hasOwn(SHARING, word)) throw usageError(`'${word}' is none of: multi, override`);
    flags |= SHARING[word]!;
  }
  return flags;
}

/** What `cgroup show` says. */
export function programsOutput(rows: readonly CgroupRow[], effective: boolean): Output {
  const lines = rows.length === 0 ? [] : [header(effective), ...rows.map(rowText)];
  return { json: rows, text: lines.map((line) => `${line}\n`).join('') };
}

/** Programs of a cgroup. */
interface CgroupPrograms {
  readonly cgroup: string;
  readonly programs: readonly CgroupRow[];
}

/** What `cgroup tree` says of a cgroup and those below: only those that have programs are shown. */
export function treeOutput(all: readonly CgroupPrograms[], effective: boolean): Output {
  const top = all[0]?.cgroup;
  const json = all.filter(({ programs }) => programs.length > 0);
  const lines = json.flatMap(({ cgroup, programs }) => [
    cgroup,
    ...programs.map((row) => `${cgroup === top ? '' : '    '}${rowText(row)}`),
  ]);
  const text = ['CgroupPath', header(effective), ...lines].map((line) => `${line}\n`).join('');
  return { json, text };
}
