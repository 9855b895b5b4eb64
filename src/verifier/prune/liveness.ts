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
import { BugError } from '../../base/index.ts';
import { AUX_ZEXT_DST, type VerifierEnv } from '../env.ts';
import { flow } from '../messages/flow.ts';
import {
  DEF_NOT_SUBREG,
  FRAME_POINTER,
  LIVE,
  MAX_REGS,
  NOT_INIT,
  PARENT,
  REG_LIVE_DONE,
  REG_LIVE_READ,
  REG_LIVE_READ32,
  REG_LIVE_READ64,
  REG_LIVE_WRITTEN,
  REG_SHIFT,
  regAt,
  SCALAR_VALUE,
  slotAt,
  SUBREG_DEF,
  TYPE,
} from '../state/layout.ts';
import type { FuncState } from '../state/state.ts';
import { markUnknown } from '../value/bounds.ts';

/** How an instruction uses a register (enum reg_arg_type). */
export type RegUse = 'src' | 'dst' | 'dst_no_mark';

/**
 * The path reads record `(w, r)`: the checkpoints it came through depend on what they had there
 * (mark_reg_read). `flag`: REG_LIVE_READ32 or REG_LIVE_READ64.
 */
export function markRegRead(env: VerifierEnv, w: Int32Array, r: number, flag: number): void {
  if (w[r + LIVE]! & REG_LIVE_WRITTEN) return;
  const parent = w[r + PARENT]!;
  if (parent !== 0) markParents(env, parent, flag, 0);
}

/**
 * What was read after an equal state is read after this one: record `(w, r)` of the running path
 * takes the mark itself, and those it came from (mark_reg_read from propagate_liveness_reg).
 */
export function markRegReadHere(env: VerifierEnv, w: Int32Array, r: number, flag: number): void {
  if (!takeMark(w, r, flag)) return;
  const parent = w[r + LIVE]! & REG_LIVE_WRITTEN ? 0 : w[r + PARENT]!;
  markParents(env, parent, flag, 1);
}

/** Marks the record `parent` names and those it came from, up to a write. */
function markParents(env: VerifierEnv, parent: number, flag: number, marked: number): void {
  let next = parent;
  let count = marked;
  while (next !== 0) {
    const frame = env.checkpoints.at(next >>> 10).frames[(next >> 7) & 7]!;
    const w = frame.words;
    const r = (next & 0x7f) << REG_SHIFT;
    if (!takeMark(w, r, flag)) break;
    noteRead(frame, next & 0x7f);
    count++;
    if (w[r + LIVE]! & REG_LIVE_WRITTEN) break;
    next = w[r + PARENT]!;
  }
  if (env.longestMarkReadWalk < count) env.longestMarkReadWalk = count;
}

function noteRead(frame: FuncState, record: number): void {
  if (record < MAX_REGS) frame.readRegs |= 1 << record;
  else if (record < MAX_REGS + 32) frame.readSlotsLow |= 1 << (record - MAX_REGS);
  else frame.readSlotsHigh |= 1 << (record - MAX_REGS - 32);
}

/** Marks one record as read; false if it was marked that strongly before. */
function takeMark(w: Int32Array, r: number, flag: number): boolean {
  const live = w[r + LIVE]!;
  if (live & REG_LIVE_DONE) throw new BugError('a finished state is marked as read');
  if ((live & REG_LIVE_READ) === flag || live & REG_LIVE_READ64) return false;
  const marked = live | flag;
  w[r + LIVE] = flag === REG_LIVE_READ64 ? marked & ~REG_LIVE_READ32 : marked;
  return true;
}

/** The two slots of the dynptr at slot `spi` of `frame` are read (mark_dynptr_read). */
export function markDynptrRead(env: VerifierEnv, frame: FuncState, spi: number): void {
  markRegRead(env, frame.words, slotAt(spi), REG_LIVE_READ64);
  markRegRead(env, frame.words, slotAt(spi - 1), REG_LIVE_READ64);
}

/** The slots of the iterator at slot `spi` of `frame` are read (mark_iter_read). */
export function markIterRead(env: VerifierEnv, frame: FuncState, spi: number, slots: number): void {
  for (let i = 0; i < slots; i++) {
    markRegRead(env, frame.words, slotAt(spi - i), REG_LIVE_READ64);
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
