import type { AttachOptions, RunOptions, RunResult } from '../kernel/index.ts';
import type { DevicePlace } from './objects/device-link.ts';
import type { MachineLink } from './objects/link.ts';
import type { MachineProgram } from './program.ts';

/** A part of the kernel that has hooks: network, tracing, … Each knows its program types only. */
export interface Subsystem {
  serves(programType: string): boolean;
  /** BPF_PROG_TEST_RUN. */
  run(program: MachineProgram, options: RunOptions): RunResult;
  /** Says why there are no hooks: throws KernelError. Only of parts without `place`. */
  attach?(program: MachineProgram, options: AttachOptions): unknown;
  /** Where a program goes. Throws KernelError for places that do not exist. */
  place?(program: MachineProgram, options: AttachOptions): DevicePlace;
  /** The place with that attach type at a device. Throws KernelError ENODEV and the like. */
  placeAt?(attachType: number, ifindex: number): DevicePlace;
  /** A link of the part's own kind, where `attach` is not at a device. Throws KernelError. */
  link?(
    program: MachineProgram,
    options: AttachOptions,
    ended: (link: MachineLink) => void,
  ): MachineLink;
  /** The device with that number. */
  deviceAt?(ifindex: number): { readonly name: string } | undefined;
}
