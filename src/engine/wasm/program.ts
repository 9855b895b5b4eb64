import {
  BPF_ABS,
  BPF_IND,
  BPF_LD,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  type Code,
  LD_IMM64,
} from '../../isa/index.ts';
import { isExecutable } from '../executable.ts';
import {
  CALL,
  EXIT,
  following,
  isConditional,
  isJump,
  JA,
  JA32,
  jumpTarget,
  namedInsn,
} from './insn.ts';

const TAIL_CALL = 12;

/** How a block ends. */
export const BLOCK_GOTO = 0;
export const BLOCK_COND = 1;
export const BLOCK_EXIT = 2;
/** Ends with a call of a subprogram; `taken` is the subprogram's number. */
export const BLOCK_CALL = 3;
/** Ends with something that is no instruction, or leads outside of the subprogram. */
export const BLOCK_TRAP = 4;
/** Ends with a call that ends the program (bpf_throw). */
export const BLOCK_THROW = 5;

/** In `Program.executable`: an instruction that ends the program. */
const THROWS = 2;

export const NONE = -1;

/** Basic blocks of the whole program, as a structure of arrays. */
export interface Blocks {
  readonly count: number;
  /** First instruction. */
  readonly start: Int32Array;
  /** One past the last instruction executed as part of the block, the ending one included. */
  readonly end: Int32Array;
  readonly kind: Uint8Array;
  /** Block jumped to (or subprogram called), block that follows; NONE = leads nowhere: a trap. */
  readonly taken: Int32Array;
  readonly next: Int32Array;
}

export interface Subprogram {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** Block at `start`. */
  readonly entry: number;
}

/** Decoded code cut into subprograms and basic blocks. */
export interface Program {
  readonly code: Code;
  readonly subprograms: readonly Subprogram[];
  readonly blocks: Blocks;
  /** Subprograms some ld_imm64 takes the address of. */
  readonly callbacks: ReadonlySet<number>;
  /** Subprogram that runs when the program throws, or NONE. */
  readonly exceptionCallback: number;
  /** 1 = the slot can be executed, THROWS = and ends the program, 0 = reaching it is a fault. */
  readonly executable: Uint8Array;
  /** Subprogram that starts at this instruction, or undefined. */
  readonly subprogramAt: ReadonlyMap<number, number>;
}

interface NamedStart {
  readonly name: string;
  readonly start: number;
}

/** How a program ends in the middle. */
interface Throwing {
  /** Whether the helper (or kernel function of `readCode`) ends the program. */
  readonly throws: (id: number) => boolean;
  /** First instruction of what runs then, if the program says so. */
  readonly callback?: number | undefined;
}

const NOTHING_THROWS: Throwing = { throws: () => false };

/** Cuts code into subprograms and blocks. Never fails: what makes no sense becomes a trap. */
export function analyseProgram(
  code: Code,
  named: readonly NamedStart[],
  { throws, callback }: Throwing = NOTHING_THROWS,
): Program {
  const executable = executableSlots(code, throws);
  const { starts, callbacks } = findStarts(code, named);
  const names = new Map(named.map((f) => [f.start, f.name]));
  const subprogramAt = new Map(starts.map((start, k) => [start, k]));
  const ends = starts.map((_, k) => starts[k + 1] ?? code.length);
  const { leader, count } = findLeaders(code, executable, starts, ends);
  const blocks = cutBlocks({ code, executable, leader, subprogramAt }, count, ends);
  const subprograms = starts.map((start, k) => ({
    name: names.get(start) ?? `subprogram_${start}`,
    start,
    end: ends[k],
    entry: leader[start] - 1,
  }));
  const callbackNumbers = new Set([...callbacks].map((start) => subprogramAt.get(start)!));
  const exceptionCallback = subprogramAt.get(callback ?? NONE) ?? NONE;
  return {
    code,
    subprograms,
    blocks,
    callbacks: callbackNumbers,
    exceptionCallback,
    executable,
    subprogramAt,
  };
}

function executableSlots(code: Code, throws: Throwing['throws']): Uint8Array {
  const table = new Uint8Array(code.length);
  for (let i = 0; i < code.length; i = following(code, i)) {
    if (!isExecutable(code, i)) continue;
    const ends = code.op[i] === CALL && code.src[i] === 0 && throws(code.imm[i]);
    table[i] = ends ? THROWS : 1;
  }
  return table;
}

/** Instructions at which subprograms begin, ascending, and those whose address is taken. */
function findStarts(code: Code, named: readonly NamedStart[]) {
  const starts = new Set([0]);
  const callbacks = new Set<number>();
  const inside = (i: number) => i >= 0 && i < code.length;
  for (const f of named) if (inside(f.start)) starts.add(f.start);
  for (let i = 0; i < code.length; i = following(code, i)) {
    const target = namedInsn(code, i);
    if (code.op[i] === CALL && code.src[i] === BPF_PSEUDO_CALL && inside(target))
      starts.add(target);
    if (code.op[i] === LD_IMM64 && code.src[i] === BPF_PSEUDO_FUNC && inside(target)) {
      starts.add(target);
      callbacks.add(target);
    }
  }
  return { starts: [...starts].sort((a, b) => a - b), callbacks };
}

