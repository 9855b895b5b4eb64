import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CMPXCHG,
  BPF_END,
  BPF_FETCH,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_MOV,
  BPF_PSEUDO_FUNC,
  BPF_STX,
  BPF_SUB,
  BPF_ST,
  BPF_X,
  LD_IMM64,
} from '../../isa/index.ts';
import { FRAME_SIZE, NULL_PAGE_END } from '../../runtime/layout.ts';
import type { World } from './facts.ts';
import { inPlace, mapInVariable, readsOfHelper } from './in-place.ts';
import { accessSize, CALL, FP, namedInsn, REGISTERS } from './insn.ts';
import { piecesOf } from './pieces.ts';
import { NONE, type Program } from './program.ts';
import { computeRange, newRange, readRange, setRange } from './ranges.ts';
import type { Slots } from './slots.ts';
import {
  ANYWHERE,
  bitsOf,
  closeWindows,
  copyValue,
  forgetPacket,
  forgetPlace,
  forgetSite,
  hintOf,
  isPureStack,
  isStack,
  movedWindow,
  openWindow,
  PURE,
  setShadow,
  setValue,
  SHADOW,
  SHADOW_INDEX,
  SHADOW_NONE,
  SHADOW_OFFSET,
  SHADOW_SUM,
  type State,
  tagOf,
  V_CONST,
  V_CTX,
  V_FUNCTION,
  V_LOOKED_UP,
  V_MAP_VALUE,
  V_MAYBE_MAP_VALUE,
  V_MAYBE_STACK,
  V_PACKET,
  V_PACKET_END,
  V_RANGE,
  V_STACK,
  V_UNKNOWN,
  V_UNWRITTEN,
  WINDOW,
  WORDS,
} from './values.ts';

const MAP_LOOKUP_ELEM = 1;
/** Constant offsets added to pointers are followed while they stay this small. */
const MAX_OFFSET = 1 << 29;

const range = newRange();

/** What the meaning of an instruction depends on besides the state. */
export interface TransferContext {
  readonly world: World;
  readonly program: Program;
  readonly slots: Slots;
  /** Set when the program reads where the packet starts. */
  seesPacket: boolean;
  /** Slots read where nothing may have been written, or by a helper: they must be in memory. */
  readonly unwritten: Set<number>;
}

/** Runs instruction `i` of a frame whose r0 is variable `base` on the abstract state. */
export function transfer(t: TransferContext, s: State, i: number, base: number): void {
  const op = t.program.code.op[i];
  switch (op & 7) {
    case BPF_ALU:
    case BPF_ALU64:
      arithmetic(t, s, i, base);
      break;
    case BPF_LD:
      if (op === LD_IMM64) constant(t, s, i, base);
      else setValue(s, base, V_RANGE, 0, -1, 1);
      break;
    case BPF_LDX:
      load(t, s, i, base);
      break;
    case BPF_ST:
    case BPF_STX:
      store(t, s, i, base);
      break;
    default:
      if (op === CALL && t.program.code.src[i] === 0) callHelper(t, s, i, base);
  }
}

function constant(t: TransferContext, s: State, i: number, base: number): void {
  const { code, subprogramAt } = t.program;
  const dst = base + code.dst[i];
  if (code.src[i] !== BPF_PSEUDO_FUNC) {
    setValue(s, dst, V_CONST, code.imm[i], code.imm[i + 1]);
    return;
  }
  const target = subprogramAt.get(namedInsn(code, i)) ?? NONE;
  if (target === NONE) setValue(s, dst, V_UNKNOWN);
  else setValue(s, dst, V_FUNCTION, target);
}

function arithmetic(t: TransferContext, s: State, i: number, base: number): void {
  const { code } = t.program;
  const op = code.op[i];
  const dst = base + code.dst[i];
  const wide = (op & 7) === BPF_ALU64;
  const operation = op & 0xf0;
  const src = (op & BPF_X) !== 0 && operation !== BPF_END ? base + code.src[i] : NONE;
  if (!wide || operation !== BPF_ADD) {
    compute(t, s, i, dst, src);
    if (operation !== BPF_MOV) forgetPlace(s, dst);
    return;
  }
  const wasNumber = bitsOf(s, dst) <= 32;
  const shadow = shadowOfSum(s, dst, src);
  const offset =
    src === NONE ? s[dst * WORDS + SHADOW_OFFSET] + code.imm[i] : offsetOfSum(s, shadow, dst, src);
  const amount = smallConstant(s, src, code.imm[i]);
  const window = amount === undefined ? 0 : movedWindow(s[dst * WORDS + WINDOW], amount);
  compute(t, s, i, dst, src);
  if (!isKnown(s[dst * WORDS])) {
    const isNumber = wasNumber && bitsOf(s, dst) <= 32;
    const kept = src === NONE ? shadowAfterConstant(shadow, offset, isNumber) : shadow;
    setShadow(s, dst, kept, offset | 0);
  }
  s[dst * WORDS + WINDOW] = window;
}

