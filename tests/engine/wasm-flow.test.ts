import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { analyseFlow, dominates, inLoop } from '../../src/engine/wasm/dominators.ts';
import {
  buildGraph,
  type Graph,
  NODE_COND,
  NODE_GOTO,
  NODE_RETURN,
  nodeCount,
  successorsOf,
} from '../../src/engine/wasm/graph.ts';
import { collectFacts } from '../../src/engine/wasm/collect.ts';
import { compileToWasm } from '../../src/engine/wasm/compile.ts';
import { C_R0 } from '../../src/runtime/layout.ts';
import { analyseProgram } from '../../src/engine/wasm/program.ts';
import { unrollLoops } from '../../src/engine/wasm/unroll.ts';
import { assemble } from '../../src/isa/index.ts';
import { interpreterEngine } from '../../src/engine/interpreter/index.ts';
import { wasmEngine } from '../../src/engine/wasm/index.ts';
import { imageOf, Lab } from './harness.ts';

const NONE = -1;

/** A graph without code: node k goes to edges[k] (0, 1 or 2 nodes). */
function bareGraph(edges: readonly (readonly number[])[]): Graph {
  const { code } = assemble('exit');
  const kinds = [NODE_RETURN, NODE_GOTO, NODE_COND];
  return {
    program: analyseProgram(code, []),
    frames: [{ subprogram: 0, parent: NONE, depth: 0 }],
    block: edges.map(() => 0),
    frame: edges.map(() => 0),
    kind: edges.map((list) => kinds[list.length]!),
    taken: edges.map((list) => (list.length === 2 ? list[0]! : NONE)),
    next: edges.map((list) => list.at(-1) ?? NONE),
  };
}

function reachable(graph: Graph, without = NONE): Set<number> {
  const seen = new Set<number>();
  const work = without === 0 ? [] : [0];
  const successors = [0, 0];
  for (let n = work.pop(); n !== undefined; n = work.pop()) {
    if (seen.has(n)) continue;
    seen.add(n);
    const count = successorsOf(graph, n, successors);
    work.push(...successors.slice(0, count).filter((to) => to !== without));
  }
  return seen;
}

const randomEdges = fc
  .integer({ min: 1, max: 14 })
  .chain((count) =>
    fc.array(fc.array(fc.nat(count - 1), { maxLength: 2 }), { minLength: count, maxLength: count }),
  );

describe('flow of a graph', () => {
  it('puts dominators where removing a node cuts others off', () => {
    fc.assert(
      fc.property(randomEdges, (edges) => {
        const graph = bareGraph(edges);
        const { order, idom } = analyseFlow(graph);
        expect([...order].sort((a, b) => a - b)).toEqual(
          [...reachable(graph)].sort((a, b) => a - b),
        );
        for (let r = 0; r < order.length; r++) {
          const rest = reachable(graph, order[r]!);
          for (let q = 0; q < order.length; q++) {
            const cutOff = q === r || !rest.has(order[q]!);
            expect(dominates(idom, r, q)).toBe(cutOff);
          }
        }
      }),
    );
  });

  it('calls a loop with two entries irreducible', () => {
    expect(analyseFlow(bareGraph([[1, 2], [2], [1, 3], []])).reducible).toBe(false);
    expect(analyseFlow(bareGraph([[1], [2, 3], [1], []])).reducible).toBe(true);
  });

  it('finds nested loops and what is in them', () => {
    // 0 → 1 (outer header) → 2 (inner header) → 3 → 2 | 4 → 1 | 5
    const flow = analyseFlow(bareGraph([[1], [2], [3], [4, 2], [5, 1], []]));
    const rank = (node: number) => flow.rank[node]!;
    expect(flow.isHeader[rank(1)]).toBe(1);
    expect(flow.isHeader[rank(2)]).toBe(1);
    expect(flow.loop[rank(2)]).toBe(rank(1));
    expect(inLoop(flow, rank(3), rank(2))).toBe(true);
    expect(inLoop(flow, rank(3), rank(1))).toBe(true);
    expect(inLoop(flow, rank(4), rank(2))).toBe(false);
    expect(inLoop(flow, rank(5), rank(1))).toBe(false);
  });

  it('unrolls an inner loop into copies that keep the exits', () => {
    const { code } = assemble('r0 = 0\nl: r0 += 1\nif r0 != 10 goto l\nexit');
    const graph = buildGraph(analyseProgram(code, []), 0, () => false);
    const before = nodeCount(graph);
    expect(unrollLoops(graph, analyseFlow(graph))).toBe(true);
    expect(nodeCount(graph)).toBe(before + 7);
    const flow = analyseFlow(graph);
    expect(flow.reducible).toBe(true);
    expect([...flow.isHeader].filter(Boolean).length).toBe(1);
  });
});

