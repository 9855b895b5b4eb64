import type { MachineProgram } from '../program.ts';

/** What programs of an array have in common, so that one can call the other. */
export interface ProgramOwner {
  readonly type: number;
  readonly frags: boolean;
}

/** What an array with this program in it, or used by it, asks of others. */
export function ownerOf(program: MachineProgram): ProgramOwner {
  return { type: program.parts.runsAs.id, frags: program.spec.flags.includes('frags') };
}

/** Whether the program may be in an array of such programs (bpf_prog_map_compatible). */
export function fitsOwner(owner: ProgramOwner | undefined, program: MachineProgram): boolean {
  const own = ownerOf(program);
  return !owner || (owner.type === own.type && owner.frags === own.frags);
}
