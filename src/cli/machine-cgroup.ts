/** `cgroup show`, `tree`, `attach` and `detach`: bpftool's words on a machine in a file. */
import { attachTypeName, mayAttach } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import type { Machine, MachineProgram } from '../machine/index.ts';
import type { Cgroup } from '../machine/cgroup/cgroup.ts';
import type { CommandCall } from './command.ts';
import {
  CGROUP_MOUNT,
  type CgroupRow,
  programsOutput,
  sharingText,
  takeAttachType,
  takeEffective,
  takeSharing,
  treeOutput,
  treeWords,
} from './cgroup-words.ts';
import { usageError } from './exit.ts';
import type { CliIo } from './io.ts';
import { takeObject } from './machine-choice.ts';
import { onMachine } from './machine-file.ts';

function existing({ cgroups }: Machine, path: string): Cgroup {
  const found = cgroups.find(path.replace(CGROUP_MOUNT, ''));
  if (found) return found;
  throw new KernelError('ENOENT', 2, `there is no cgroup ${path}`);
}

function rowsOf(cgroup: Cgroup, attachTypes: readonly number[], effective: boolean): CgroupRow[] {
  return attachTypes.flatMap((type) => {
    const own = cgroup.programs(type);
    const programs = effective
      ? cgroup.effective(type).map(({ program }) => program)
      : (own?.entries ?? []).map(({ program, link }) => program ?? link!.program);
    return programs.map((program) => ({
      id: program.id,
      attach_type: attachTypeName(type),
      ...(effective ? {} : { attach_flags: sharingText(own?.flags ?? 0) }),
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

/** `cgroup show CGROUP [effective]` */
export function show(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: false,
    run({ machine }) {
      const [path, ...words] = call.operands;
      const effective = takeEffective(words);
      const rows = rowsOf(existing(machine, path!), typesInUse(machine), effective);
      return programsOutput(rows, effective);
    },
  });
}

/** `cgroup tree [CGROUP] [effective]`: cgroups that have programs, or run some. */
export function tree(call: CommandCall, io: CliIo): Promise<number> {
  return onMachine(call, io, {
    changes: false,
    run({ machine }) {
      const { path, effective } = treeWords(call.operands);
      const types = typesInUse(machine);
      const all = Array.from(existing(machine, path).descendants(), (one) => ({
        cgroup: one.path,
        programs: rowsOf(one, types, effective),
      }));
      return treeOutput(all, effective);
    },
  });
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
      const flags = takeSharing(words);
      const cgroup = machine.cgroups.make(path!.replace(CGROUP_MOUNT, ''));
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