/** Tail calls and legacy packet loads may leave the function; what follows is counted apart. */
function mayLeave(code: Code, i: number): boolean {
  const op = code.op[i];
  if (op === CALL) return code.src[i] === 0 && code.imm[i] === TAIL_CALL;
  const mode = op & 0xe0;
  return (op & 7) === BPF_LD && (mode === BPF_ABS || mode === BPF_IND);
}

/** Whether control never goes from `i` to the following instruction within a block. */
function endsBlock(code: Code, executable: Uint8Array, i: number): boolean {
  if (executable[i] !== 1 || mayLeave(code, i)) return true;
  const op = code.op[i];
  if (!isJump(op)) return false;
  return op !== CALL || code.src[i] === BPF_PSEUDO_CALL;
}

/** leader[i] = 1 + number of the block that starts at instruction i, or 0. */
function findLeaders(
  code: Code,
  executable: Uint8Array,
  starts: readonly number[],
  ends: readonly number[],
) {
  const leader = new Int32Array(code.length + 2);
  for (let k = 0; k < starts.length; k++) {
    markLeaders(code, executable, leader, starts[k], ends[k]);
  }
  let count = 0;
  for (let i = 0; i < code.length; i++) if (leader[i] !== 0) leader[i] = ++count;
  return { leader, count };
}

function markLeaders(
  code: Code,
  executable: Uint8Array,
  leader: Int32Array,
  start: number,
  end: number,
): void {
  if (start < end) leader[start] = 1;
  for (let i = start; i < end; i = following(code, i)) {
    if (!endsBlock(code, executable, i)) continue;
    const after = following(code, i);
    if (after < end) leader[after] = 1;
    const op = code.op[i];
    if (executable[i] === 0 || !isJump(op) || op === CALL || op === EXIT) continue;
    const target = jumpTarget(code, i);
    if (target >= start && target < end) leader[target] = 1;
  }
}

interface Cutting {
  readonly code: Code;
  readonly executable: Uint8Array;
  readonly leader: Int32Array;
  readonly subprogramAt: ReadonlyMap<number, number>;
}

/** Fills the block table. Blocks that start inside an ld_imm64 come out as traps. */
function cutBlocks(cutting: Cutting, count: number, ends: readonly number[]): Blocks {
  const blocks = {
    count,
    start: new Int32Array(count),
    end: new Int32Array(count),
    kind: new Uint8Array(count),
    taken: new Int32Array(count).fill(NONE),
    next: new Int32Array(count).fill(NONE),
  };
  let k = 0;
  let functionStart = 0;
  for (let i = 0; i < cutting.code.length; i++) {
    if (cutting.leader[i] === 0) continue;
    while (i >= ends[k]) functionStart = ends[k++];
    cutBlock(cutting, blocks, i, functionStart, ends[k]);
  }
  return blocks;
}

/** Fills the row of the block that starts at `start`, in the subprogram from `first` to `limit`. */
function cutBlock(
  { code, executable, leader, subprogramAt }: Cutting,
  blocks: Blocks,
  start: number,
  first: number,
  limit: number,
): void {
  const b = leader[start] - 1;
  const blockAt = (i: number) => (i >= first && i < limit ? leader[i] - 1 : NONE);
  let last = start;
  while (!endsBlock(code, executable, last)) {
    const after = following(code, last);
    if (after >= limit || leader[after] !== 0) break;
    last = after;
  }
  const after = following(code, last);
  const op = code.op[last];
  blocks.start[b] = start;
  blocks.end[b] = after;
  blocks.next[b] = blockAt(after);
  if (executable[last] === 0) blocks.kind[b] = BLOCK_TRAP;
  else if (executable[last] === THROWS) {
    blocks.kind[b] = BLOCK_THROW;
    blocks.next[b] = NONE;
  } else if (op === EXIT) blocks.kind[b] = BLOCK_EXIT;
  else if (op === CALL && code.src[last] === BPF_PSEUDO_CALL) {
    blocks.kind[b] = BLOCK_CALL;
    blocks.taken[b] = subprogramAt.get(namedInsn(code, last)) ?? NONE;
  } else if (op === JA || op === JA32) blocks.next[b] = blockAt(jumpTarget(code, last));
  else if (isConditional(op)) {
    blocks.kind[b] = BLOCK_COND;
    blocks.taken[b] = blockAt(jumpTarget(code, last));
  }
}

/** Last instruction of block `b` (not the second slot of an ld_imm64). */
export function lastInsn(program: Program, b: number): number {
  const { blocks, code } = program;
  const last = blocks.end[b] - 1;
  return last > blocks.start[b] && code.op[last - 1] === LD_IMM64 ? last - 1 : last;
}
