import type { VerifierEnv } from '../env.ts';
import { BTF, BTF_ID, ID, PTR_TO_BTF_ID, SCALAR_VALUE, TYPE } from '../state/layout.ts';
import { markKnownZero, markUnknown } from '../value/bounds.ts';
import { mayBeNull } from './pointers.ts';

/**
 * A register becomes what was read through a BTF pointer: a scalar, or a pointer to `btfId`.
 * Mirrors mark_btf_ld_reg.
 */
export function markBtfLoad(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  type: number,
  btf: number,
  btfId: number,
  flags: number,
): void {
  if (type === SCALAR_VALUE) {
    markUnknown(env, w, r);
    return;
  }
  markKnownZero(w, r);
  w[r + TYPE] = PTR_TO_BTF_ID | flags;
  w[r + BTF] = btf;
  w[r + BTF_ID] = btfId;
  if (mayBeNull(flags)) w[r + ID] = env.newId();
}
