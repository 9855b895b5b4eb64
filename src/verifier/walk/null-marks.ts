/** Pointers that may be NULL, once they were compared with it. */
import { gates } from '../gates.ts';
import { mapRules } from '../../abi/index.ts';
import type { VerifierEnv } from '../env.ts';
import {
  BPF_SPIN_LOCK,
  BPF_TIMER,
  BPF_WORKQUEUE,
  hasField,
  recordOf,
  regRecord,
} from '../fields/record.ts';
import { isAllocObject, isRcuReg, isTrustedReg, mayBeNull } from '../mem/pointers.ts';
import { eachReg } from '../state/each-reg.ts';
import {
  CONST_PTR_TO_MAP,
  ID,
  MAP,
  MAP_UID,
  OFF,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  REF_OBJ_ID,
  SCALAR_VALUE,
  SMAX,
  SMIN,
  TYPE,
  baseType,
  regAt,
} from '../state/layout.ts';
import { releaseReferenceState } from '../state/references.ts';
import type { VerifierState } from '../state/state.ts';
import type { VerifierMap } from '../types.ts';
import { tnumEqualsConst } from '../value/tnum.ts';
import { slt } from '../value/u64.ts';
import { BPF_MAX_VAR_OFF } from './pointer-arithmetic.ts';

/** What values of some map types stand for, by mapRules' word. */
const LOOKUP_TYPES: Readonly<Record<string, number>> = {
  socket: PTR_TO_SOCKET,
  xdp_sock: PTR_TO_XDP_SOCK,
};

/** Pointers that cannot be NULL unless the type says so. */
const NEVER_NULL = new Set([
  PTR_TO_SOCKET,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  PTR_TO_BUF,
  PTR_TO_MAP_VALUE,
  PTR_TO_MAP_KEY,
  PTR_TO_SOCK_COMMON,
  PTR_TO_MEM,
  CONST_PTR_TO_MAP,
]);

/** Of these older kernels knew it. */
const OLDER_NEVER_NULL = new Set([
  PTR_TO_SOCKET,
  PTR_TO_TCP_SOCK,
  PTR_TO_MAP_VALUE,
  PTR_TO_MAP_KEY,
  PTR_TO_SOCK_COMMON,
]);

/** True if the pointer cannot be NULL (reg_not_null). */
export function regNotNull(w: Int32Array, r: number): boolean {
  const type = w[r + TYPE]!;
  if (!gates.trustedPointers) return OLDER_NEVER_NULL.has(type);
  if (mayBeNull(type)) return false;
  if (!slt(-BPF_MAX_VAR_OFF, -1, w[r + SMIN]!, w[r + SMIN + 1]!)) return false;
  if (!slt(w[r + SMAX]!, w[r + SMAX + 1]!, BPF_MAX_VAR_OFF, 0)) return false;
  const base = baseType(type);
  return NEVER_NULL.has(base) || (base === PTR_TO_BTF_ID && isTrustedReg(w, r));
}

/** Word that names a map in records; maps only their template is known of are added. */
function mapWord(env: VerifierEnv, map: VerifierMap): number {
  const known = env.maps.indexOf(map);
  return known < 0 ? env.maps.push(map) : known + 1;
}

/** The pointer is known not to be NULL: what it points to (mark_ptr_not_null_reg). */
export function markPtrNotNull(env: VerifierEnv, w: Int32Array, r: number): void {
  if (baseType(w[r + TYPE]!) !== PTR_TO_MAP_VALUE) {
    w[r + TYPE]! &= ~PTR_MAYBE_NULL;
    return;
  }
  const map = env.maps[w[r + MAP]! - 1]!;
  const inner = map.inner;
  if (!inner) {
    w[r + TYPE] = LOOKUP_TYPES[mapRules(map.type)?.lookup ?? ''] ?? PTR_TO_MAP_VALUE;
    return;
  }
  w[r + TYPE] = CONST_PTR_TO_MAP;
  w[r + MAP] = mapWord(env, inner);
  // Timers and work queues must be of the same lookup as the map they are used with.
  if (hasField(recordOf(env, inner), BPF_TIMER | BPF_WORKQUEUE)) w[r + MAP_UID] = w[r + ID]!;
}

/** One register that may share the identity of what was compared (mark_ptr_or_null_reg). */
function markPtrOrNull(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  id: number,
  isNull: boolean,
): void {
  const type = w[r + TYPE]!;
  if (!mayBeNull(type) || w[r + ID] !== id || (id === 0 && !isRcuReg(w, r))) return;
  // No arithmetic is allowed before the check: a pointer that moved is none of ours.
  if ((w[r + SMIN]! | w[r + SMIN + 1]! | w[r + SMAX]! | w[r + SMAX + 1]!) !== 0) return;
  if (!tnumEqualsConst(w, r, 0, 0)) return;
  if (w[r + OFF] !== 0 && !isAllocObject(type)) return;
  if (isNull) {
    w[r + TYPE] = SCALAR_VALUE;
    w[r + ID] = w[r + REF_OBJ_ID] = 0;
    return;
  }
  markPtrNotNull(env, w, r);
  // The id of what may hold a spin lock tells which lock is meant.
  if (!hasField(regRecord(env, w, r), BPF_SPIN_LOCK)) w[r + ID] = 0;
}

/**
 * Register `regno` of `state`'s running frame was compared with NULL: so were all its copies
 * (mark_ptr_or_null_regs).
 */
export function markPtrOrNullRegs(
  env: VerifierEnv,
  state: VerifierState,
  regno: number,
  isNull: boolean,
): void {
  const frame = state.frame;
  const refObjId = frame.words[regAt(regno) + REF_OBJ_ID]!;
  const id = frame.words[regAt(regno) + ID]!;
  if (refObjId !== 0 && refObjId === id && isNull) releaseReferenceState(frame, id);
  eachReg(state, (w, r) => markPtrOrNull(env, w, r, id, isNull));
}
