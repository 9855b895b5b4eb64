import { BPF_ALU, BPF_ALU64, BPF_DIV, BPF_MOD } from '../../isa/index.ts';
import { type Graph, NODE_COND, NODE_GOTO, NODE_SELECT, nodeCount } from './graph.ts';
import { CALL, following, isJump, MAY_GOTO } from './insn.ts';
import { lastInsn } from './program.ts';

/** Instructions that may be executed for nothing. */
const MAX_SKIPPED = 3;

/**
 * Replaces branches around a few arithmetic instructions by selects: node n does what the skipped
 * node does and keeps the result only if it would have been executed. BPF has no conditional move,
 * so compilers leave such branches, which processors often mispredict. The skipped node is kept in
 * `taken`; it stays in the flow only if others go there too. `onlyForward`: jumps back stay,
 * because they cost fuel in checked code.
 */
export function convertToSelects(graph: Graph, onlyForward: boolean): void {
  const { kind, taken, next } = graph;
  for (let n = 0; n < nodeCount(graph); n++) {
    if (kind[n] !== NODE_COND || taken[n] === next[n]) continue;
    for (const [skipped, join] of [
      [next[n], taken[n]],
      [taken[n], next[n]],
    ]) {
      if (!isSkippable(graph, n, skipped, join)) continue;
      if (onlyForward && !goesForward(graph, n, skipped, join)) continue;
      replace(graph, n, skipped, join);
      break;
    }
  }
}

/** Whether `skipped` lies between n and `join` and does only cheap arithmetic. */
function isSkippable(graph: Graph, n: number, skipped: number, join: number): boolean {
  const { program, block, frame, kind } = graph;
  if (skipped === n || kind[skipped] !== NODE_GOTO || graph.next[skipped] !== join) return false;
  if (frame[skipped] !== frame[n] || frame[join] !== frame[n]) return false;
  const last = lastInsn(program, block[n]);
  if (program.code.op[last] === MAY_GOTO) return false;
  return isCheap(graph, skipped);
}

/** Whether n, skipped and join stand in this order in the code. */
function goesForward(graph: Graph, n: number, skipped: number, join: number): boolean {
  const { start } = graph.program.blocks;
  const { block } = graph;
  const from = start[block[skipped]];
  return from > lastInsn(graph.program, block[n]) && start[block[join]] > from;
}

/** Instructions of a skipped node: all but a jump at its end. */
export function skippedEnd(graph: Graph, n: number): number {
  const { program, block } = graph;
  const last = lastInsn(program, block[n]);
  const op = program.code.op[last];
  return isJump(op) && op !== CALL ? last : program.blocks.end[block[n]];
}

function isCheap(graph: Graph, n: number): boolean {
  const { code, blocks } = graph.program;
  let count = 0;
  const end = skippedEnd(graph, n);
  for (let i = blocks.start[graph.block[n]]; i < end; i = following(code, i)) {
    const op = code.op[i];
    const operation = op & 0xf0;
    const isAlu = (op & 7) === BPF_ALU || (op & 7) === BPF_ALU64;
    if (!isAlu || operation === BPF_DIV || operation === BPF_MOD) return false;
    if (++count > MAX_SKIPPED) return false;
  }
  return count > 0;
}

function replace(graph: Graph, n: number, skipped: number, join: number): void {
  graph.kind[n] = NODE_SELECT;
  graph.taken[n] = skipped;
  graph.next[n] = join;
}

/** Whether the skipped node of select node `n` is executed when the jump is taken. */
export function runsWhenTaken(graph: Graph, n: number): boolean {
  const { program, block, taken } = graph;
  return program.blocks.taken[block[n]] === block[taken[n]];
}
