/** LSM hooks programs attach to (kernel/bpf/bpf_lsm.c), by the name of the function. */
import type { btfSets } from './generated/6.12/btf-sets.ts';
import { type KernelTables, inKernelSet, newestTables } from './tables.ts';

export interface LsmHook {
  /** Programs may not attach: what the hook returns is more than a verdict. */
  readonly disabled: boolean;
  readonly sleepable: boolean;
  /** Its arguments are alive and referenced (else they may be half torn down). */
  readonly trusted: boolean;
  /** Returns 0 or 1 instead of 0 or an error. */
  readonly boolean: boolean;
}

/** The hook whose function is `bpf_lsm_…`, or undefined if there is none of that name. */
export function lsmHook(name: string, tables = newestTables): LsmHook | undefined {
  if (!inBtfSet('bpf_lsm_hooks', name, tables)) return undefined;
  return {
    disabled: inBtfSet('bpf_lsm_disabled_hooks', name, tables),
    sleepable: inBtfSet('sleepable_lsm_hooks', name, tables),
    trusted: !inBtfSet('untrusted_lsm_hooks', name, tables),
    boolean: inBtfSet('bool_lsm_hooks', name, tables),
  };
}

/** True if the kernel's set of that name holds the function (or struct); older ones may lack it. */
export function inBtfSet(
  set: keyof typeof btfSets,
  name: string,
  tables: KernelTables = newestTables,
): boolean {
  return inKernelSet(tables, set, name);
}