/** A program whose blocks jump as `edges` says, at random, until a counter runs out. */
function walkProgram(edges: readonly (readonly number[])[]): string {
  const lines = ['r6 = 1', 'r7 = 60'];
  edges.forEach((list, k) => {
    lines.push(`b${k}:`, `r6 *= ${2 * k + 3}`, `r6 ^= ${k + 1}`, 'r7 -= 1', 'if r7 == 0 goto out');
    if (list.length === 2) {
      lines.push('r8 = r6', 'r8 >>= 7', `if r8 & 1 goto b${list[0]}`, `goto b${list[1]}`);
    } else lines.push(list.length === 1 ? `goto b${list[0]}` : 'goto out');
  });
  return [...lines, 'out:', 'r0 = r6', 'exit'].join('\n');
}

describe('structured and dispatched code', () => {
  const run = (text: string, wasm: boolean, checks: boolean) => {
    const lab = new Lab();
    const engine = wasm ? wasmEngine : interpreterEngine;
    const code = lab.load({ name: 'x', engine, checks }, text);
    return lab.r0(code);
  };

  it('takes the path the interpreter takes, whatever the shape', () => {
    fc.assert(
      fc.property(randomEdges, fc.boolean(), (edges, checks) => {
        const text = walkProgram(edges);
        expect(run(text, true, checks)).toBe(run(text, false, checks));
      }),
      { numRuns: 150 },
    );
  });

  it('runs an irreducible program', () => {
    const edges = [
      [1, 2],
      [2, 3],
      [1, 3],
      [0, 1],
    ];
    const { code } = assemble(walkProgram(edges));
    const graph = buildGraph(analyseProgram(code, []), 0, () => false);
    expect(analyseFlow(graph).reducible).toBe(false);
    for (const checks of [true, false]) {
      expect(run(walkProgram(edges), true, checks)).toBe(run(walkProgram(edges), false, checks));
    }
  });

  it('does in a large program what it does in a small one', () => {
    let seed = 7;
    const below = (n: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % n;
    };
    const edges = Array.from({ length: 900 }, () => [below(900), below(900)]);
    const text = walkProgram(edges).replace('r7 = 60', 'r7 = 5000');
    for (const checks of [true, false]) {
      expect(run(text, true, checks)).toBe(run(text, false, checks));
    }
  });

  it('compiles a chain of 20,000 nested tests without recursion', () => {
    const lines = ['r0 = 0'];
    for (let k = 0; k < 20_000; k++) lines.push(`if r1 == ${k} goto +1`, 'r0 += 1');
    const lab = new Lab();
    const image = imageOf([...lines, 'exit'].join('\n'));
    const code = wasmEngine.load(image, lab.runtime, { checks: false });
    expect(code.run(lab.context)).toBe(20_000);
  });

  it.each([false, true])(
    'splits large functions where all control comes through (checks %s)',
    (checks) => {
      const lines = ['r0 = 0', 'r6 = 1', 'r7 = r1', '*(u64 *)(r10 - 8) = r6'];
      for (let k = 0; k < 8000; k++) {
        lines.push('r6 *= 31', `if r6 s> ${k * 77_777} goto +1`, `r6 ^= ${k}`);
        if (k % 1000 === 999) lines.push('r8 = 3', 'r0 += r6', 'r8 -= 1', 'if r8 != 0 goto -3');
        if (k % 2000 === 1999)
          lines.push('r9 = *(u64 *)(r10 - 8)', 'r9 += r6', '*(u64 *)(r10 - 8) = r9');
      }
      lines.push('r9 = *(u64 *)(r10 - 8)', 'r0 += r9', 'r9 = *(u32 *)(r7 + 0)', 'r0 += r9', 'exit');
      const image = imageOf(lines.join('\n'));
      const results = [wasmEngine, interpreterEngine].map((engine) => {
        const lab = new Lab();
        const code = engine.load(image, lab.runtime, { checks });
        return [
          code.run(lab.context),
          lab.runtime.view().getBigUint64(lab.runtime.cpuBlock + C_R0, true),
        ];
      });
      expect(results[0]).toEqual(results[1]);
      const lab = new Lab();
      const { bytes } = compileToWasm(image, { checks }, collectFacts(image, lab.runtime));
      const names = Buffer.from(bytes).toString('latin1');
      expect(names).toContain('part 2');
      expect(names).not.toContain('part 5');
    },
  );

  it('names the instruction of a fault in a later part', () => {
    const lines = ['r6 = r1', 'r0 = 0'];
    for (let k = 0; k < 25_000; k++) lines.push(`r0 += ${k}`);
    for (let k = 0; k < 3; k++) lines.push('if r0 == 7 goto +1', 'r0 += 1');
    lines.push('r1 = *(u64 *)(r6 + 4096)', 'exit');
    const image = imageOf(lines.join('\n'));
    const lab = new Lab();
    const code = wasmEngine.load(image, lab.runtime, { checks: true });
    expect(() => code.run(lab.context)).toThrow(
      expect.objectContaining({ kind: 'out of range', insn: lines.length - 2 }),
    );
  });
});
