import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';
import type { VerifierState } from '../state/state.ts';

/** The pointer is known not to be NULL: what it points to (mark_ptr_not_null_reg). */
export function markPtrNotNull(_env: VerifierEnv, _w: Int32Array, _r: number): void {
  throw new BugError('markPtrNotNull is not written yet');
}

/** Register `regno` of the running frame and all its copies were compared with NULL. */
export function markPtrOrNullRegs(
  _env: VerifierEnv,
  _state: VerifierState,
  _regno: number,
  _isNull: boolean,
): void {
  throw new BugError('markPtrOrNullRegs is not written yet');
}
