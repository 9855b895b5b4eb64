/** The flow of a program, and the verifier's walk over it. */
import type { ProgramSpec } from 'beeyard';
import {
  type BasicBlock,
  basicBlocks,
  blockAt,
  BPF_CALL,
  BPF_JMP,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  type Code,
  decodeCode,
  LD_IMM64,
  successors,
} from 'beeyard/isa';
import {
  type KernelProfile,
  type VerifierInput,
  verify,
  WALK_KEPT,
  WALK_PRUNED,
  WalkRecorder,
} from 'beeyard/verify';
import type { FlowEdge, ProgramGraph, WalkSteps } from '../protocol.ts';

/** Positions of the walk whose states are written down at a time. */
const PAGE = 512;

/** One program: its graph, made once, and states of the walk, page by page. */
export class GraphOf {
  readonly graph: ProgramGraph;
  readonly #input: VerifierInput;
  readonly #kernel: KernelProfile;
  readonly #pages = new Map<number, WalkRecorder>();

  constructor(program: ProgramSpec, input: VerifierInput, kernel: KernelProfile) {
    this.#input = input;
    this.#kernel = kernel;
    this.graph = graphOf(program, this.#page(0));
  }

  /** What the verifier knew at a position of its walk, in the words of the log. */
  state(position: number): string {
    return this.#page(Math.floor(position / PAGE)).text(position) ?? '';
  }

  #page(number: number): WalkRecorder {
    let page = this.#pages.get(number);
    if (!page) {
      page = new WalkRecorder({ from: number * PAGE, to: (number + 1) * PAGE });
      verify(this.#input, this.#kernel, { observer: page });
      this.#pages.set(number, page);
    }
    return page;
  }
}

/** Blocks, edges and steps of a walk. */
export function graphOf(program: ProgramSpec, walk: WalkRecorder): ProgramGraph {
  const code = decodeCode(program.insns);
  const functions = functionsOf(program);
  const blocks = functions.flatMap(({ start, size }) => basicBlocks(code, start, start + size));
  const steps = stepsOf(code, blocks, walk);
  const inFunction = (insn: number): number => blockAt(functions.map(endOf), insn);
  const counts = blockCounts(blocks, steps);
  return {
    functions: functions.map(({ name, start }) => ({ name, start })),
    blocks: blocks.map(({ start, end }, i) => ({
      start,
      end,
      function: inFunction(start),
      visits: counts.visits[i]!,
      kept: counts.kept[i]!,
      pruned: counts.pruned[i]!,
    })),
    edges: edgesOf(code, blocks, steps),
    calls: callsOf(code, inFunction),
    steps,
  };
}

const endOf = ({ start, size }: { start: number; size: number }): BasicBlock => ({
  start,
  end: start + size,
});

/** All the instructions are one function's where the object says nothing of functions. */
function functionsOf({ name, insns, functions }: ProgramSpec) {
  const known = [...functions].sort((a, b) => a.start - b.start);
  return known.length > 0 ? known : [{ name, start: 0, size: insns.length / 8 }];
}

/** Positions taken together: a block, or a part of one, walked without a turn. */
function stepsOf(code: Code, blocks: readonly BasicBlock[], walk: WalkRecorder): WalkSteps {
  const { length, insns, marks, others, misses, paths } = walk;
  const positions: number[] = [];
  const stepAt = new Int32Array(length);
  const pathStarts = new Set(paths.map(({ start }) => start));
  const heads = new Set(blocks.map(({ start }) => start));
  for (let at = 0; at < length; at++) {
    const before = at > 0 ? insns[at - 1]! : -1;
    const goesOn =
      at > 0 &&
      marks[at] === 0 &&
      !pathStarts.has(at) &&
      !heads.has(insns[at]!) &&
      insns[at] === before + (code.op[before] === LD_IMM64 ? 2 : 1);
    if (!goesOn) positions.push(at);
    stepAt[at] = positions.length - 1;
  }
  const at = Int32Array.from(positions);
  const stepOf = (position: number): number => (position < 0 ? -1 : stepAt[position]!);
  return {
    positions: at,
    insns: at.map((position) => insns[position]!),
    blocks: at.map((position) => blockAt(blocks, insns[position]!)),
    marks: Uint8Array.from(positions, (position) => marks[position]!),
    others: at.map((position) => stepOf(others[position]!)),
    misses: Uint16Array.from(positions, (position) => misses[position]!),
    length,
    paths: paths
      .filter(({ start }) => start < length)
      .map(({ start, from }) => ({ start: stepOf(start), from: stepOf(from) })),
  };
}

function blockCounts(all: readonly BasicBlock[], { blocks, insns, marks }: WalkSteps) {
  const count = all.length;
  const visits = new Uint32Array(count);
  const kept = new Uint32Array(count);
  const pruned = new Uint32Array(count);
  for (let step = 0; step < blocks.length; step++) {
    const block = blocks[step]!;
    if (marks[step]! & WALK_PRUNED) pruned[block]!++;
    else if (insns[step] === all[block]!.start) visits[block]!++;
    if (marks[step]! & WALK_KEPT) kept[block]!++;
  }
  return { visits, kept, pruned };
}

/** Where control may go, and how often the walk did. */
function edgesOf(code: Code, blocks: readonly BasicBlock[], steps: WalkSteps): FlowEdge[] {
  const walked = edgeCounts(blocks.length, steps);
  return blocks.flatMap(({ end }, from) => {
    const last = code.op[end - 2] === LD_IMM64 ? end - 2 : end - 1;
    return successors(code, last).flatMap((insn, way) => {
      const to = blockAt(blocks, insn);
      if (blocks[to]?.start !== insn) return [];
      return [{ from, to, jump: way > 0, walked: walked.get(from * blocks.length + to) ?? 0 }];
    });
  });
}

function edgeCounts(blockCount: number, { blocks, paths }: WalkSteps): Map<number, number> {
  const counts = new Map<number, number>();
  const from = new Map(paths.map((path) => [path.start, path.from]));
  for (let step = 0; step < blocks.length; step++) {
    const before = from.get(step) ?? step - 1;
    if (before < 0) continue;
    const key = blocks[before]! * blockCount + blocks[step]!;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Functions that call others, or hand them to the kernel to be called back. */
function callsOf(code: Code, inFunction: (insn: number) => number): ProgramGraph['calls'] {
  const calls: { insn: number; from: number; to: number; callback: boolean }[] = [];
  for (let insn = 0; insn < code.length; insn++) {
    const op = code.op[insn]!;
    const isCall = op === (BPF_JMP | BPF_CALL) && code.src[insn] === BPF_PSEUDO_CALL;
    const isCallback = op === LD_IMM64 && code.src[insn] === BPF_PSEUDO_FUNC;
    if (isCall || isCallback) {
      const to = inFunction(insn + 1 + code.imm[insn]!);
      calls.push({ insn, from: inFunction(insn), to, callback: isCallback });
    }
    if (op === LD_IMM64) insn++;
  }
  return calls;
}
