import {
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_DW,
  BPF_END,
  BPF_IMM,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MEMSX,
  BPF_PSEUDO_CALL,
  BPF_STX,
  classOf,
} from '../../isa/index.ts';
import { AUX_ZEXT_DST, type VerifierEnv } from '../env.ts';
import { flow } from '../messages/flow.ts';
import {
  DEF_NOT_SUBREG,
  FRAME_POINTER,
  LIVE,
  MAX_REGS,
  NOT_INIT,
  PARENT,
  REG_LIVE_READ32,
  REG_LIVE_READ64,
  REG_LIVE_WRITTEN,
  regAt,
  SCALAR_VALUE,
  SUBREG_DEF,
  TYPE,
} from '../state/layout.ts';
import type { FuncState } from '../state/state.ts';
import { markUnknown } from '../value/bounds.ts';

/** The record's number in a PARENT word. */
const RECORD_MASK = 0x7f;

/** How an instruction uses a register (enum reg_arg_type). */
export type RegUse = 'src' | 'dst' | 'dst_no_mark';

/**
 * The path reads register `(w, r)` of a running frame: the checkpoints it came through depend on
 * what they had there (mark_reg_read). `flag`: REG_LIVE_READ32 or REG_LIVE_READ64.
 */
export function markRegRead(env: VerifierEnv, w: Int32Array, r: number, flag: number): void {
  if (w[r + LIVE]! & REG_LIVE_WRITTEN) return;
  if (w[r + PARENT] !== 0) markParents(env, w[r + PARENT]!, flag, 0);
}

/**
 * What was read after an equal state is read after this one: register `(w, r)` of the running path
 * counts as marked itself, and those it came from are (mark_reg_read from propagate_liveness_reg).
 */
export function markRegReadHere(env: VerifierEnv, w: Int32Array, r: number, flag: number): void {
  const parent = w[r + LIVE]! & REG_LIVE_WRITTEN ? 0 : w[r + PARENT]!;
  markParents(env, parent, flag, 1);
}

/** Marks the register that the PARENT word names and those it came from, up to a write. */
function markParents(env: VerifierEnv, parent: number, flag: number, marked: number): void {
  let count = marked;
  let regno = parent & RECORD_MASK;
  let frame = frameNamed(env, parent);
  while (frame && takeMark(frame, 1 << regno, flag)) {
    count++;
    if (frame.writtenRegs & (1 << regno)) break;
    if (frame.movedRegs & (1 << regno)) {
      const next = frame.words[regAt(regno) + PARENT]!;
      regno = next & RECORD_MASK;
      frame = frameNamed(env, next);
    } else {
      frame = frame.parent;
    }
  }
  if (env.longestMarkReadWalk < count) env.longestMarkReadWalk = count;
}

function frameNamed(env: VerifierEnv, parent: number): FuncState | undefined {
  return parent === 0 ? undefined : env.checkpoints.at(parent >>> 10).frames[(parent >> 7) & 7];
}

/** Marks a register of a checkpoint as read; false if it was marked that strongly before. */
function takeMark(frame: FuncState, bit: number, flag: number): boolean {
  const marked = flag === REG_LIVE_READ64 ? frame.read64Regs : frame.readRegs;
  if (marked & bit) return false;
  frame.readRegs |= bit;
  if (flag === REG_LIVE_READ64) frame.read64Regs |= bit;
  return true;
}

/** The path reads slot `spi` of `frame` (mark_reg_read). */
export function markSlotRead(env: VerifierEnv, frame: FuncState, spi: number): void {
  if (spi < 32) markSlotsRead(env, frame, 1 << spi, 0, 0);
  else markSlotsRead(env, frame, 0, 1 << (spi - 32), 0);
}

/**
 * Marks slots of the checkpoints that `frame` came through, each up to where it was written. `low`
 * and `high`: bits of slots 0..31 and 32..63. `marked`: 1 if the running path counts as marked.
 */
export function markSlotsRead(
  env: VerifierEnv,
  frame: FuncState,
  low: number,
  high: number,
  marked: number,
): void {
  let count = marked;
  let child = frame;
  let lowLeft = low;
  let highLeft = high;
  for (;;) {
    const parent = child.parent;
    if (!parent) break;
    lowLeft &= ~child.writtenSlotsLow & ~parent.readSlotsLow & lowSlots(parent.slots);
    highLeft &= ~child.writtenSlotsHigh & ~parent.readSlotsHigh & highSlots(parent.slots);
    if ((lowLeft | highLeft) === 0) break;
    parent.readSlotsLow |= lowLeft;
    parent.readSlotsHigh |= highLeft;
    count++;
    child = parent;
  }
  if (env.longestMarkReadWalk < count) env.longestMarkReadWalk = count;
}

