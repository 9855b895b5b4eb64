import { gates } from '../gates.ts';
import { contextRules } from '../../abi/context/index.ts';
import type { CallMeta } from '../call/meta.ts';
import type { VerifierEnv } from '../env.ts';
import { typeText } from '../log/print-state.ts';
import { memMessages } from '../messages/mem.ts';
import { markChainPrecision } from '../precision/backtrack.ts';
import {
  baseType,
  MEM_SIZE,
  OFF,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_CTX,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  REG_WORDS,
  regAt,
  SMIN,
  TYPE,
  UMAX,
  UMIN,
} from '../state/layout.ts';
import { regIsNull } from '../value/bounds.ts';
import { tnumIsConst } from '../value/tnum.ts';
import { markPtrNotNull } from '../walk/null-marks.ts';
import { type Access, checkMemAccess } from './access.ts';
import { accessBtfPointer } from './btf-pointer.ts';
import { checkBufferAccess } from './buffer.ts';
import { checkMapAccess, checkMapAccessType, mapAt } from './map-value.ts';
import { unsignedAt } from './offset.ts';
import { checkPacketAccess } from './packet.ts';
import { isReadOnly, mayBeNull } from './pointers.ts';
import { checkMemRegionAccess } from './region.ts';
import { checkStackRange } from './stack-range.ts';

/** Sizes must stay below this (BPF_MAX_VAR_SIZ). */
const MAX_VAR_SIZE = 1 << 29;

/** The context is memory as it stands there: its ops have no convert_ctx_access. */
function hasPlainContext(env: VerifierEnv): boolean {
  return contextRules(env.programType, env.expectedAttachType)?.plain === true;
}

function checkWritable(env: VerifierEnv, regno: number, access: Access): void {
  const type = env.regs[regAt(regno) + TYPE]!;
  if (access === 'write' && isReadOnly(type)) {
    env.reject('EACCES', memMessages.no_write(regno, typeText(type)));
  }
}

/** The context, to a program type that cannot say what is in it: checked as a load of its end. */
function checkContextMemory(
  env: VerifierEnv,
  regno: number,
  size: number,
  access: Access,
  zeroOk: boolean,
): void {
  if (size === 0) {
    if (!zeroOk) env.reject('EACCES');
    return;
  }
  checkMemAccess(env, env.insnIdx, regno, size - 1, 1, access, -1, false, false);
}

function rejectPointer(env: VerifierEnv, regno: number): never {
  const type = typeText(env.regs[regAt(regno) + TYPE]!);
  env.reject('EACCES', memMessages.helper_pointer(regno, type, typeText(PTR_TO_STACK)));
}

/**
 * Checks that a call may read or write `size` bytes that register `regno` points to; `meta` of the
 * call if it may only write them. Mirrors check_helper_mem_access.
 */
export function checkHelperMemAccess(
  env: VerifierEnv,
  regno: number,
  size: number,
  access: Access,
  zeroOk: boolean,
  meta?: CallMeta,
): void {
  const w = env.regs;
  const r = regAt(regno);
  const off = w[r + OFF]!;
  const type = w[r + TYPE]!;
  switch (baseType(type)) {
    case PTR_TO_PACKET:
    case PTR_TO_PACKET_META:
      return checkPacketAccess(env, regno, off, size, zeroOk);
    case PTR_TO_MAP_KEY:
      if (access === 'write') {
        env.reject('EACCES', memMessages.no_write(regno, typeText(type)));
      }
      return checkMemRegionAccess(env, regno, off, size, mapAt(env, w, r).keySize, false);
    case PTR_TO_MAP_VALUE:
      checkMapAccessType(env, regno, off, size, access);
      return checkMapAccess(env, regno, off, size, zeroOk, 'helper');
    case PTR_TO_MEM:
      checkWritable(env, regno, access);
      return checkMemRegionAccess(env, regno, off, size, w[r + MEM_SIZE]! >>> 0, zeroOk);
    case PTR_TO_BUF:
      checkWritable(env, regno, access);
      return checkBufferAccess(env, regno, off, size);
    case PTR_TO_STACK:
      return checkStackRange(env, regno, off, size, zeroOk, 'helper', meta);
    case PTR_TO_BTF_ID:
      return accessBtfPointer(env, regno, off, size, 'read', -1);
    case PTR_TO_CTX:
      if (hasPlainContext(env)) return checkContextMemory(env, regno, size, access, zeroOk);
      return rejectPointer(env, regno);
    default:
      if (zeroOk && size === 0 && regIsNull(w, r)) return;
      return rejectPointer(env, regno);
  }
}

/**
 * Register `regno` is the size of the memory that register `regno` - 1 points to. Mirrors
 * check_mem_size_reg.
 */
export function checkMemSizeReg(
  env: VerifierEnv,
  regno: number,
  access: Access,
  zeroOk: boolean,
  meta: CallMeta,
): void {
  const w = env.regs;
  const r = regAt(regno);
  meta.sizeMaxLow = w[r + UMAX]!;
  meta.sizeMaxHigh = w[r + UMAX + 1]!;
  // With a variable size the call may fill less: then the memory must be initialised.
  const raw = tnumIsConst(w, r) ? meta : undefined;
  if (w[r + SMIN + 1]! < 0) env.reject('EACCES', memMessages.size_negative(regno));
  if (unsignedAt(w, r + UMIN) === 0 && !gates.zeroSizeWords) {
    checkHelperMemAccess(env, regno - 1, 0, access, zeroOk, raw);
  } else if (unsignedAt(w, r + UMIN) === 0 && !zeroOk) {
    const [min, max] = [UMIN, UMAX].map((at) => signedText(w, r + at));
    env.reject('EACCES', memMessages.size_zero(regno, min!, max!));
  }
  const max = unsignedAt(w, r + UMAX);
  if (max >= MAX_VAR_SIZE) env.reject('EACCES', memMessages.size_unbounded(regno));
  checkHelperMemAccess(env, regno - 1, max, access, zeroOk, raw);
  markChainPrecision(env, regno);
}

/** `%lld` */
function signedText(w: Int32Array, at: number): string {
  return String((BigInt(w[at + 1]!) << 32n) | BigInt(w[at]! >>> 0));
}

/** Checks as if register `regno`, which may be NULL, were not; the register stays as it is. */
function assumingNotNull(env: VerifierEnv, regno: number, check: () => void): void {
  const w = env.regs;
  const r = regAt(regno);
  if (!mayBeNull(w[r + TYPE]!)) {
    check();
    return;
  }
  const before = w.slice(r, r + REG_WORDS);
  markPtrNotNull(env, w, r);
  check();
  env.regs.set(before, r);
}

/**
 * Register `regno` (record `(w, r)`) points to `size` bytes that a function may read and write, or
 * is NULL. Mirrors check_mem_reg.
 */
export function checkMemReg(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  regno: number,
  size: number,
): void {
  if (regIsNull(w, r)) return;
  assumingNotNull(env, regno, () => {
    checkHelperMemAccess(env, regno, size, 'read', true);
    checkHelperMemAccess(env, regno, size, 'write', true);
  });
}

/** Mirrors check_kfunc_mem_size_reg; `meta` is scratch. */
export function checkKfuncMemSizeReg(env: VerifierEnv, regno: number, meta: CallMeta): void {
  meta.reset();
  assumingNotNull(env, regno - 1, () => {
    checkMemSizeReg(env, regno, 'read', true, meta);
    checkMemSizeReg(env, regno, 'write', true, meta);
  });
}