/** Constants that may stand between a number and its shadow. */
const MAX_INDEX_OFFSET = 1 << 28;

/**
 * The shadow after a constant has been added to what had this one. Without any, the value before
 * the addition becomes the shadow. `isNumber`: of 32 bits, before and after.
 */
function shadowAfterConstant(shadow: number, offset: number, isNumber: boolean): number {
  const isNear = offset >= 0 && offset < MAX_INDEX_OFFSET;
  if (shadow === SHADOW_NONE) return isNumber && isNear ? SHADOW_INDEX : SHADOW_SUM;
  if (shadow === SHADOW_INDEX && isNear && !isNumber && offset < NULL_PAGE_END) return SHADOW_SUM;
  return shadow === SHADOW_INDEX && isNumber && !isNear ? SHADOW_SUM : shadow;
}

/** Values that are pushed from what is known of them. */
export function isKnown(kind: number): boolean {
  return kind === V_CONST || kind === V_STACK || kind === V_CTX;
}

/** The shadow that `dst + src` (or, for NONE, dst plus a constant) has. */
function shadowOfSum(s: State, dst: number, src: number): number {
  if (src === NONE) return s[dst * WORDS + SHADOW];
  return isIndexOf(s, src, dst) || isIndexOf(s, dst, src) ? SHADOW_INDEX : SHADOW_SUM;
}

/** Whether `index` is an unsigned number and `address` a constant. */
export function isIndexOf(s: State, index: number, address: number): boolean {
  const isVariable = s[index * WORDS + SHADOW] !== SHADOW_SUM && s[index * WORDS] !== V_CONST;
  return s[address * WORDS] === V_CONST && isVariable && bitsOf(s, index) <= 32;
}

/** Offset of the sum's shadow: what the parts have; of an index, the constant address as well. */
function offsetOfSum(s: State, shadow: number, dst: number, src: number): number {
  const offsets = s[dst * WORDS + SHADOW_OFFSET] + s[src * WORDS + SHADOW_OFFSET];
  if (shadow !== SHADOW_INDEX) return offsets;
  return offsets + s[(s[dst * WORDS] === V_CONST ? dst : src) * WORDS + 1];
}

/** Kind and words of the result of an ALU instruction. */
function compute(t: TransferContext, s: State, i: number, dst: number, src: number): void {
  const { code } = t.program;
  const op = code.op[i];
  const wide = (op & 7) === BPF_ALU64;
  const operation = op & 0xf0;
  const imm = code.imm[i];
  const isStackValue = (v: number) => v !== NONE && isStack(s[v * WORDS]);
  if (wide && operation !== BPF_MOV && (isStackValue(dst) || isStackValue(src))) {
    stackArithmetic(s, operation, dst, src, imm);
  } else if (operation === BPF_MOV) move(s, dst, src, imm, code.off[i], wide);
  else if (operation === BPF_ADD && wide) add(t, s, dst, src, imm, i);
  else if (operation === BPF_SUB && wide) subtract(s, dst, src, imm);
  else if (operation === BPF_END) byteOrder(s, dst, imm);
  else if (code.off[i] !== 0) unknownResult(s, dst, wide);
  else computeRange(s, operation, dst, src, imm, wide);
}

/** Something of this width. */
function unknownResult(s: State, dst: number, wide: boolean): void {
  if (wide) setValue(s, dst, V_UNKNOWN);
  else setValue(s, dst, V_RANGE, 0, -1, 1);
}

function byteOrder(s: State, dst: number, bits: number): void {
  if (bits === 64) setValue(s, dst, V_UNKNOWN);
  else setRange(s, dst, 0, 2 ** bits - 1, 1);
}