/** Bits of the first `count` slots that are among slots 0..31. */
export function lowSlots(count: number): number {
  return count >= 32 ? -1 : (1 << count) - 1;
}

/** Bits of the first `count` slots that are among slots 32..63. */
export function highSlots(count: number): number {
  return count <= 32 ? 0 : lowSlots(count - 32);
}

/** The two slots of the dynptr at slot `spi` of `frame` are read (mark_dynptr_read). */
export function markDynptrRead(env: VerifierEnv, frame: FuncState, spi: number): void {
  markSlotRead(env, frame, spi);
  markSlotRead(env, frame, spi - 1);
}

/** The slots of the iterator at slot `spi` of `frame` are read (mark_iter_read). */
export function markIterRead(env: VerifierEnv, frame: FuncState, spi: number, slots: number): void {
  for (let i = 0; i < slots; i++) {
    markSlotRead(env, frame, spi - i);
    env.scratchSlot(spi - i);
  }
}

/** The upper half of the register matters: its definition must clear it (mark_insn_zext). */
export function markInsnZext(env: VerifierEnv, w: Int32Array, r: number): void {
  const definition = w[r + SUBREG_DEF]!;
  if (definition === DEF_NOT_SUBREG) return;
  env.aux.flags[definition - 1]! |= AUX_ZEXT_DST;
  w[r + SUBREG_DEF] = DEF_NOT_SUBREG;
}

/**
 * Does the instruction use register `regno` as a source (of type `regType`), or write it, in its
 * full width? (is_reg64)
 */
export function isReg64(
  env: VerifierEnv,
  insn: number,
  regType: number,
  isSource: boolean,
): boolean {
  const op = env.code.op[insn]!;
  switch (classOf(op)) {
    case BPF_JMP:
      if ((op & 0xf0) !== BPF_CALL) return true;
      return env.code.src[insn] !== BPF_PSEUDO_CALL && isSource;
    case BPF_JMP32:
      return false;
    case BPF_ALU64:
      return (op & 0xf0) !== BPF_END || (env.code.imm[insn] !== 16 && env.code.imm[insn] !== 32);
    case BPF_ALU:
      return (op & 0xf0) === BPF_END && env.code.imm[insn] === 64;
    case BPF_LDX:
      return isSource || (op & 0x18) === BPF_DW || (op & 0xe0) === BPF_MEMSX;
    case BPF_STX:
      return (isSource && regType !== SCALAR_VALUE) || (op & 0x18) === BPF_DW;
    case BPF_LD:
      return isSource || (op & 0xe0) === BPF_IMM;
    default:
      return true;
  }
}

/**
 * The instruction uses register `regno` of the running frame: it must be readable or writable, and
 * that leaves its marks (check_reg_arg).
 */
export function checkRegArg(env: VerifierEnv, regno: number, use: RegUse): void {
  checkRegArgIn(env, env.state.frame.words, regno, use);
}

/** The same with the words of another frame (__check_reg_arg). */
export function checkRegArgIn(env: VerifierEnv, w: Int32Array, regno: number, use: RegUse): void {
  if (regno >= MAX_REGS) env.reject('EINVAL', flow.reg_invalid(regno));
  env.scratchReg(regno);
  const r = regAt(regno);
  const wide = isReg64(env, env.insnIdx, w[r + TYPE]!, use === 'src');
  if (use !== 'src') {
    if (regno === FRAME_POINTER) env.reject('EACCES', flow.frame_pointer_read_only());
    w[r + LIVE]! |= REG_LIVE_WRITTEN;
    w[r + SUBREG_DEF] = wide ? DEF_NOT_SUBREG : env.insnIdx + 1;
    if (use === 'dst') markUnknown(env, w, r);
    return;
  }
  if (w[r + TYPE] === NOT_INIT) env.reject('EACCES', flow.reg_not_readable(regno));
  if (regno === FRAME_POINTER) return;
  if (wide) markInsnZext(env, w, r);
  markRegRead(env, w, r, wide ? REG_LIVE_READ64 : REG_LIVE_READ32);
}
