import type { CallMeta } from '../call/meta.ts';
import type { VerifierEnv } from '../env.ts';
import { tnumText } from '../log/numbers.ts';
import { gates } from '../gates.ts';
import { stackMessages } from '../messages/stack.ts';
import { markSlotRead } from '../prune/liveness.ts';
import {
  MASK,
  REG_SIZE,
  regAt,
  SCALAR_VALUE,
  SMAX,
  SMIN,
  STACK_DYNPTR,
  STACK_INVALID,
  STACK_MISC,
  STACK_ZERO,
  setSlotType,
  slotAt,
  slotType,
  TYPE,
  VALUE,
} from '../state/layout.ts';
import type { FuncState } from '../state/state.ts';
import { markUnknown } from '../value/bounds.ts';
import { tnumIsConst } from '../value/tnum.ts';
import { signedAt } from './offset.ts';
import { isSpilled, pointedFrame, scrubTypes, spiOf } from './slots.ts';
import { type AccessSource, checkStackBounds } from './stack-bounds.ts';

export type { AccessSource } from './stack-bounds.ts';

const indirectly = (source: AccessSource) => (source === 'helper' ? ' indirect' : '');

/** Memory that a call fills must not hold dynptrs. */
function checkNoDynptr(env: VerifierEnv, frame: FuncState, min: number, max: number): void {
  if (!gates.dynptrOverwrites) return;
  for (let i = min; i < max; i++) {
    const slot = -i - 1;
    if (frame.allocatedStack <= slot) continue;
    if (slotType(frame.words, slotAt(slot >> 3), slot % REG_SIZE) === STACK_DYNPTR) {
      env.reject('EACCES', stackMessages.dynptr_overwrite(i));
    }
  }
}

/**
 * True if the byte at `off` may be read as data. If a call may write it too, what was known of it
 * is forgotten.
 */
function isReadable(env: VerifierEnv, frame: FuncState, off: number, clobber: boolean): boolean {
  const fw = frame.words;
  const s = slotAt(spiOf(off));
  const i = (-off - 1) % REG_SIZE;
  const type = slotType(fw, s, i);
  if (type === STACK_MISC) return true;
  if (type === STACK_ZERO || (type === STACK_INVALID && env.allowUninitStack)) {
    if (clobber) setSlotType(fw, s, i, STACK_MISC);
    return true;
  }
  if (!isSpilled(fw, s)) return false;
  if (fw[s + TYPE] !== SCALAR_VALUE && !env.allowPtrLeaks) return false;
  if (clobber) {
    markUnknown(env, fw, s);
    scrubTypes(fw, s);
  }
  return true;
}

function rejectUnreadable(
  env: VerifierEnv,
  regno: number,
  min: number,
  i: number,
  size: number,
  source: AccessSource,
): never {
  const w = env.regs;
  const r = regAt(regno);
  const words = indirectly(source);
  const varOff = tnumText(w, r + VALUE, r + MASK);
  env.reject(
    'EACCES',
    tnumIsConst(w, r)
      ? stackMessages.uninit_range(words, regno, min, i - min, size)
      : stackMessages.uninit_variable_range(words, regno, varOff, i - min, size),
  );
}

/**
 * Checks that the stack bytes pointer `regno` + `off` can reach are within the stack and written
 * before; memory that a call only writes (`meta.rawMode`) need not be, and is noted in `meta`.
 * Mirrors check_stack_range_initialized.
 */
export function checkStackRange(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
  zeroOk: boolean,
  source: AccessSource,
  meta: CallMeta | undefined,
): void {
  if (size === 0 && !zeroOk) env.reject('EACCES', stackMessages.zero_size());
  const clobber = source === 'helper';
  checkStackBounds(env, regno, off, size, source, clobber ? 'write' : 'read');
  const w = env.regs;
  const r = regAt(regno);
  const isFixed = tnumIsConst(w, r);
  if (!isFixed && !env.bypassSpecV1) {
    const varOff = tnumText(w, r + VALUE, r + MASK);
    env.reject('EACCES', stackMessages.variable_unprivileged(regno, indirectly(source), varOff));
  }
  const frame = pointedFrame(env, w, r);
  // The bounds were checked: these are small integers.
  const min = (signedAt(w, isFixed ? r + VALUE : r + SMIN) + off) | 0;
  const max = (signedAt(w, isFixed ? r + VALUE : r + SMAX) + off + size) | 0;
  // With a variable offset it is not known which bytes will have been written.
  if (meta?.rawMode && isFixed) {
    checkNoDynptr(env, frame, min, max);
    meta.accessSize = size;
    meta.regno = regno;
    return;
  }
  let marked = -1;
  for (let i = min; i < max; i++) {
    if (!isReadable(env, frame, i, clobber)) rejectUnreadable(env, regno, min, i, size, source);
    const spi = spiOf(i);
    if (spi !== marked) markSlotRead(env, frame, spi);
    marked = spi;
  }
}
