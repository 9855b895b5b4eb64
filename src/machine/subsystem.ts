import type { AttachOptions, ProgramBinding, RunOptions, RunResult } from '../kernel/index.ts';
import type { ProgramSpec } from '../object/index.ts';
import type { DevicePlace } from './objects/device-link.ts';
import type { LinkInfo, MachineLink } from './objects/link.ts';
import type { BoundDevice, MachineProgram } from './program.ts';

/** A program at its hook: the way to take it off, and for iterators the way to run them. */
export interface Attached {
  /** BPF_LINK_TYPE_*, and what struct bpf_link_info says. */
  readonly type: number;
  readonly info: LinkInfo;
  readonly detach: () => void;
  readonly read?: () => Uint8Array;
}

/** Of a program's section: bpftool's word for the attach type, and what it names. */
export type ProgramHook = Partial<Pick<ProgramSpec, 'attachType' | 'attachTarget'>>;

/** A part of the kernel that has hooks: network, tracing, … Each knows its program types only. */
export interface Subsystem {
  serves(programType: string, hook: ProgramHook): boolean;
  /** The device a program is to be bound to. Throws KernelError EINVAL, EOPNOTSUPP. */
  bind?(programType: string, binding: ProgramBinding): BoundDevice;
  /** BPF_PROG_TEST_RUN. */
  run(program: MachineProgram, options: RunOptions): RunResult;
  /** Says why there are no hooks: throws KernelError. Only of parts without `place`. */
  attach?(program: MachineProgram, options: AttachOptions): unknown;
  /** Where a program goes. Throws KernelError for places that do not exist. */
  place?(program: MachineProgram, options: AttachOptions): DevicePlace;
  /** The place with that attach type at a device. Throws KernelError ENODEV and the like. */
  placeAt?(attachType: number, ifindex: number): DevicePlace;
  /** As `attach`, for hooks that are at no device. */
  hook?(program: MachineProgram, options: AttachOptions): Attached;
  /** A link of the part's own kind, where `attach` is not at a device. Throws KernelError. */
  link?(
    program: MachineProgram,
    options: AttachOptions,
    ended: (link: MachineLink) => void,
  ): MachineLink;
  /** The device with that number. */
  deviceAt?(ifindex: number): { readonly name: string } | undefined;
}
