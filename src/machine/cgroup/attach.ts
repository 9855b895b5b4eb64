/** Attaching to cgroups by options, for the API; bpf(2) says the same in flags. */
import { attachTypeId, constants, enums } from '../../abi/index.ts';
import type { AttachOptions, KernelLink, KernelProgram } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { Machine } from '../machine.ts';
import { orderRules } from '../objects/attach.ts';
import type { MachineProgram } from '../program.ts';
import { Cgroup } from './cgroup.ts';
import { CgroupLink } from './link.ts';
import type { CgroupAttach } from './programs.ts';

const { BPF_F_ALLOW_MULTI, BPF_F_ALLOW_OVERRIDE, BPF_F_LINK, BPF_F_PREORDER } = constants;
const attach = enums.bpf_attach_type;

/** Of types with one place to attach to. */
const ONLY: Readonly<Record<string, number>> = {
  cgroup_device: attach.BPF_CGROUP_DEVICE,
  cgroup_sysctl: attach.BPF_CGROUP_SYSCTL,
  sock_ops: attach.BPF_CGROUP_SOCK_OPS,
};
const DIRECTION = {
  ingress: attach.BPF_CGROUP_INET_INGRESS,
  egress: attach.BPF_CGROUP_INET_EGRESS,
} as const;
const SHARING = { multi: BPF_F_ALLOW_MULTI, override: BPF_F_ALLOW_OVERRIDE, none: 0 } as const;

/** What the request says beside program and link. */
export type CgroupRules = Omit<CgroupAttach, 'program' | 'link'>;

/** BPF_LINK_CREATE at a cgroup. Throws KernelError, and then there is no link. */
export function attachCgroupLink(
  machine: Machine,
  program: MachineProgram,
  cgroup: Cgroup,
  attachType: number,
  rules: CgroupRules,
): CgroupLink {
  const link = machine.addLink((forget) => new CgroupLink(program, forget, cgroup, attachType));
  try {
    cgroup.attach(attachType, { ...rules, link, flags: rules.flags | BPF_F_ALLOW_MULTI });
  } catch (error) {
    link.loseCgroup();
    link[Symbol.dispose]();
    throw error;
  }
  return link;
}

/** A program at a cgroup that no link holds: it stays until `detach`, or the cgroup goes. */
class DirectCgroupProgram implements KernelLink {
  /** It has no id. */
  readonly id = 0;
  readonly program: KernelProgram;
  readonly #off: () => void;
  #there = true;

  constructor(program: MachineProgram, cgroup: Cgroup, attachType: number, rules: CgroupRules) {
    cgroup.attach(attachType, { ...rules, program });
    this.program = program;
    this.#off = () => {
      const there = cgroup.programs(attachType)?.entries ?? [];
      if (there.some((one) => one.program === program)) {
        cgroup.detach(attachType, program, undefined, 0n);
      }
    };
  }

  /** Throws KernelError EINVAL: it is no iterator. */
  read(): Uint8Array {
    return refuse('EINVAL', 'a program at a cgroup is no iterator');
  }

  detach(): void {
    if (this.#there) this.#off();
    this.#there = false;
  }

  [Symbol.dispose](): void {
    this.detach();
  }
}

/** Puts a program at a cgroup as options say. Throws KernelError. */
export function attachToCgroup(
  machine: Machine,
  program: MachineProgram,
  options: AttachOptions,
): KernelLink {
  const cgroup = cgroupNamed(machine, program, options);
  const attachType = attachTypeOf(program, options);
  const { link = true, sharing = 'multi', preorder = false } = options;
  const { anchor, flags = 0, replaces, revision = 0n } = orderRules(machine, options);
  const found = anchor?.() as ReturnType<CgroupRules['anchor']>;
  const more = (preorder ? BPF_F_PREORDER : 0) | (found?.link ? BPF_F_LINK : 0);
  const rules: CgroupRules = {
    flags: flags | more | (link ? BPF_F_ALLOW_MULTI : SHARING[sharing]),
    relative: found ? (found.link?.id ?? found.program.id) : 0,
    revision,
    replaces,
    anchor: () => found,
  };
  if (link && !replaces) return attachCgroupLink(machine, program, cgroup, attachType, rules);
  return new DirectCgroupProgram(program, cgroup, attachType, rules);
}

function cgroupNamed(machine: Machine, program: MachineProgram, { cgroup }: AttachOptions): Cgroup {
  if (cgroup instanceof Cgroup) return cgroup;
  if (typeof cgroup === 'string') return machine.cgroups.make(cgroup);
  return refuse('EINVAL', `program '${program.spec.name}' needs a cgroup to attach to`);
}

/** Where a program goes: its type or section says it, packets' direction may be an option. */
export function attachTypeOf(
  { type, spec, expectedAttachType }: MachineProgram,
  { direction }: AttachOptions = {},
): number {
  const only = ONLY[type.name];
  if (only !== undefined) return only;
  const named = spec.attachType === undefined ? undefined : attachTypeId(spec.attachType);
  if (type.name !== 'cgroup_skb') return named ?? expectedAttachType;
  if (direction) return DIRECTION[direction];
  return named ?? refuse('EINVAL', `program '${spec.name}': ingress, or egress?`);
}
