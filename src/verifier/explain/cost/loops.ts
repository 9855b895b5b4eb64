/**
 * Loops that were walked: strongly connected parts of the instructions that were processed, and
 * within each, without the instruction where its rounds start, the loops inside it.
 */
import { AUX_ITER_NEXT } from '../../env.ts';
import { type CostCollector, nextOf, PAIR } from './collector.ts';
import { components } from './components.ts';

export interface Loop {
  /** Where rounds start. */
  readonly header: number;
  readonly body: readonly number[];
  /** Arrivals at the header from outside, and from inside the loop. */
  readonly entered: number;
  readonly rounds: number;
  readonly iterator: boolean;
  /** The loop this one is in. */
  readonly outer: Loop | undefined;
}

/** Every loop that was walked. Outer ones come before those inside them. */
export function loopsOf(collector: CostCollector): Loop[] {
  const flow = new Flow(collector);
  const all: number[] = [];
  for (let insn = 0; insn < collector.processed.length; insn++) {
    if (collector.processed[insn] !== 0) all.push(insn);
  }
  const loops: Loop[] = [];
  const work: { nodes: readonly number[]; outer: Loop | undefined }[] = [
    { nodes: all, outer: undefined },
  ];
  for (let part = work.pop(); part; part = work.pop()) {
    for (const body of components(part.nodes, flow.next)) {
      const loop = flow.loop(body, part.outer);
      loops.push(loop);
      work.push({ nodes: body.filter((insn) => insn !== loop.header), outer: loop });
    }
  }
  return loops;
}

/** How control moved, with counts. */
class Flow {
  readonly #collector: CostCollector;
  /** By instruction: where the jumps that were taken to it came from, and how often. */
  readonly #jumps = new Map<number, { from: number; count: number }[]>();

  constructor(collector: CostCollector) {
    this.#collector = collector;
    for (const [key, count] of collector.jumps) {
      const to = key % PAIR;
      const list = this.#jumps.get(to) ?? [];
      list.push({ from: (key - to) / PAIR, count });
      this.#jumps.set(to, list);
    }
  }

  readonly next = (insn: number): number[] => nextOf(this.#collector.env, insn);

  loop(body: readonly number[], outer: Loop | undefined): Loop {
    const { env, processed } = this.#collector;
    const inside = new Set(body);
    let header = body[0]!;
    let entered = -1;
    for (const insn of body) {
      const arrivals = this.#arrivalsFromOutside(insn, inside);
      if (arrivals < entered || (arrivals === entered && insn > header)) continue;
      header = insn;
      entered = arrivals;
    }
    const rounds = processed[header]! - entered;
    const iterator = body.some((insn) => (env.aux.flags[insn]! & AUX_ITER_NEXT) !== 0);
    return { header, body, entered, rounds, iterator, outer };
  }

  #arrivalsFromOutside(insn: number, inside: ReadonlySet<number>): number {
    const jumps = this.#jumps.get(insn) ?? [];
    let fallen = this.#collector.processed[insn]!;
    let entered = 0;
    for (const { from, count } of jumps) {
      fallen -= count;
      if (!inside.has(from)) entered += count;
    }
    const before = inside.has(insn - 1) ? insn - 1 : insn - 2;
    const fallsIn = inside.has(before) && this.next(before)[0] === insn;
    return fallsIn ? entered : entered + fallen;
  }
}