/** An operand may point into the stack: so may the result. */
function stackArithmetic(s: State, operation: number, dst: number, src: number, imm: number): void {
  const amount = smallConstant(s, src, imm);
  const at = dst * WORDS;
  const isSum = operation === BPF_ADD;
  if (isStack(s[at]) && amount !== undefined && (isSum || operation === BPF_SUB)) {
    if (offsetStack(s, dst, isSum ? amount : -amount)) return;
  }
  const own = smallConstant(s, dst, 0);
  if (isSum && src !== NONE && own !== undefined && isStack(s[src * WORDS])) {
    copyValue(s, dst, src);
    if (offsetStack(s, dst, own)) return;
  }
  let bound = ANYWHERE;
  let pure = 0;
  let extent = 0;
  if (isSum && src !== NONE) {
    const pointer = isStack(s[at]) ? dst : src;
    const index = pointer === dst ? src : dst;
    if (!isStack(s[index * WORDS])) {
      readRange(s, index * WORDS, range);
      if (range.high >= 0) bound = Math.min(MAX_OFFSET, s[pointer * WORDS + 1] + range.low);
      const own = s[pointer * WORDS] === V_STACK ? 1 : s[pointer * WORDS + 3];
      if (own > 0 && range.high >= 0 && range.high < MAX_OFFSET)
        extent = own + range.high - range.low;
      pure = isPureStack(s, pointer * WORDS) ? PURE : 0;
    }
  }
  setValue(s, dst, V_MAYBE_STACK, bound, pure, pure === PURE ? extent : 0);
}

function offsetStack(s: State, v: number, amount: number): boolean {
  const offset = s[v * WORDS + 1] + amount;
  if (Math.abs(offset) > MAX_OFFSET) return false;
  s[v * WORDS + 1] = offset;
  return true;
}

function move(s: State, dst: number, src: number, imm: number, off: number, wide: boolean): void {
  if (off !== 0) {
    if (!wide) unknownResult(s, dst, false);
    else if (isStack(s[src * WORDS])) setValue(s, dst, V_MAYBE_STACK, ANYWHERE);
    else setValue(s, dst, V_UNKNOWN);
  } else if (src === NONE) setValue(s, dst, V_CONST, imm, wide ? imm >> 31 : 0);
  else if (wide) copyValue(s, dst, src);
  else if (s[src * WORDS] === V_CONST) setValue(s, dst, V_CONST, s[src * WORDS + 1], 0);
  else if (s[src * WORDS] === V_RANGE) copyValue(s, dst, src);
  else unknownResult(s, dst, false);
}

/** The small constant in variable `src` (or the immediate), or undefined. */
function smallConstant(s: State, src: number, imm: number): number | undefined {
  if (src === NONE) return imm;
  const at = src * WORDS;
  const small = s[at] === V_CONST && s[at + 2] === s[at + 1] >> 31;
  return small ? s[at + 1] : undefined;
}

function add(t: TransferContext, s: State, dst: number, src: number, imm: number, i: number) {
  const addend = smallConstant(s, src, imm);
  if (addend !== undefined && offsetPointer(s, dst, addend)) return;
  const own = smallConstant(s, dst, 0);
  if (src !== NONE && own !== undefined && isPointer(s[src * WORDS])) {
    copyValue(s, dst, src);
    if (offsetPointer(s, dst, own)) return;
  }
  if (src !== NONE && addVariable(t, s, dst, src, i)) return;
  const at = dst * WORDS;
  if (s[at] === V_CONST && addend !== undefined) {
    const low = s[at + 1];
    const sum = (low + addend) | 0;
    const carry = sum >>> 0 < low >>> 0 ? 1 : 0;
    setValue(s, dst, V_CONST, sum, (s[at + 2] + (addend >> 31) + carry) | 0);
    return;
  }
  if (addend !== undefined && addend < 0) computeRange(s, BPF_SUB, dst, NONE, -addend, true);
  else computeRange(s, BPF_ADD, dst, src, imm, true);
}

/** A pointer plus something that is no constant; false if neither is a pointer. */
function addVariable(t: TransferContext, s: State, dst: number, src: number, i: number): boolean {
  const pointer = hintOf(s, dst * WORDS) !== V_UNKNOWN ? dst : src;
  const hint = hintOf(s, pointer * WORDS);
  if (hint === V_UNKNOWN) return false;
  const index = pointer === dst ? src : dst;
  if (s[pointer * WORDS] === V_PACKET && bitsOf(s, index) <= 32) {
    forgetSite(s, i);
    setValue(s, dst, V_PACKET, 0, i + 1, 0);
    return true;
  }
  if (hint === V_MAYBE_MAP_VALUE) indexValue(t, s, dst, pointer, index);
  else setValue(s, dst, hint);
  return true;
}

