import {
  BPF_ADD,
  BPF_ALU64,
  BPF_AND,
  BPF_K,
  BPF_LDX,
  BPF_MOV,
  BPF_PSEUDO_CALL,
  BPF_ST,
  BPF_STX,
  BPF_X,
  classOf,
  type Code,
  decodeCode,
  insnSlots,
  LD_IMM64,
  looseInsnInfo,
  CALL,
} from '../../isa/index.ts';
import type { FunctionSpec, ProgramSpec } from '../../object/index.ts';

const FRAME_POINTER = 10;
const MOV_REG = BPF_ALU64 | BPF_MOV | BPF_X;
const ADD_IMM = BPF_ALU64 | BPF_ADD | BPF_K;

/** The least `-mcpu` that has every instruction of this code. */
export function cpuLevel(code: Code): 1 | 2 | 3 | 4 {
  let level: 1 | 2 | 3 | 4 = 1;
  for (let i = 0; i < code.length; i += insnSlots(code, i)) {
    const info = looseInsnInfo(code.op[i]!, code.off[i]!, code.src[i]!, code.imm[i]!);
    if (info && info.cpu > level) level = info.cpu;
  }
  return level;
}

/**
 * Bytes of stack one function names, at least: every access below the frame pointer and every
 * address handed to a call. What loops compute is not followed.
 */
export function frameSize(code: Code, start: number, end: number): number {
  const offsets = new Map<number, number>([[FRAME_POINTER, 0]]);
  let least = 0;
  for (let i = start; i < end; i += insnSlots(code, i)) {
    const op = code.op[i]!;
    const dst = code.dst[i]!;
    const src = code.src[i]!;
    const kind = classOf(op);
    const stores = kind === BPF_ST || kind === BPF_STX;
    const base = stores ? dst : kind === BPF_LDX ? src : -1;
    const at = offsets.get(base);
    if (at !== undefined) least = Math.min(least, at + code.off[i]!);
    if (stores || dst === FRAME_POINTER) continue;
    const known = op === MOV_REG && code.off[i] === 0 ? offsets.get(src) : undefined;
    const moved = op === ADD_IMM ? offsets.get(dst) : undefined;
    const now = moved === undefined ? known : moved + code.imm[i]!;
    if (now === undefined) offsets.delete(dst);
    else offsets.set(dst, now);
    if (op !== CALL) continue;
    // Memory handed to a call is used; an address that is only computed is not.
    for (let r = 1; r <= 5; r++) least = Math.min(least, offsets.get(r) ?? 0);
    for (let r = 0; r <= 5; r++) offsets.delete(r);
  }
  return -least;
}

/** Bytes of stack the deepest chain of calls of a program names at least. */
export function stackDepth(program: ProgramSpec): number {
  const code = decodeCode(program.insns);
  const byStart = new Map(program.functions.map((one) => [one.start, one]));
  const known = new Map<FunctionSpec, number>();
  const depthOf = (fn: FunctionSpec): number => {
    const before = known.get(fn);
    if (before !== undefined) return before;
    // A function that calls itself is the verifier's to refuse; here it only must not hang.
    known.set(fn, 0);
    const callees = calleesOf(code, fn, byStart).map(depthOf);
    const depth = frameSize(code, fn.start, fn.start + fn.size) + Math.max(0, ...callees);
    known.set(fn, depth);
    return depth;
  };
  return Math.max(0, ...program.functions.slice(0, 1).map(depthOf));
}

function calleesOf(
  code: Code,
  fn: FunctionSpec,
  byStart: ReadonlyMap<number, FunctionSpec>,
): FunctionSpec[] {
  const callees = new Set<FunctionSpec>();
  for (let i = fn.start; i < fn.start + fn.size; i++) {
    if (code.op[i] !== CALL || code.src[i] !== BPF_PSEUDO_CALL) continue;
    const callee = byStart.get(i + 1 + code.imm[i]!);
    if (callee) callees.add(callee);
  }
  return [...callees];
}

/** Ids of the helpers a program calls, each once. */
export function helpersCalled({ insns }: ProgramSpec): number[] {
  const code = decodeCode(insns);
  const ids = new Set<number>();
  for (let i = 0; i < code.length; i += insnSlots(code, i)) {
    if (code.op[i] === CALL && code.src[i] === 0) ids.add(code.imm[i]!);
  }
  return [...ids];
}

/** Least length at which the share of stack accesses says something. */
const LEAST_INSNS = 12;

/**
 * True if code looks as compilers leave it without optimising: the parameter goes to the stack at
 * once, and nearly half of all instructions move values there and back.
 */
export function looksUnoptimised(code: Code, start: number, end: number): boolean {
  if (end - start < LEAST_INSNS) return false;
  let moves = 0;
  let all = 0;
  for (let i = start; i < end; i += insnSlots(code, i), all++) {
    const kind = classOf(code.op[i]!);
    if (kind === BPF_STX && code.dst[i] === FRAME_POINTER) moves++;
    if (kind === BPF_LDX && code.src[i] === FRAME_POINTER) moves++;
  }
  const first = code.op[start]!;
  const spills = classOf(first) === BPF_STX && code.dst[start] === FRAME_POINTER;
  return spills && moves >= 0.35 * all;
}

/**
 * How many instructions are `r &= -1`. They do nothing, and bpf-gcc 12 means & 0xffffffff by them
 * where it has no 32-bit arithmetic: the constant does not fit, its sign fills the upper half.
 */
export function emptyMasks(code: Code): number {
  let count = 0;
  for (let i = 0; i < code.length; i += insnSlots(code, i)) {
    if (code.op[i] === (BPF_ALU64 | BPF_AND | BPF_K) && code.imm[i] === -1) count++;
  }
  return count;
}

/** The first slot that is no instruction Linux 6.12 has, or calls through a register. */
export function oddInsn(code: Code): { insn: number; indirect: boolean } | undefined {
  for (let i = 0; i < code.length; i += insnSlots(code, i)) {
    const op = code.op[i]!;
    const info = looseInsnInfo(op, code.off[i]!, code.src[i]!, code.imm[i]!);
    if (op === LD_IMM64 || (info && info.kind !== 'callx' && info.kind !== 'internal')) continue;
    return { insn: i, indirect: info?.kind === 'callx' };
  }
  return undefined;
}
