import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Mirrors check_mem_region_access. */
export function checkMemRegionAccess(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
  memSize: number,
  zeroOk: boolean,
): void {
  throw new BugError(`checkMemRegionAccess ${env.length}${regno}${off}${size}${memSize}${zeroOk}`);
}

/** A pointer that must not have been moved, or only by a constant. Mirrors __check_ptr_off_reg. */
export function checkPtrOffReg(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  regno: number,
  fixedOffOk: boolean,
): void {
  throw new BugError(`checkPtrOffReg ${env.length}${w.length}${r}${regno}${fixedOffOk}`);
}