/** A pointer into a map's values plus an index. */
function indexValue(t: TransferContext, s: State, dst: number, pointer: number, index: number) {
  const at = pointer * WORDS;
  const tag = tagOf(s, at);
  const map = t.world.mapOfTag(tag);
  readRange(s, index * WORDS, range);
  const isConst = s[at] === V_CONST;
  if (map === undefined || range.high < 0 || !(isConst || s[at] === V_MAP_VALUE)) {
    setValue(s, dst, V_MAYBE_MAP_VALUE, tag);
    return;
  }
  // Constants are pointers into value 0.
  const first = isConst ? s[at + 1] - map.values : s[at + 2];
  const extent = (isConst ? 0 : s[at + 3]) + range.high - range.low;
  const isNear = Math.abs(first + range.low) < MAX_OFFSET && extent < MAX_OFFSET;
  if (isNear) setValue(s, dst, V_MAP_VALUE, tag, first + range.low, extent);
  else setValue(s, dst, V_MAYBE_MAP_VALUE, tag);
}

function subtract(s: State, dst: number, src: number, imm: number): void {
  const amount = smallConstant(s, src, imm);
  if (amount !== undefined && offsetPointer(s, dst, -amount)) return;
  const hint =
    src === NONE || hintOf(s, src * WORDS) === V_UNKNOWN ? hintOf(s, dst * WORDS) : V_UNKNOWN;
  if (hint === V_UNKNOWN) computeRange(s, BPF_SUB, dst, src, imm, true);
  else setValue(s, dst, hint, hint === V_MAYBE_MAP_VALUE ? tagOf(s, dst * WORDS) : 0);
}

function isPointer(kind: number): boolean {
  return kind === V_CTX || kind === V_MAP_VALUE || kind === V_PACKET;
}

/** Adds a constant to a pointer; false if `v` is none or the result is far away. */
function offsetPointer(s: State, v: number, amount: number): boolean {
  const at = v * WORDS;
  if (s[at] === V_CONST) return false;
  if (!isPointer(s[at])) return hintOf(s, at) !== V_UNKNOWN;
  const word = s[at] === V_MAP_VALUE ? at + 2 : at + 1;
  const offset = s[word] + amount;
  if (Math.abs(offset) > MAX_OFFSET) return false;
  s[word] = offset;
  return true;
}

function load(t: TransferContext, s: State, i: number, base: number): void {
  const { code } = t.program;
  const op = code.op[i];
  const size = accessSize(op);
  const from = base + code.src[i];
  const dst = base + code.dst[i];
  const slot = slotOf(t, s, from, code.off[i], size);
  if (t.world.checks && slot === NONE) openWindow(s, from, code.off[i], size, false);
  if ((op & 0xe0) !== BPF_MEM) {
    noteRead(t, s, slot);
    setValue(s, dst, V_UNKNOWN);
  } else if (slot !== NONE) {
    noteRead(t, s, slot);
    copyValue(s, dst, slot);
  } else if (isPacketField(t, s, from, code.off[i], size, 'start')) {
    t.seesPacket = true;
    setValue(s, dst, V_PACKET);
  } else if (isPacketField(t, s, from, code.off[i], size, 'end')) {
    setValue(s, dst, V_PACKET_END);
  } else if (size < 8) setRange(s, dst, 0, 2 ** (size * 8) - 1, 1);
  else setValue(s, dst, V_UNKNOWN);
}

function isPacketField(
  t: TransferContext,
  s: State,
  from: number,
  off: number,
  size: number,
  field: 'start' | 'end',
): boolean {
  const packet = t.world.image.context.packet;
  if (!t.world.checks || packet === undefined || size !== 4) return false;
  const at = from * WORDS;
  return s[at] === V_CTX && s[at + 1] + off === packet[field];
}

/** The variable that stands for the stack slot accessed, or NONE if it is in memory. */
export function slotOf(
  t: TransferContext,
  s: State,
  pointer: number,
  off: number,
  size: number,
): number {
  const at = pointer * WORDS;
  return s[at] === V_STACK ? t.slots.variable(s[at + 1] + off, size) : NONE;
}

