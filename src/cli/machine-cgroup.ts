/** `cgroup show`, `tree`, `attach` and `detach`: bpftool's words on a machine in a file. */
import { attachTypeId, attachTypeName, constants, mayAttach } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import type { Machine, MachineProgram } from '../machine/index.ts';
import type { Cgroup } from '../machine/cgroup/cgroup.ts';
import type { CommandCall } from './command.ts';
import { usageError } from './exit.ts';
import type { CliIo } from './io.ts';
import { takeObject } from './machine-choice.ts';
import { onMachine } from './machine-file.ts';

const { BPF_F_ALLOW_MULTI, BPF_F_ALLOW_OVERRIDE } = constants;
/** Where hosts have the hierarchy: paths may begin there. */
const MOUNT = /^\/sys\/fs\/cgroup(?=\/|$)/;
const CGROUP_TYPE = /^(cgroup_|lsm_cgroup$)/;
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
const FLAGS: Readonly<Record<string, number>> = {
  multi: BPF_F_ALLOW_MULTI,
  override: BPF_F_ALLOW_OVERRIDE,
};

interface Row {
  readonly id: number;
  readonly attach_type: string;
  readonly attach_flags?: string;
  readonly name: string;
  /** Of LSM programs, which there are none of. */
  readonly attach_btf_obj_id: number;
  readonly attach_btf_id: number;
}

function existing({ cgroups }: Machine, path: string): Cgroup {
  const found = cgroups.find(path.replace(MOUNT, ''));
  if (found) return found;
  throw new KernelError('ENOENT', 2, `there is no cgroup ${path}`);
}

function rowsOf(cgroup: Cgroup, attachTypes: readonly number[], effective: boolean): Row[] {
  return attachTypes.flatMap((type) => {
    const own = cgroup.programs(type);
    const programs = effective
      ? cgroup.effective(type).map(({ program }) => program)
      : (own?.entries ?? []).map(({ program, link }) => program ?? link!.program);
    return programs.map((program) => ({
      id: program.id,
      attach_type: attachTypeName(type),
      ...(effective ? {} : { attach_flags: flagsText(own?.flags ?? 0) }),
      name: program.spec.name,
      attach_btf_obj_id: 0,
      attach_btf_id: 0,
    }));
  });
}

/** Attach types with programs anywhere, in the order of their numbers. */
function typesInUse({ cgroups }: Machine): number[] {
  const all = [...cgroups.root.descendants()].flatMap(({ attachTypes }) => attachTypes);
  return [...new Set(all)].sort((a, b) => a - b);
}

function flagsText(flags: number): string {
  if (flags & BPF_F_ALLOW_MULTI) return 'multi';
  return flags & BPF_F_ALLOW_OVERRIDE ? 'override' : '';
}

function header(effective: boolean): string {
  return `ID       AttachType      ${effective ? '' : 'AttachFlags     '}Name`;
}

/** bpftool's columns, as wide as what is in them. */
function rowText({ id, attach_type, attach_flags, name }: Row): string {
  const cells = [attach_type, ...(attach_flags === undefined ? [] : [attach_flags]), name];
  return `${`${id}`.padEnd(8)} ${cells.map((cell) => cell.padEnd(15)).join(' ')}`.trimEnd();
}

function takeEffective(words: string[]): boolean {
  const word = words.shift();
  if (word !== undefined && word !== 'effective') throw usageError(`'${word}' is not expected`);
  return word !== undefined;
}

/** `cgroup show CGROUP [effective]` */
export function show(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: false,
    run({ machine }) {
      const [path, ...words] = call.operands;
      const effective = takeEffective(words);
      const rows = rowsOf(existing(machine, path!), typesInUse(machine), effective);
      const lines = rows.length === 0 ? [] : [header(effective), ...rows.map(rowText)];
      return { json: rows, text: lines.map((line) => `${line}\n`).join('') };
    },
  });
}

/** `cgroup tree [CGROUP] [effective]`: cgroups that have programs, or run some. */
export function tree(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: false,
    run({ machine }) {
      const words = [...call.operands];
      const path = words.length > 0 && words[0] !== 'effective' ? words.shift()! : '/';
      const effective = takeEffective(words);
      const types = typesInUse(machine);
      const top = existing(machine, path);
      const all = [...top.descendants()]
        .map((one) => ({ cgroup: one.path, programs: rowsOf(one, types, effective) }))
        .filter(({ programs }) => programs.length > 0);
      const lines = all.flatMap(({ cgroup, programs }) => [
        cgroup,
        ...programs.map((row) => `${cgroup === top.path ? '' : '    '}${rowText(row)}`),
      ]);
      const text = ['CgroupPath', header(effective), ...lines].map((line) => `${line}\n`).join('');
      return { json: all, text };
    },
  });
}

function takeAttachType(words: string[]): number {
  const word = words.shift() ?? '';
  const name = Object.hasOwn(LEGACY, word) ? LEGACY[word]! : word;
  const type = CGROUP_TYPE.test(name) ? attachTypeId(name) : undefined;
  if (type === undefined) throw usageError(`'${word}' is no attach type of cgroups`);
  return type;
}

function takeProgram(machine: Machine, words: string[], attachType: number): MachineProgram {
  const program = takeObject(machine, 'prog', words);
  if (mayAttach(program.typeId, program.expectedAttachType, attachType)) return program;
  const text = `program ${program.id} cannot be attached as ${attachTypeName(attachType)}`;
  throw new KernelError('EINVAL', 22, text);
}

/** `cgroup attach CGROUP ATTACH_TYPE PROG [multi|override]`: no link holds the program. */
export function attach(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: true,
    run({ machine }) {
      const [path, ...words] = call.operands;
      const attachType = takeAttachType(words);
      const program = takeProgram(machine, words, attachType);
      let flags = 0;
      for (const word of words) {
        if (!Object.hasOwn(FLAGS, word)) throw usageError(`'${word}' is none of: multi, override`);
        flags |= FLAGS[word]!;
      }
      const cgroup = machine.cgroups.make(path!.replace(MOUNT, ''));
      const rules = { flags, relative: 0, revision: 0n, anchor: () => undefined };
      cgroup.attach(attachType, { ...rules, program });
      return {};
    },
  });
}

/** `cgroup detach CGROUP ATTACH_TYPE PROG` */
export function detach(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: true,
    run({ machine }) {
      const [path, ...words] = call.operands;
      const attachType = takeAttachType(words);
      const program = takeObject(machine, 'prog', words);
      if (words.length > 0) throw usageError(`'${words[0]}' is not expected`);
      existing(machine, path!).detach(attachType, program, undefined, 0n);
      return {};
    },
  });
}
