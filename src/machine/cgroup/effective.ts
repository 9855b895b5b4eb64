/** Which programs run for a cgroup, in which order (compute_effective_progs). */
import { constants } from '../../abi/index.ts';
import type { MachineProgram } from '../program.ts';
import type { CgroupLink } from './link.ts';
import type { Storages } from './storage.ts';

const { BPF_F_ALLOW_MULTI, BPF_F_PREORDER } = constants;

/** A program of a cgroup's own list (struct bpf_prog_list): attached by itself, or by a link. */
export interface Entry {
  readonly program: MachineProgram | undefined;
  readonly link: CgroupLink | undefined;
  /** BPF_F_* it was attached with. */
  readonly flags: number;
  readonly storages: Storages;
}

/** One program of an effective array (struct bpf_prog_array_item). */
export interface EffectiveProgram {
  readonly program: MachineProgram;
  readonly storages: Storages;
}

/** What one cgroup has at one attach type. */
export interface OwnPrograms {
  readonly entries: readonly Entry[];
  /** BPF_F_ALLOW_OVERRIDE or BPF_F_ALLOW_MULTI, of all of them; 0 without any. */
  readonly flags: number;
}

export const programOf = ({ program, link }: Entry): MachineProgram => program ?? link!.program;

/**
 * From the cgroup up to the root: its own programs first, then those of each ancestor that allows
 * others. Those attached with BPF_F_PREORDER run before all others, and of those the root's first.
 */
export function effectivePrograms(chain: Iterable<OwnPrograms>): EffectiveProgram[] {
  let before: EffectiveProgram[] = [];
  const after: EffectiveProgram[] = [];
  for (const { entries, flags } of chain) {
    if (before.length + after.length > 0 && (flags & BPF_F_ALLOW_MULTI) === 0) continue;
    const early: EffectiveProgram[] = [];
    for (const entry of entries) {
      const one = { program: programOf(entry), storages: entry.storages };
      ((entry.flags & BPF_F_PREORDER) === 0 ? after : early).push(one);
    }
    before = [...early, ...before];
  }
  return [...before, ...after];
}