function store(t: TransferContext, s: State, i: number, base: number): void {
  const { code } = t.program;
  const op = code.op[i];
  const to = base + code.dst[i];
  const atomic = (op & 0xe0) === BPF_ATOMIC;
  const slot = atomic ? NONE : slotOf(t, s, to, code.off[i], accessSize(op));
  if (slot === NONE) {
    if (t.world.opensWindows) openWindow(s, to, code.off[i], accessSize(op), true);
  } else
    setSlot(s, slot, (op & 7) === BPF_ST ? NONE : base + code.src[i], code.imm[i], accessSize(op));
  if (!atomic || (code.imm[i] & BPF_FETCH) === 0) return;
  const fetched = base + (code.imm[i] === BPF_CMPXCHG ? 0 : code.src[i]);
  unknownResult(s, fetched, accessSize(op) === 8);
}

/** A slot smaller than 8 bytes keeps the low bits, and gives them back zero-extended. */
function setSlot(s: State, slot: number, src: number, imm: number, size: number): void {
  const mask = size === 4 ? -1 : (1 << (size * 8)) - 1;
  if (src === NONE) {
    if (size === 8) setValue(s, slot, V_CONST, imm, imm >> 31);
    else setValue(s, slot, V_CONST, imm & mask, 0);
  } else if (size === 8) copyValue(s, slot, src);
  else if (s[src * WORDS] === V_CONST) setValue(s, slot, V_CONST, s[src * WORDS + 1] & mask, 0);
  else if (bitsOf(s, src) <= size * 8) passValue(s, slot, src);
  else setRange(s, slot, 0, 2 ** (size * 8) - 1, 1);
}

function callHelper(t: TransferContext, s: State, i: number, base: number): void {
  const id = t.program.code.imm[i];
  const facts = t.world.helper(id);
  if (t.slots.count > 0) readInPlace(t, s, i, base);
  const map = id === MAP_LOOKUP_ELEM ? mapInVariable(t, s, base + 1) : undefined;
  const isValue = map !== undefined && t.world.mapAt(map)!.holdsValues;
  if (facts === undefined || facts.changesPacket || facts.callsBack) forgetPacket(s);
  if (facts === undefined || facts.changesPacket || facts.callsBack || facts.releases)
    closeWindows(s);
  if (!isValue) {
    setValue(s, base, V_UNKNOWN);
    return;
  }
  forgetSite(s, i);
  setValue(s, base, V_LOOKED_UP, t.world.mapAt(map)!.valueTag, i);
}

/** Slots that compiled code reads itself at a call. */
function readInPlace(t: TransferContext, s: State, i: number, base: number): void {
  const form = inPlace(t, s, i, base);
  const note = form === undefined ? keepInMemory : noteRead;
  for (const { argument, size } of form?.reads ?? readsOfHelper(t, s, i, base)) {
    for (const piece of piecesOf(size)) {
      note(t, s, slotOf(t, s, base + argument, piece.offset, piece.size));
      if (piece.size !== 8) continue;
      note(t, s, slotOf(t, s, base + argument, piece.offset, 4));
      note(t, s, slotOf(t, s, base + argument, piece.offset + 4, 4));
    }
  }
}

function keepInMemory(t: TransferContext, _: State, slot: number): void {
  if (slot !== NONE) t.unwritten.add(slot);
}

function noteRead(t: TransferContext, s: State, slot: number): void {
  if (slot !== NONE && s[slot * WORDS] === V_UNWRITTEN) t.unwritten.add(slot);
}

/** State of an expanded subprogram's registers at its start. */
export function enterFrame(s: State, caller: number, callee: number, depth: number): void {
  for (let r = 0; r < FP; r++) {
    if (r >= 1 && r <= 5) passValue(s, callee + r, caller + r);
    else setValue(s, callee + r, V_CONST, 0, 0);
  }
  setValue(s, callee + FP, V_STACK, -FRAME_SIZE * depth);
}

/** Copies a value to where it has no shadow: another frame, a small slot. */
export function passValue(s: State, to: number, from: number): void {
  copyValue(s, to, from);
  forgetPlace(s, to);
}

/** Variable of r0 of frame `frame`. */
export function frameBase(frame: number): number {
  return frame * REGISTERS;
}
