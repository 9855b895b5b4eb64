import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CMPXCHG,
  BPF_END,
  BPF_FETCH,
  BPF_IND,
  BPF_LD,
  BPF_LDX,
  BPF_MOV,
  BPF_NEG,
  BPF_ST,
  BPF_STX,
  BPF_X,
  type Code,
} from '../../isa/index.ts';
import type { World } from './facts.ts';
import { CALL, EXIT, following, FP, isConditional, MAY_GOTO } from './insn.ts';
import { BLOCK_CALL, BLOCK_EXIT, BLOCK_THROW, BLOCK_TRAP, NONE, type Program } from './program.ts';

/** bpf_tail_call */
export const TAIL_CALL = 12;

/** What the callers of a subprogram, and the choice to expand it in place, depend on. */
export interface SubprogramInfo {
  /** Bit r: register r may be read before it is written (r1..r5: the arguments it takes). */
  readonly liveIn: number;
  /** It, or something it calls, needs a frame. */
  readonly usesStack: boolean;
  readonly insns: number;
  /** Subprograms it calls, once per call. */
  readonly callees: readonly number[];
  /** Longest chain of calls below it; Infinity = recursive. */
  readonly height: number;
  readonly tailCalls: boolean;
  /** It, or something it calls, may end the program. */
  readonly throws: boolean;
  /** How many calls in the program name it. */
  readonly callers: number;
}

interface Draft {
  liveIn: number;
  usesStack: boolean;
  insns: number;
  callees: number[];
  height: number;
  tailCalls: boolean;
  throws: boolean;
  callers: number;
}

export function describeSubprograms(world: World, program: Program): readonly SubprogramInfo[] {
  const drafts = program.subprograms.map((_, k) => scan(world, program, k));
  for (const draft of drafts) for (const callee of draft.callees) drafts[callee].callers++;
  measureHeights(drafts);
  spread(drafts, 'usesStack');
  spread(drafts, 'throws');
  addExceptionCallback(program, drafts);
  solveLiveness(world, program, drafts);
  return drafts;
}

/** What callees do their callers do. */
function spread(drafts: readonly Draft[], property: 'usesStack' | 'throws'): void {
  for (let changed = true; changed; ) {
    changed = false;
    for (const draft of drafts) {
      if (draft[property] || !draft.callees.some((callee) => drafts[callee][property])) continue;
      draft[property] = true;
      changed = true;
    }
  }
}

/** It runs in place of the program, in the program's frame. */
function addExceptionCallback({ exceptionCallback }: Program, drafts: readonly Draft[]): void {
  if (exceptionCallback === NONE) return;
  const callback = drafts[exceptionCallback];
  const main = drafts[0];
  callback.callers++;
  main.usesStack ||= callback.usesStack;
  main.tailCalls ||= callback.tailCalls;
  main.height = Math.max(main.height, callback.height);
}

function blockRange(program: Program, k: number): readonly [number, number] {
  const next = program.subprograms[k + 1];
  return [program.subprograms[k].entry, next?.entry ?? program.blocks.count];
}

function scan(world: World, program: Program, k: number): Draft {
  const { blocks, code } = program;
  const draft: Draft = {
    liveIn: 0,
    usesStack: false,
    insns: 0,
    callees: [],
    height: 0,
    tailCalls: false,
    throws: false,
    callers: 0,
  };
  const [first, end] = blockRange(program, k);
  for (let b = first; b < end; b++) {
    draft.insns += blocks.end[b] - blocks.start[b];
    draft.throws ||= blocks.kind[b] === BLOCK_THROW;
    if (blocks.kind[b] === BLOCK_CALL && blocks.taken[b] !== NONE) {
      draft.callees.push(blocks.taken[b]);
    }
    for (let i = blocks.start[b]; i < blocks.end[b]; i = following(code, i)) {
      if (program.executable[i] === 0) continue;
      if ((readsOf(world, code, i) & (1 << FP)) !== 0) draft.usesStack = true;
      if (code.op[i] !== CALL || code.src[i] !== 0) continue;
      if (code.imm[i] === TAIL_CALL) draft.tailCalls = true;
      if (code.imm[i] === TAIL_CALL || world.helper(code.imm[i])?.callsBack) draft.usesStack = true;
    }
  }
  return draft;
}

/** Heights of the call graph, from the leaves up; what never settles is recursive. */
function measureHeights(drafts: Draft[]): void {
  for (const draft of drafts) draft.height = draft.callees.length === 0 ? 0 : Infinity;
  for (let changed = true; changed; ) {
    changed = false;
    for (const draft of drafts) {
      const height = draft.callees.reduce((h, c) => Math.max(h, drafts[c].height + 1), 0);
      if (height === draft.height) continue;
      draft.height = height;
      changed = true;
    }
  }
}

