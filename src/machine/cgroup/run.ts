/** Runs the programs of a cgroup (bpf_prog_run_array_cg). */
import { errnos } from '../../abi/index.ts';
import type { Runtime } from '../../runtime/index.ts';
import { C_CGROUP_RETVAL, C_CGROUP_RETVAL_CELL } from '../../runtime/layout.ts';
import type { EffectiveProgram } from './effective.ts';
import { enterStorages } from './storage.ts';

const EPERM = -errnos['EPERM']!;
/** MAX_ERRNO */
const MOST = 4095;

/** What came of it. */
export interface ArrayResult {
  /** 0, or what the call is to return: a negative errno in most cases. */
  readonly retval: number;
  /** Bits of what programs returned above the lowest, all together. */
  readonly flags: number;
}

export interface ArrayOptions {
  /** What the call returns if nobody says otherwise. */
  readonly retval?: number;
  /** Where the return value is kept, for contexts that show it. Default: where nobody sees it. */
  readonly cell?: number;
  /** Bits above the lowest mean something: the verdict is the lowest alone. */
  readonly flagged?: boolean;
}

export const isErrno = (value: number): boolean => value < 0 && value >= -MOST;

/** All of them run, whatever the others said; one that says no makes it -EPERM. */
export function runArray(
  runtime: Runtime,
  programs: readonly EffectiveProgram[],
  context: number,
  { retval = 0, cell, flagged = false }: ArrayOptions = {},
): ArrayResult {
  if (programs.length === 0) return { retval, flags: 0 };
  const { cpuBlock } = runtime;
  const words = () => runtime.view();
  const at = cell ?? cpuBlock + C_CGROUP_RETVAL_CELL;
  const outer = words().getUint32(cpuBlock + C_CGROUP_RETVAL, true);
  const hidden = words().getInt32(cpuBlock + C_CGROUP_RETVAL_CELL, true);
  words().setUint32(cpuBlock + C_CGROUP_RETVAL, at, true);
  words().setInt32(at, retval, true);
  let flags = 0;
  try {
    for (const { program, storages } of programs) {
      enterStorages(runtime, storages, true);
      let verdict = program.code.run(context);
      enterStorages(runtime, storages, false);
      if (flagged) {
        flags |= verdict >>> 1;
        verdict &= 1;
      }
      if (verdict === 0 && !isErrno(words().getInt32(at, true))) words().setInt32(at, EPERM, true);
    }
    return { retval: words().getInt32(at, true), flags };
  } finally {
    words().setUint32(cpuBlock + C_CGROUP_RETVAL, outer, true);
    words().setInt32(cpuBlock + C_CGROUP_RETVAL_CELL, hidden, true);
  }
}
