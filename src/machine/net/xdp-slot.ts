import { constants, errnos } from '../../abi/index.ts';
import type { HookPoint, PointAttach, PointDetach, PointMember } from '../objects/hook-point.ts';
import { OrderedPrograms } from '../mprog.ts';
import type { MachineLink } from '../objects/link.ts';
import type { MachineProgram } from '../program.ts';

/** XDP_FLAGS_* (include/uapi/linux/if_link.h). */
export const XDP_FLAGS_UPDATE_IF_NOEXIST = 1;
export const XDP_FLAGS_REPLACE = 16;

const { BPF_F_REPLACE } = constants;
const no = (name: string): number => -errnos[name]!;

/** Errno with which a device takes no such program, or undefined. */
type Refusal = (program: MachineProgram) => string | undefined;

/** A member of a chain: after these verdicts (bits by number) the next program runs. */
export interface ChainMember extends PointMember {
  readonly chainCalls?: number;
}

/**
 * The XDP programs of a device in one mode (struct bpf_xdp_entity): one program, as in Linux; or,
 * our extension, a chain in bpf_mprog's order whose members say after which verdicts it goes on.
 */
export class XdpSlot implements HookPoint {
  programs: readonly MachineProgram[] = [];
  /** Of `programs`, one by one; undefined: no chain. */
  chainCalls: readonly number[] | undefined;
  readonly #calls = new Map<MachineProgram, number>();
  readonly #other: () => XdpSlot;
  readonly #refuses: Refusal;
  #single: PointMember | undefined;
  #chain: OrderedPrograms<MachineProgram, MachineLink> | undefined;

  /** `other`: the slot of the other mode. `refuses`: what the device says of a program. */
  constructor(other: () => XdpSlot, refuses: Refusal) {
    this.#other = other;
    this.#refuses = refuses;
  }

  get members(): readonly ChainMember[] {
    if (this.#single) return [this.#single];
    const members = this.#chain?.members ?? [];
    return members.map((member) => {
      return { ...member, chainCalls: this.#calls.get(member.program)! };
    });
  }

  get revision(): bigint {
    return this.#chain?.revision ?? 1n;
  }

  /** As dev_xdp_attach, flags XDP_FLAGS_*; with `chainCalls` as bpf_mprog, its flags. */
  attach(request: PointAttach): number {
    const result =
      request.chainCalls === undefined ? this.#attachOne(request) : this.#attachChained(request);
    if (result === 0) this.#show();
    return result;
  }

  #attachOne({ program, link, flags = 0, replaces }: PointAttach): number {
    if (this.#chain) return this.#replaceInChain(program, link, replaces);
    const now = this.#single;
    if (now?.link && now.link === link) return this.#install({ program, link });
    if (now?.link) return no('EBUSY');
    if (link && now) return no('EBUSY');
    if (!link) {
      const named = replaces !== undefined || (flags & XDP_FLAGS_REPLACE) !== 0;
      if (named && now?.program !== replaces) return no('EEXIST');
      if (flags & XDP_FLAGS_UPDATE_IF_NOEXIST && now) return no('EBUSY');
    }
    if (now?.program === program) return 0;
    return this.#install({ program, link });
  }

  /** The link of a chain's member gets another program (BPF_LINK_UPDATE). */
  #replaceInChain(
    program: MachineProgram,
    link: MachineLink | undefined,
    replaces: MachineProgram | undefined,
  ): number {
    const held = this.#chain!.members.find((one) => one.link !== undefined && one.link === link);
    if (!held || held.program !== replaces) return no('EBUSY');
    const result = this.#chain!.attach({ program, link, replaces, flags: BPF_F_REPLACE });
    if (result === 0) this.#calls.set(program, this.#calls.get(replaces)!);
    return result;
  }

  #install(member: PointMember): number {
    const refused = this.#cannot(member.program);
    if (refused !== 0) return refused;
    this.#single = member;
    return 0;
  }

  /** What the driver and dev_xdp_install say. */
  #cannot(program: MachineProgram): number {
    const refused = this.#refuses(program);
    if (refused) return no(refused);
    const { spec } = program;
    if (this.#other().programs.length > 0) return no('EEXIST');
    return spec.attachType === 'xdp_devmap' || spec.attachType === 'xdp_cpumap' ? no('EINVAL') : 0;
  }

  #attachChained(request: PointAttach): number {
    if (this.#single) return no('EBUSY');
    const refused = this.#cannot(request.program);
    if (refused !== 0) return refused;
    const chain = this.#chain ?? new OrderedPrograms<MachineProgram, MachineLink>();
    const result = chain.attach(request);
    if (result !== 0) return result;
    this.#chain = chain;
    this.#calls.set(request.program, request.chainCalls!);
    return 0;
  }

  detach(request: PointDetach): number {
    const result = this.#chain ? this.#chain.detach(request) : this.#detachOne(request);
    if (this.#chain?.members.length === 0) this.#chain = undefined;
    if (result === 0) this.#show();
    return result;
  }

  /** Without a program: whichever is there. As with ip link set ... xdp off, none is no error. */
  #detachOne({ program, link, flags = 0 }: PointDetach): number {
    const now = this.#single;
    if (now?.link !== link) return no('EBUSY');
    if (flags & XDP_FLAGS_REPLACE && now?.program !== program) return no('EEXIST');
    this.#single = undefined;
    return 0;
  }

  clear(): void {
    this.#single = undefined;
    this.#chain = undefined;
    this.#show();
  }

  resumeAt(revision: bigint): void {
    this.#chain?.resumeAt(revision);
  }

  #show(): void {
    this.programs = this.members.map(({ program }) => program);
    for (const program of this.#calls.keys()) {
      if (!this.programs.includes(program)) this.#calls.delete(program);
    }
    const calls = this.#calls;
    this.chainCalls = this.#chain && this.programs.map((program) => calls.get(program)!);
  }
}

/** Both modes of a device: native in the driver, generic in front of the stack. */
export class XdpSlots {
  readonly native: XdpSlot;
  readonly generic: XdpSlot;
  readonly #hasDriver: boolean;

  /** `owns`: the device is the one that a program is bound to. */
  constructor(hasDriver: boolean, owns: (program: MachineProgram) => boolean) {
    this.#hasDriver = hasDriver;
    const native: Refusal = (program) => {
      if (!hasDriver) return 'EOPNOTSUPP';
      return program.bound && !owns(program) ? 'EINVAL' : undefined;
    };
    this.native = new XdpSlot(() => this.generic, native);
    this.generic = new XdpSlot(
      () => this.native,
      ({ bound }) => (bound ? 'EINVAL' : undefined),
    );
  }

  slot(mode: 'native' | 'generic'): XdpSlot {
    return this[mode];
  }

  /** The driver's, if it has one. */
  get usual(): 'native' | 'generic' {
    return this.#hasDriver ? 'native' : 'generic';
  }
}
