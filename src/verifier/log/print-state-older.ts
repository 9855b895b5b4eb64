/** Registers and stacks as logs before the short ones show them. */
import type { VerifierEnv } from '../env.ts';
import {
  baseType,
  CONST_PTR_TO_MAP,
  ID,
  MAP,
  MAX_REGS,
  NOT_INIT,
  OFF,
  PRECISE,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_SOCKET,
  PTR_TO_STACK,
  PTR_TO_TCP_SOCK,
  RANGE,
  REF_OBJ_ID,
  REG_SIZE,
  regAt,
  S32_MAX,
  S32_MIN,
  SCALAR_VALUE,
  SMAX,
  SMIN,
  STACK_SPILL,
  slotAt,
  slotType,
  TYPE,
  BTF,
  BTF_ID,
  MASK,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
} from '../state/layout.ts';
import type { FuncState } from '../state/state.ts';
import { tnumIsConst } from '../value/tnum.ts';
import { tnumText } from './numbers.ts';
import {
  btfTypeName,
  isSlotScratched,
  isUnknown,
  refsText,
  regLiveness,
  slotChars,
  slotLiveness,
  typeText,
} from './print-state.ts';

/** Types of which the log shows the reference. */
const REFERENCED = new Set([PTR_TO_SOCKET, PTR_TO_TCP_SOCK, PTR_TO_MEM, PTR_TO_BTF_ID]);
const MAPS = new Set([CONST_PTR_TO_MAP, PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE]);
const NO_TYPES = '?'.repeat(REG_SIZE);

/** A frame, from ` frame1:` or ` R0=` on, without the line feed (print_verifier_state). */
export function olderFrameText(env: VerifierEnv, frame: FuncState, all: boolean): string {
  const w = frame.words;
  let text = frame.frameno ? ` frame${frame.frameno}:` : '';
  for (let i = 0; i < MAX_REGS; i++) {
    if (w[regAt(i) + TYPE] === NOT_INIT) continue;
    if (!all && !((env.scratchedRegs >> i) & 1)) continue;
    text += ` R${i}${regLiveness(frame, i)}=${regText(env, w, regAt(i))}`;
  }
  for (let spi = 0; spi < frame.slots; spi++) {
    const types = slotChars(w, slotAt(spi));
    if (types === NO_TYPES || (!all && !isSlotScratched(env, spi))) continue;
    const place = ` fp${(-spi - 1) * REG_SIZE}${slotLiveness(frame, spi)}=`;
    text += place + slotText(w, slotAt(spi), types);
  }
  text += refsText(frame);
  if (frame.inCallback) text += ' cb';
  return frame.inAsyncCallback ? `${text} async_cb` : text;
}

/** Of what was spilled only the kind is shown, and the value if there is just one. */
function slotText(w: Int32Array, r: number, types: string): string {
  if (slotType(w, r, REG_SIZE - 1) !== STACK_SPILL) return types;
  if (w[r + TYPE] !== SCALAR_VALUE) return typeText(w[r + TYPE]!);
  const precise = w[r + PRECISE] ? 'P' : '';
  return tnumIsConst(w, r) ? precise + decimal(w, r + VALUE) : precise;
}

function regText(env: VerifierEnv, w: Int32Array, r: number): string {
  const type = w[r + TYPE]!;
  const precise = type === SCALAR_VALUE && w[r + PRECISE] ? 'P' : '';
  if (tnumIsConst(w, r)) {
    if (type === SCALAR_VALUE) return precise + decimal(w, r + VALUE);
    if (type === PTR_TO_STACK) return `fp${(w[r + VALUE]! + w[r + OFF]!) | 0}`;
  }
  const name =
    baseType(type) === PTR_TO_BTF_ID ? btfTypeName(env, w[r + BTF]!, w[r + BTF_ID]!) : '';
  return `${precise}${typeText(type)}${name}(${attributes(env, w, r).join(',')})`;
}

function attributes(env: VerifierEnv, w: Int32Array, r: number): string[] {
  const type = w[r + TYPE]!;
  const base = baseType(type);
  const list: string[] = [];
  if (w[r + ID]) list.push(`id=${w[r + ID]}`);
  if (REFERENCED.has(base) && w[r + REF_OBJ_ID]) list.push(`ref_obj_id=${w[r + REF_OBJ_ID]}`);
  if (type !== SCALAR_VALUE) list.push(`off=${w[r + OFF]}`);
  if (base === PTR_TO_PACKET || base === PTR_TO_PACKET_META) list.push(`r=${w[r + RANGE]}`);
  const map = MAPS.has(base) ? env.maps[w[r + MAP]! - 1] : undefined;
  if (map) list.push(`ks=${map.keySize},vs=${map.valueSize}`);
  if (tnumIsConst(w, r)) list.push(`imm=${unsigned(w, r + VALUE).toString(16)}`);
  else addRanges(list, w, r);
  return list;
}

/** Ranges that tell something the one before them does not, and the known bits. */
function addRanges(list: string[], w: Int32Array, r: number): void {
  const [smin, smax] = [SMIN, SMAX].map((at) => BigInt.asIntN(64, unsigned(w, r + at)));
  const [umin, umax] = [UMIN, UMAX].map((at) => unsigned(w, r + at));
  const add = (name: string, value: bigint, trivial: bigint, same?: bigint): void => {
    if (value !== trivial && value !== same) list.push(`${name}=${value}`);
  };
  add('smin', smin!, -(2n ** 63n), asSigned(umin!));
  add('smax', smax!, 2n ** 63n - 1n, asSigned(umax!));
  add('umin', umin!, 0n);
  add('umax', umax!, 2n ** 64n - 1n);
  if (!isUnknown(w, r)) list.push(`var_off=${tnumText(w, r + VALUE, r + MASK)}`);
  const half = (at: number): bigint => BigInt(w[r + at]!);
  add('s32_min', half(S32_MIN), -(2n ** 31n), smin!);
  add('s32_max', half(S32_MAX), 2n ** 31n - 1n, smax!);
  // Compared as unsigned, written as signed numbers.
  const low = (name: string, at: number, trivial: number, same: bigint): void => {
    const value = w[r + at]!;
    if (value !== trivial && BigInt(value >>> 0) !== same) list.push(`${name}=${value}`);
  };
  low('u32_min', U32_MIN, 0, umin!);
  low('u32_max', U32_MAX, -1, umax!);
}

const asSigned = (value: bigint): bigint => BigInt.asIntN(64, value);

function unsigned(w: Int32Array, at: number): bigint {
  return (BigInt(w[at + 1]! >>> 0) << 32n) | BigInt(w[at]! >>> 0);
}

const decimal = (w: Int32Array, at: number): string => String(asSigned(unsigned(w, at)));
