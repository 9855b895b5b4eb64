import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { graphOf } from '../../studio/src/engine/graphs.ts';
import { callsOf, flowOf, sizeOf } from '../../studio/src/model/flow.ts';
import { foldGraph } from '../../studio/src/model/fold.ts';
import { layersOf } from '../../studio/src/model/layers.ts';
import { drawGraph } from '../../studio/src/model/layout.ts';
import {
  compareStates,
  endOfPath,
  endWord,
  nextAt,
  pathAt,
  pathEndBy,
  wayTo,
} from '../../studio/src/model/walk.ts';
import { parseObject } from '../../src/object/index.ts';
import {
  loadKernelProfile,
  verifierInput,
  verify,
  WalkRecorder,
} from '../../src/verifier/index.ts';

const link = (from: number, to: number) => ({ from, to });
const links = (...pairs: [number, number][]) => pairs.map(([from, to]) => link(from, to));
const size = { width: 100, height: 50 };

describe('layers', () => {
  it('put a node below all that lead to it, and know loops', () => {
    const { layer, back } = layersOf(
      5,
      links([0, 1], [0, 2], [1, 3], [2, 3], [3, 1], [0, 3], [3, 4]),
    );
    expect([...layer]).toEqual([0, 1, 1, 2, 3]);
    expect(back).toEqual([false, false, false, false, true, false, false]);
  });

  it('bear long chains, loops to oneself and nodes that nothing leads to', () => {
    const count = 20_000;
    const chain = Array.from({ length: count - 2 }, (_, i) => link(i, i + 1));
    const { layer, back } = layersOf(count, [...chain, link(5, 5)]);
    expect(layer[count - 2]).toBe(count - 2);
    expect(back.at(-1)).toBe(true);
    expect(layer[count - 1]).toBe(0);
  });
});

describe('a drawing', () => {
  const all = links([0, 1], [0, 2], [1, 3], [2, 3], [3, 4], [4, 5], [5, 6], [0, 6], [6, 1], [4, 4]);
  const { boxes, wires, width, height } = drawGraph(
    Array.from({ length: 7 }, () => size),
    all,
  );

  it('has boxes that lie on no other', () => {
    for (const [i, a] of boxes.entries()) {
      for (const b of boxes.slice(i + 1)) {
        const over = a.x < b.x + b.width && b.x < a.x + a.width;
        expect(over && a.y < b.y + b.height && b.y < a.y + a.height).toBe(false);
      }
      expect(a.x).toBeGreaterThanOrEqual(0);
      expect(a.x + a.width).toBeLessThanOrEqual(width);
      expect(a.y + a.height).toBeLessThanOrEqual(height);
    }
  });

  it('has edges from the lower side of one to the upper side of the other', () => {
    for (const [i, { path }] of wires.entries()) {
      const numbers = path.match(/-?\d+(\.\d+)?/g)!.map(Number);
      const [from, to] = [boxes[all[i]!.from]!, boxes[all[i]!.to]!];
      expect(numbers[1]).toBeCloseTo(from.y + from.height, 0);
      expect(numbers.at(-1)).toBeCloseTo(to.y, 0);
      expect(numbers.at(-2)).toBeGreaterThan(to.x);
      expect(numbers.at(-2)).toBeLessThan(to.x + to.width);
    }
    expect(wires.map(({ back }) => back).filter(Boolean)).toHaveLength(2);
  });

  it('of nothing is empty', () => {
    expect(drawGraph([], []).boxes).toEqual([]);
  });
});

describe('folding', () => {
  it('takes rows together, and checks that share their way out', () => {
    // 0 → 1 → 2 → 3, each of 0 to 2 also to 9; 3 → 4 → 9
    const all = links([0, 1], [0, 9], [1, 2], [1, 9], [2, 3], [2, 9], [3, 4], [4, 9]);
    const { groups, links: kept } = foldGraph(10, all, true);
    expect(groups.slice(0, 2)).toEqual([
      [0, 1, 2],
      [3, 4],
    ]);
    const out = groups.findIndex(([one]) => one === 9);
    expect(kept.map(({ from, to }) => [from, to])).toEqual([
      [0, out],
      [0, 1],
      [1, out],
    ]);
    expect(kept[0]!.links).toHaveLength(3);
    expect(foldGraph(10, all, false).groups).toHaveLength(10);
  });

  it('leaves alone what another way leads to, and loops', () => {
    const { groups, links: kept } = foldGraph(3, links([0, 1], [1, 2], [2, 1]), true);
    expect(groups).toEqual([[0], [1, 2]]);
    expect(kept.map(({ from, to }) => [from, to])).toEqual([
      [0, 1],
      [1, 1],
    ]);
  });
});

