import { constants } from '../../abi/index.ts';
import type { VerifierEnv } from '../env.ts';
import { fieldTypeName } from '../fields/names.ts';
import { BPF_KPTR, BPF_UPTR, fieldAt, recordOf, type SpecialField } from '../fields/record.ts';
import { mapMessages } from '../messages/map.ts';
import { memMessages } from '../messages/mem.ts';
import { MAP, regAt, SCALAR_VALUE, SMIN, TYPE, UMAX, VALUE } from '../state/layout.ts';
import type { VerifierMap } from '../types.ts';
import { markKnown, markUnknown } from '../value/bounds.ts';
import { tnumIsConst } from '../value/tnum.ts';
import type { Access } from './access.ts';
import { checkKptrAccess } from './kptr.ts';
import { signedAt, unsignedAt } from './offset.ts';
import { isPointerValue } from './pointers.ts';
import { checkMemRegionAccess } from './region.ts';
import type { AccessSource } from './stack-bounds.ts';

/** The map that register record `(w, r)` stands for or points into. */
export function mapAt(env: VerifierEnv, w: Int32Array, r: number): VerifierMap {
  return env.maps[w[r + MAP]! - 1]!;
}

/** Mirrors check_map_access_type: may programs read (write) this map's values at all? */
export function checkMapAccessType(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
  access: Access,
): void {
  const { flags, valueSize } = mapAt(env, env.regs, regAt(regno));
  if (access === 'write' && flags & constants.BPF_F_RDONLY_PROG) {
    env.reject('EACCES', mapMessages.write_forbidden(valueSize | 0, off, size));
  }
  const writeOnly = flags & constants.BPF_F_WRONLY_PROG && !(flags & constants.BPF_F_RDONLY_PROG);
  if (access === 'read' && writeOnly) {
    env.reject('EACCES', mapMessages.read_forbidden(valueSize | 0, off, size));
  }
}

/** An access touches a special field: only kptrs may be, and only whole and by instructions. */
function checkFieldAccess(
  env: VerifierEnv,
  field: SpecialField,
  regno: number,
  off: number,
  size: number,
  source: AccessSource,
): void {
  const w = env.regs;
  const r = regAt(regno);
  if (!(field.type & (BPF_KPTR | BPF_UPTR))) {
    env.reject('EACCES', mapMessages.special_field(fieldTypeName(field.type)));
  }
  const kind = field.type === BPF_UPTR ? 'uptr' : 'kptr';
  if (source !== 'direct') env.reject('EACCES', mapMessages.kptr_by_helper(kind));
  if (!tnumIsConst(w, r)) env.reject('EACCES', mapMessages.kptr_variable_offset(kind));
  const at = off + signedAt(w, r + VALUE);
  if (field.offset !== at) {
    env.reject('EACCES', mapMessages.kptr_misaligned(kind, field.offset, String(at)));
  }
  if (size !== 8) env.reject('EACCES', mapMessages.kptr_size(kind));
}

/** Checks an access to a map's value, fixed or variable offset. Mirrors check_map_access. */
export function checkMapAccess(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
  zeroOk: boolean,
  source: AccessSource,
): void {
  const w = env.regs;
  const r = regAt(regno);
  const map = mapAt(env, w, r);
  checkMemRegionAccess(env, regno, off, size, map.valueSize, zeroOk);
  const record = recordOf(env, map);
  if (record === undefined) return;
  const min = signedAt(w, r + SMIN) + off;
  const max = unsignedAt(w, r + UMAX) + off + size;
  for (const field of record.fields) {
    const touches = min < field.offset + field.size && field.offset < max;
    if (touches) checkFieldAccess(env, field, regno, off, size, source);
  }
}

/** What a load of `size` bytes at `off` of a constant value gives (bpf_map_direct_read). */
function loadConstant(
  env: VerifierEnv,
  map: VerifierMap,
  value: Uint8Array,
  off: number,
  size: number,
  isLdsx: boolean,
  valueRegno: number,
): void {
  if (map.maxEntries !== 1) env.reject('ENOTSUPP');
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const w = env.regs;
  const r = regAt(valueRegno);
  w[r + TYPE] = SCALAR_VALUE;
  if (size === 8) {
    markKnown(w, r, view.getInt32(off, true), view.getInt32(off + 4, true));
  } else {
    const low = readSmall(view, off, size, isLdsx);
    markKnown(w, r, low, isLdsx ? low >> 31 : 0);
  }
}

function readSmall(view: DataView, off: number, size: number, signed: boolean): number {
  if (size === 4) return view.getInt32(off, true);
  if (size === 2) return signed ? view.getInt16(off, true) : view.getUint16(off, true);
  return signed ? view.getInt8(off) : view.getUint8(off);
}

/** A load from, or store to, a map's value: the PTR_TO_MAP_VALUE part of check_mem_access. */
export function accessMapValue(
  env: VerifierEnv,
  insn: number,
  regno: number,
  off: number,
  size: number,
  access: Access,
  valueRegno: number,
  isLdsx: boolean,
): void {
  if (access === 'write' && valueRegno >= 0 && isPointerValue(env, valueRegno)) {
    env.reject('EACCES', memMessages.leaks_address(valueRegno, 'map'));
  }
  checkMapAccessType(env, regno, off, size, access);
  checkMapAccess(env, regno, off, size, false, 'direct');
  const w = env.regs;
  const r = regAt(regno);
  const map = mapAt(env, w, r);
  const fixed = tnumIsConst(w, r);
  const at = off + w[r + VALUE]!;
  const kptr = fixed ? fieldAt(recordOf(env, map), at, BPF_KPTR | BPF_UPTR) : undefined;
  if (kptr) {
    checkKptrAccess(env, valueRegno, insn, kptr);
  } else if (access === 'read' && valueRegno >= 0) {
    const { constantValue } = map;
    if (fixed && constantValue && at + size <= constantValue.length) {
      loadConstant(env, map, constantValue, at, size, isLdsx, valueRegno);
    } else {
      markUnknown(env, w, regAt(valueRegno));
    }
  }
}
