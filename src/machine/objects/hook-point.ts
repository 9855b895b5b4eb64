import type { AttachRequest, DetachRequest, Member } from '../mprog.ts';
import type { MachineProgram } from '../program.ts';
import type { MachineLink } from './link.ts';

export type PointMember = Member<MachineProgram, MachineLink>;

/** Which classic filter of tc. */
interface WithFilter {
  readonly filter?: { readonly priority?: number; readonly handle?: number };
}

export interface PointAttach extends AttachRequest<MachineProgram, MachineLink>, WithFilter {
  /** XDP in a chain: bits of the verdicts after which the next program runs. */
  readonly chainCalls?: number;
}

export interface PointDetach extends DetachRequest<MachineProgram, MachineLink>, WithFilter {}

/** A place where programs are, in the order they run. It holds no program: Attachments do. */
export interface HookPoint {
  readonly members: readonly PointMember[];
  /** The programs alone, for who runs them. A new list with each change. */
  readonly programs: readonly MachineProgram[];
  /** What BPF_PROG_QUERY says. */
  readonly revision: bigint;
  /** 0 or a negative errno. */
  attach(request: PointAttach): number;
  detach(request: PointDetach): number;
  /** Its device is going: nobody is there any more. */
  clear(): void;
  /** The revision it had when the machine was saved. */
  resumeAt(revision: bigint): void;
}
