import { type Graph, type InlinePolicy, isActive } from './graph.ts';
import { BPF_ABS, BPF_IND, BPF_LD } from '../../isa/index.ts';
import type { Program } from './program.ts';
import type { SubprogramInfo } from './subprograms.ts';

/** A subprogram of at most this many instructions is expanded wherever it is called. */
const SMALL = 64;
/** One that is called only once, up to this size. */
const ONCE = 1000;
/** Instructions all expansions may add to one function, and how deep they may be. */
const BUDGET = 3000;
const MAX_DEPTH = 6;

/**
 * Which calls are expanded in place. Subprograms that may leave in the middle (tail calls, legacy
 * packet loads) never are, because their return is the function's return.
 */
export function inlinePolicy(program: Program, infos: readonly SubprogramInfo[]): InlinePolicy {
  const leaves = program.subprograms.map(
    (_, k) => infos[k].tailCalls || hasPacketLoads(program, k),
  );
  let spent = 0;
  let current: Graph | undefined;
  return (callee, graph, frame) => {
    if (graph !== current) {
      current = graph;
      spent = 0;
    }
    const { insns, callers, height } = infos[callee];
    if (leaves[callee] || !Number.isFinite(height) || graph.frames[frame].depth >= MAX_DEPTH)
      return false;
    const limit = callers === 1 && !program.callbacks.has(callee) ? ONCE : SMALL;
    if (insns > limit || spent + insns > BUDGET || isActive(graph, frame, callee)) return false;
    spent += insns;
    return true;
  };
}

function hasPacketLoads(program: Program, k: number): boolean {
  const { start, end } = program.subprograms[k];
  for (let i = start; i < end; i++) {
    const op = program.code.op[i];
    const mode = op & 0xe0;
    if ((op & 7) === BPF_LD && (mode === BPF_ABS || mode === BPF_IND)) return true;
  }
  return false;
}
