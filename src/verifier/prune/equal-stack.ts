import type { VerifierEnv } from '../env.ts';
import { gates } from '../gates.ts';
import {
  BTF,
  BTF_ID,
  DYNPTR_FIRST_SLOT,
  DYNPTR_TYPE,
  ITER_STATE_DEPTH,
  MAX_REGS,
  REF_OBJ_ID,
  REG_SIZE,
  REG_WORDS,
  SCALAR_VALUE,
  SLOT_TYPES,
  STACK_DYNPTR,
  STACK_INVALID,
  STACK_ITER,
  STACK_MISC,
  STACK_SPILL,
  STACK_ZERO,
  TYPE,
  slotAt,
  slotType,
} from '../state/layout.ts';
import { type FuncState, REF_ID, REF_WORDS } from '../state/state.ts';
import { markUnknownImprecise } from '../value/bounds.ts';
import { type Exactness, NOT_EXACT, regSafe } from './equal-regs.ts';

/** What a load from 8 bytes of anything gives. */
const anything = new Int32Array(REG_WORDS);
markUnknownImprecise(anything, 0);

/** What the old path read from its stack is there now too (stacksafe). */
export function stackSafe(
  env: VerifierEnv,
  old: FuncState,
  current: FuncState,
  exact: Exactness,
): boolean {
  if (exact === NOT_EXACT) {
    return (
      slotsSafe(env, old, current, old.readSlotsLow, 0) &&
      slotsSafe(env, old, current, old.readSlotsHigh, 32)
    );
  }
  for (let spi = 0; spi < old.slots; spi++) {
    if (!slotSafe(env, old, current, spi, exact)) return false;
  }
  return true;
}

/** Slots that were read: bits of `slots`, the first of which is slot `base`. */
function slotsSafe(
  env: VerifierEnv,
  old: FuncState,
  current: FuncState,
  slots: number,
  base: number,
): boolean {
  for (let mask = slots; mask; mask &= mask - 1) {
    const spi = base + 31 - Math.clz32(mask & -mask);
    if (slotSafe(env, old, current, spi, NOT_EXACT)) continue;
    env.difference = (old.frameno << 7) | (MAX_REGS + spi);
    return false;
  }
  return true;
}

/** All 8 bytes of this type, in each of the two words. */
const ALL_SPILL = STACK_SPILL * 0x0101_0101;
const ALL_MISC = STACK_MISC * 0x0101_0101;

/** One slot of `stackSafe`, which was read if the states need not be exactly alike. */
export function slotSafe(
  env: VerifierEnv,
  old: FuncState,
  current: FuncState,
  spi: number,
  exact: Exactness,
): boolean {
  const ow = old.words;
  const r = slotAt(spi);
  const cw = spi < current.slots ? current.words : undefined;
  const types = ow[r + SLOT_TYPES]!;
  if (cw && types === ow[r + SLOT_TYPES + 1]) {
    // The common cases of the loop below, at once.
    const same = types === cw[r + SLOT_TYPES] && types === cw[r + SLOT_TYPES + 1];
    if (types === 0 || (types === ALL_MISC && env.allowUninitStack)) {
      return same || exact === NOT_EXACT;
    }
    if (same && types === ALL_SPILL) return regSafe(env, ow, r, cw, r, exact);
  }
  return bytesSafe(env, ow, cw, r, exact);
}

/** `cw` is undefined when the running path tracks less stack. */
function bytesSafe(
  env: VerifierEnv,
  ow: Int32Array,
  cw: Int32Array | undefined,
  r: number,
  exact: Exactness,
): boolean {
  for (let i = 0; i < REG_SIZE; i++) {
    const old = slotType(ow, r, i);
    if (exact !== NOT_EXACT && (!cw || old !== slotType(cw, r, i))) return false;
    if (old === STACK_INVALID || (old === STACK_MISC && env.allowUninitStack)) continue;
    if (!cw) return false;
    const asScalars = gates.relatedStates ? scalarsSafe(env, ow, cw, r, exact) : undefined;
    if (asScalars !== undefined) return asScalars;
    const current = slotType(cw, r, i);
    if (old === STACK_MISC && current === STACK_ZERO) continue;
    if (old !== current) return false;
    if (i === REG_SIZE - 1 && !contentSafe(env, ow, cw, r, old, exact)) return false;
  }
  return true;
}

/** Compares slots that both read as a 64-bit scalar; undefined if they do not. */
function scalarsSafe(
  env: VerifierEnv,
  ow: Int32Array,
  cw: Int32Array,
  r: number,
  exact: Exactness,
): boolean | undefined {
  const oldSpilled = isWideScalar(ow, r);
  if (!oldSpilled && !isAllMisc(env, ow, r)) return undefined;
  const currentSpilled = isWideScalar(cw, r);
  if (!currentSpilled && !isAllMisc(env, cw, r)) return undefined;
  return regSafe(
    env,
    oldSpilled ? ow : anything,
    oldSpilled ? r : 0,
    currentSpilled ? cw : anything,
    currentSpilled ? r : 0,
    exact,
  );
}

function isWideScalar(w: Int32Array, r: number): boolean {
  return slotType(w, r, 0) === STACK_SPILL && w[r + TYPE] === SCALAR_VALUE;
}

function isAllMisc(env: VerifierEnv, w: Int32Array, r: number): boolean {
  for (let i = 0; i < REG_SIZE; i++) {
    const type = slotType(w, r, i);
    if (type !== STACK_MISC && !(type === STACK_INVALID && env.allowUninitStack)) return false;
  }
  return true;
}

function contentSafe(
  env: VerifierEnv,
  ow: Int32Array,
  cw: Int32Array,
  r: number,
  type: number,
  exact: Exactness,
): boolean {
  if (type === STACK_SPILL) return regSafe(env, ow, r, cw, r, exact);
  if (!gates.relatedStates) return true;
  switch (type) {
    case STACK_DYNPTR:
      return (
        ow[r + DYNPTR_TYPE] === cw[r + DYNPTR_TYPE] &&
        ow[r + DYNPTR_FIRST_SLOT] === cw[r + DYNPTR_FIRST_SLOT] &&
        env.ids.check(ow[r + REF_OBJ_ID]!, cw[r + REF_OBJ_ID]!)
      );
    case STACK_ITER:
      return iteratorSafe(env, ow, cw, r);
    case STACK_MISC:
    case STACK_ZERO:
    case STACK_INVALID:
      return true;
    default:
      return false;
  }
}

/** The depth does not matter: it only tells rounds of a loop apart. */
function iteratorSafe(env: VerifierEnv, ow: Int32Array, cw: Int32Array, r: number): boolean {
  return (
    ow[r + TYPE] === cw[r + TYPE] &&
    ow[r + BTF] === cw[r + BTF] &&
    ow[r + BTF_ID] === cw[r + BTF_ID] &&
    (ow[r + ITER_STATE_DEPTH]! & 3) === (cw[r + ITER_STATE_DEPTH]! & 3) &&
    env.ids.check(ow[r + REF_OBJ_ID]!, cw[r + REF_OBJ_ID]!)
  );
}

/** The same references are held (refsafe). */
export function refsSafe(env: VerifierEnv, old: FuncState, current: FuncState): boolean {
  if (old.refCount !== current.refCount) return false;
  for (let i = 0; i < old.refCount; i++) {
    const at = i * REF_WORDS + REF_ID;
    if (!env.ids.check(old.refs[at]!, current.refs[at]!)) return false;
  }
  return true;
}
