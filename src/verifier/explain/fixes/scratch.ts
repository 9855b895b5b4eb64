/** Registers and stack that new instructions may use without disturbing the program. */
import {
  BPF_ADD,
  BPF_ALU64,
  BPF_DW,
  BPF_LDX,
  BPF_ST,
  BPF_STX,
  classOf,
} from '../../../isa/index.ts';
import { MAX_STACK } from '../../state/layout.ts';
import type { Failure } from './failure.ts';
import { type Insn, load, store } from './insns.ts';
import { functionAt } from './leave.ts';
import { registerIn, type Snapshot } from './snapshot.ts';
import { mayBeRead } from './uses.ts';

/** Lowest offset (a multiple of 8) that the function at `insn` uses of its stack, 0 for none. */
function lowestUse(failure: Failure, insn: number): number {
  const { code, env } = failure;
  const start = functionAt(failure, insn);
  const end = env.subprogs.find((one) => one.start > start)?.start ?? code.length;
  let lowest = 0;
  for (let i = start; i < end; i++) {
    const cls = classOf(code.op[i]!);
    const base = cls === BPF_LDX ? code.src[i] : code.dst[i];
    const isMemory = cls === BPF_LDX || cls === BPF_ST || cls === BPF_STX;
    if (isMemory && base === 10) lowest = Math.min(lowest, code.off[i]!);
    const imm = code.imm[i]!;
    const isAdd = code.op[i] === (BPF_ALU64 | BPF_ADD);
    if (isAdd && imm < 0 && imm >= -MAX_STACK) lowest = Math.min(lowest, imm);
  }
  return Math.floor(lowest / 8) * 8;
}

/** Offset from R10 of `count` unused slots of 8 bytes; undefined if the stack is full. */
export function freeStack(failure: Failure, insn: number, count: number): number | undefined {
  const off = lowestUse(failure, insn) - count * 8;
  return off < -MAX_STACK ? undefined : off;
}

/** Registers to work with, and what saves and puts back those that were in use. */
export interface Scratch {
  readonly registers: readonly number[];
  readonly save: readonly Insn[];
  readonly restore: readonly Insn[];
}

const ALL = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/** `count` registers other than those in `keep`, for use before `insn`. */
export function scratchRegisters(
  failure: Failure,
  insn: number,
  count: number,
  keep: readonly number[],
): Scratch | undefined {
  const free = ALL.filter((n) => !keep.includes(n));
  const isFree = (n: number) => !mayBeRead(failure.code, insn, n);
  const registers = free.toSorted((a, b) => Number(isFree(b)) - Number(isFree(a))).slice(0, count);
  const saved = registers.filter((n) => !isFree(n));
  return registers.length < count ? undefined : saving(failure, insn, registers, saved);
}

/** Saves R0 to R5 as far as they are needed, around a call that was not there before. */
export function savedAround(
  failure: Failure,
  insn: number,
  state: Snapshot,
  except: readonly number[] = [],
): Scratch | undefined {
  const saved = [0, 1, 2, 3, 4, 5].filter(
    (n) =>
      !except.includes(n) && registerIn(state, n).base !== 0 && mayBeRead(failure.code, insn, n),
  );
  return saving(failure, insn, saved, saved);
}

function saving(
  failure: Failure,
  insn: number,
  registers: readonly number[],
  saved: readonly number[],
): Scratch | undefined {
  const off = freeStack(failure, insn, saved.length);
  if (saved.length > 0 && off === undefined) return undefined;
  return {
    registers,
    save: saved.map((n, i) => store(BPF_DW, 10, off! + i * 8, n)),
    restore: saved.map((n, i) => load(BPF_DW, n, 10, off! + i * 8)),
  };
}