/** Registers instruction `i` reads, as a bit mask. Local calls are the business of the caller. */
function readsOf(world: World, code: Code, i: number): number {
  const op = code.op[i];
  const dst = 1 << code.dst[i];
  const src = 1 << code.src[i];
  switch (op & 7) {
    case BPF_ALU:
    case BPF_ALU64:
      return aluReads(op, dst, src);
    case BPF_LD:
      return (op & 0xe0) === BPF_IND ? src : 0;
    case BPF_LDX:
      return src;
    case BPF_ST:
      return dst;
    case BPF_STX:
      return dst | src | ((op & 0xe0) === BPF_ATOMIC && code.imm[i] === BPF_CMPXCHG ? 1 : 0);
    default:
      return jumpReads(world, code, i);
  }
}

function aluReads(op: number, dst: number, src: number): number {
  const operation = op & 0xf0;
  if (operation === BPF_END || operation === BPF_NEG) return dst;
  const second = (op & BPF_X) !== 0 ? src : 0;
  return operation === BPF_MOV ? second : dst | second;
}

function jumpReads(world: World, code: Code, i: number): number {
  const op = code.op[i];
  if (op === EXIT) return 1;
  if (op === CALL) return code.src[i] === 0 ? argumentMask(helperArity(world, code.imm[i])) : 0;
  if (!isConditional(op) || op === MAY_GOTO) return 0;
  return (1 << code.dst[i]) | ((op & BPF_X) !== 0 ? 1 << code.src[i] : 0);
}

export function helperArity(world: World, id: number): number {
  return id === TAIL_CALL ? 3 : (world.helper(id)?.arity ?? 0);
}

/** Bits of r1 .. r<count>. */
function argumentMask(count: number): number {
  return ((1 << count) - 1) << 1;
}

/** Registers instruction `i` writes. */
function writesOf(code: Code, i: number): number {
  const op = code.op[i];
  switch (op & 7) {
    case BPF_ALU:
    case BPF_ALU64:
    case BPF_LDX:
      return 1 << code.dst[i];
    case BPF_LD:
      return (op & 0xe0) === 0 ? 1 << code.dst[i] : 1;
    case BPF_STX:
      if ((op & 0xe0) !== BPF_ATOMIC || (code.imm[i] & BPF_FETCH) === 0) return 0;
      return code.imm[i] === BPF_CMPXCHG ? 1 : 1 << code.src[i];
    default:
      return op === CALL ? 1 : 0;
  }
}

/** Live-in masks of all blocks: the least fixpoint over blocks and calls. */
function solveLiveness(world: World, program: Program, drafts: Draft[]): void {
  const { blocks } = program;
  const gen = new Int32Array(blocks.count);
  const kill = new Int32Array(blocks.count);
  for (let b = 0; b < blocks.count; b++) summarise(world, program, b, gen, kill);
  const live = new Int32Array(blocks.count);
  for (let changed = true; changed; ) {
    changed = false;
    for (let k = drafts.length - 1; k >= 0; k--) {
      if (!settle(program, k, drafts, gen, kill, live)) continue;
      changed = true;
    }
  }
}

function summarise(world: World, program: Program, b: number, gen: Int32Array, kill: Int32Array) {
  const { blocks, code } = program;
  for (let i = blocks.start[b]; i < blocks.end[b]; i = following(code, i)) {
    if (program.executable[i] === 0) return;
    gen[b] |= readsOf(world, code, i) & ~kill[b];
    const isCall = blocks.kind[b] === BLOCK_CALL && following(code, i) === blocks.end[b];
    if (!isCall) kill[b] |= writesOf(code, i);
  }
}

/** One subprogram to its fixpoint; true if its live-in mask grew. */
function settle(
  program: Program,
  k: number,
  drafts: Draft[],
  gen: Int32Array,
  kill: Int32Array,
  live: Int32Array,
): boolean {
  const { blocks } = program;
  const [first, end] = blockRange(program, k);
  const liveAt = (b: number) => (b === NONE ? 0 : live[b]);
  for (let changed = true; changed; ) {
    changed = false;
    for (let b = end - 1; b >= first; b--) {
      const kind = blocks.kind[b];
      let out = kind === BLOCK_EXIT || kind === BLOCK_TRAP ? 0 : liveAt(blocks.next[b]);
      if (kind === BLOCK_CALL) {
        const args = blocks.taken[b] === NONE ? 0 : drafts[blocks.taken[b]].liveIn & 0x3e;
        out = (out & ~1) | args;
      } else out |= liveAt(blocks.taken[b]);
      const mask = gen[b] | (out & ~kill[b]);
      if (mask === live[b]) continue;
      live[b] = mask;
      changed = true;
    }
  }
  const grew = live[first] !== drafts[k].liveIn;
  drafts[k].liveIn = live[first];
  return grew;
}
