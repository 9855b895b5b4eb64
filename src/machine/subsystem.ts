import type { AttachOptions, ProgramBinding, RunOptions, RunResult } from '../kernel/index.ts';
import type { DevicePlace } from './objects/device-link.ts';
import type { MachineLink } from './objects/link.ts';
import type { BoundDevice, MachineProgram } from './program.ts';

/** A part of the kernel that has hooks: network, tracing, … Each knows its program types only. */
export interface Subsystem {
  /** `attachType`: bpftool's word, if the program's section has one. */
  serves(programType: string, attachType: string | undefined): boolean;
  /** The device a program is to be bound to. Throws KernelError EINVAL, EOPNOTSUPP. */
  bind?(programType: string, binding: ProgramBinding): BoundDevice;
  /** BPF_PROG_TEST_RUN. */
  run(program: MachineProgram, options: RunOptions): RunResult;
  /** Puts the program at a hook; returns the way to take it off. */
  attach(program: MachineProgram, options: AttachOptions): () => void;
  /**
   * What a link made by `attach` is. Throws KernelError for places that do not exist. A part
   * without it has no links.
   */
  place?(program: MachineProgram, options: AttachOptions): DevicePlace;
  /** A link of the part's own kind, where `attach` is not at a device. Throws KernelError. */
  link?(
    program: MachineProgram,
    options: AttachOptions,
    ended: (link: MachineLink) => void,
  ): MachineLink;
  /** The device with that number. */
  deviceAt?(ifindex: number): { readonly name: string } | undefined;
}