const kernel = await loadKernelProfile({ types: 'slim' });

function graphFrom(path: string, number = 0) {
  const object = parseObject(readFileSync(path));
  const program = object.programs[number]!;
  const walk = new WalkRecorder();
  const result = verify(verifierInput(object, program, kernel), kernel, { observer: walk });
  return { graph: graphOf(program, walk), result, program };
}

describe('the graph of a program', () => {
  const { graph, result, program } = graphFrom('examples/idle-flows/flows.bpf.o');
  const { blocks, edges, steps } = graph;

  it('has blocks one behind the other, and edges that the walk has gone', () => {
    expect(blocks[0]!.start).toBe(0);
    for (const [i, { end }] of blocks.entries()) {
      expect(blocks[i + 1]?.start ?? program.insns.length / 8).toBe(end);
    }
    expect(edges.filter(({ walked }) => walked > 0).length).toBeGreaterThan(10);
    expect(blocks.reduce((sum, { kept }) => sum + kept, 0)).toBe(result.stats.totalStates);
  });

  it('knows functions that the kernel calls back', () => {
    expect(graph.functions.map(({ name }) => name)).toEqual(['track', 'is_idle']);
    expect(graph.calls).toMatchObject([{ from: 0, to: 1, callback: true }]);
    const { nodes, links: calls } = callsOf(graph);
    expect(nodes.map(({ title }) => title)).toEqual(['track', 'is_idle']);
    expect(calls).toMatchObject([{ from: 0, to: 1, jump: true }]);
  });

  it('draws the blocks of a function, with their instructions', () => {
    const rows = Array.from({ length: 200 }, (_, insn) => ({ insn, text: `insn ${insn}` }));
    const second = flowOf(graph, rows, 1, false);
    expect(second.nodes[0]!.start).toBe(graph.functions[1]!.start);
    expect(second.nodes[0]!.lines[0]!.text).toBe(`insn ${graph.functions[1]!.start}`);
    expect(sizeOf(second.nodes[0]!).height).toBeGreaterThan(50);
  });

  it('steps through the walk: paths, where they come from, where they end', () => {
    const last = steps.insns.length - 1;
    expect(pathAt(steps, last)).toBe(steps.paths.length - 1);
    for (let path = 0; path < steps.paths.length; path++) {
      const end = endOfPath(steps, path);
      expect(['pruned', 'done']).toContain(endWord(steps, end, true));
      expect(wayTo(steps, end).at(-1)).toBe(0);
    }
    expect(endWord(steps, 0, true)).toBeUndefined();
    expect(pathEndBy(steps, 0, 1)).toBe(endOfPath(steps, 0));
    expect(pathEndBy(steps, endOfPath(steps, 0), 1)).toBe(endOfPath(steps, 1));
    expect(pathEndBy(steps, last, -1)).toBe(endOfPath(steps, steps.paths.length - 2));
    expect(nextAt(steps, [0], -1)).toBe(0);
  });
});

describe('the walk of a rejected program', () => {
  const { graph, result } = graphFrom('examples/studio/unchecked.bpf.o');
  const { steps } = graph;

  it('ends where it is rejected', () => {
    const last = steps.insns.length - 1;
    expect(steps.insns[last]).toBe(result.insn);
    expect(endWord(steps, last, result.ok)).toBe('rejected');
    expect(graph.blocks.at(-1)!.visits).toBe(0);
  });
});

describe('two states', () => {
  it('differ in what is known, not in ids', () => {
    const now = [
      { name: 'R2', value: 'scalar(id=3,umax=7)' },
      { name: 'R10', value: 'fp0' },
      { name: 'fp-8', value: 'mmmm????' },
    ];
    const other = [
      { name: 'R2', value: 'Pscalar(id=9,umax=7)' },
      { name: 'R1', value: '4' },
      { name: 'R10', value: 'fp0' },
    ];
    expect(compareStates(now, other).map(({ name, differs }) => [name, differs])).toEqual([
      ['R1', true],
      ['R2', false],
      ['R10', false],
      ['fp-8', true],
    ]);
  });
});
