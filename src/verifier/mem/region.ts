import type { VerifierEnv } from '../env.ts';
import { tnumText } from '../log/numbers.ts';
import { typeText } from '../log/print-state.ts';
import { memMessages } from '../messages/mem.ts';
import type { Message } from '../messages/message.ts';
import {
  ID,
  MASK,
  OFF,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_PACKET,
  PTR_TO_PACKET_END,
  PTR_TO_PACKET_META,
  regAt,
  SMIN,
  TYPE,
  UMAX,
  VALUE,
} from '../state/layout.ts';
import { tnumEqualsConst } from '../value/tnum.ts';
import { signedAt, unsignedAt } from './offset.ts';

/** Variable offsets must stay below this (BPF_MAX_VAR_OFF). */
export const MAX_VAR_OFF = 1 << 29;

/** True if `size` bytes at `off` lie within `memSize` bytes. */
export function fits(off: number, size: number, memSize: number, zeroOk: boolean): boolean {
  const sizeOk = size > 0 || (size === 0 && zeroOk);
  return off >= 0 && sizeOk && off + size <= memSize;
}

/** The words for an access that does not fit (the second half of __check_mem_access). */
export function boundsMessage(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
  memSize: number,
): Message {
  const r = regAt(regno);
  switch (env.regs[r + TYPE]!) {
    case PTR_TO_MAP_KEY:
      return memMessages.key_bounds(memSize | 0, off, size);
    case PTR_TO_MAP_VALUE:
      return memMessages.value_bounds(memSize | 0, off, size);
    case PTR_TO_PACKET:
    case PTR_TO_PACKET_META:
    case PTR_TO_PACKET_END:
      return memMessages.packet_bounds(off, size, regno, env.regs[r + ID]!, memSize | 0);
    default:
      return memMessages.region_bounds(memSize, off, size);
  }
}

/**
 * Checks an access of `size` bytes at register `regno` + `off` + its variable offset to memory of
 * `memSize` bytes, at both ends of what the offset can be. Mirrors check_mem_region_access.
 */
export function checkMemRegionAccess(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
  memSize: number,
  zeroOk: boolean,
): void {
  const w = env.regs;
  const r = regAt(regno);
  const min = signedAt(w, r + SMIN) + off;
  if (w[r + SMIN + 1]! < 0 && min < 0) env.reject('EACCES', memMessages.min_negative(regno));
  const least = min | 0;
  if (!fits(least, size, memSize, zeroOk)) {
    env.say(boundsMessage(env, regno, least, size, memSize));
    env.reject('EACCES', memMessages.min_outside(regno));
  }
  const max = unsignedAt(w, r + UMAX);
  if (max >= MAX_VAR_OFF) env.reject('EACCES', memMessages.unbounded(regno));
  const most = (max + off) | 0;
  if (!fits(most, size, memSize, zeroOk)) {
    env.say(boundsMessage(env, regno, most, size, memSize));
    env.reject('EACCES', memMessages.max_outside(regno));
  }
}

/** A pointer that must not have been moved, or only by a constant. Mirrors __check_ptr_off_reg. */
export function checkPtrOffReg(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  regno: number,
  fixedOffOk: boolean,
): void {
  const off = w[r + OFF]!;
  const type = w[r + TYPE]!;
  if (off < 0) env.reject('EACCES', memMessages.negative_offset(typeText(type), regno, off));
  if (off !== 0 && !fixedOffOk) {
    env.reject('EACCES', memMessages.modified_pointer(typeText(type), regno, off));
  }
  if (!tnumEqualsConst(w, r, 0, 0)) {
    const varOff = tnumText(w, r + VALUE, r + MASK);
    env.reject('EACCES', memMessages.variable_pointer(typeText(type), varOff));
  }
}
