import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Mirrors check_load_mem. */
export function checkLoad(
  env: VerifierEnv,
  insn: number,
  strictOnce: boolean,
  isLdsx: boolean,
  allowTrustMismatch: boolean,
): void {
  throw new BugError(`checkLoad ${env.length}${insn}${strictOnce}${isLdsx}${allowTrustMismatch}`);
}

/** Mirrors check_store_reg. */
export function checkStoreReg(env: VerifierEnv, insn: number, strictOnce: boolean): void {
  throw new BugError(`checkStoreReg ${env.length}${insn}${strictOnce}`);
}

/** A store of a constant: the BPF_ST case of do_check. */
export function checkStoreImm(env: VerifierEnv, insn: number): void {
  throw new BugError(`checkStoreImm ${env.length}${insn}`);
}

/** Mirrors check_atomic. */
export function checkAtomic(env: VerifierEnv, insn: number): void {
  throw new BugError(`checkAtomic ${env.length}${insn}`);
}

/** Mirrors save_aux_ptr_type. */
export function savePointerType(env: VerifierEnv, type: number, allowTrustMismatch: boolean): void {
  throw new BugError(`savePointerType ${env.length}${type}${allowTrustMismatch}`);
}
