import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BtfDatasec } from '../../src/btf/index.ts';
import { createMachine } from '../../src/index.ts';
import type { Machine, MachineMap } from '../../src/machine/index.ts';
import { TREE_LEFT, TREE_PARENT, TREE_RED, TREE_RIGHT } from '../../src/runtime/layout.ts';

const object = new Uint8Array(readFileSync(join(import.meta.dirname, 'programs', 'owned.bpf.o')));

/** struct command of the programs, as a packet. */
function command(what: number, slot: number, number: number): Uint8Array {
  const data = new Uint8Array(64);
  const view = new DataView(data.buffer);
  view.setUint32(0, what, true);
  view.setUint32(4, slot, true);
  view.setBigUint64(8, BigInt(number), true);
  return data;
}

/** Numbers below `limit`, the same ones every time. */
function random(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

interface Item {
  readonly number: bigint;
}

interface Shelf {
  readonly boxes: readonly { number: bigint; leaf?: { number: bigint; visits: number } }[];
  readonly kept?: { number: bigint };
  readonly pushes: bigint;
}

type Engine = 'wasm' | 'interpreter';

/** With nothing asked for, and with objects that wait for grace periods. */
const MODELS = [
  {},
  { gracePeriods: 'adversarial', detectReuse: true, memory: { poison: true } },
] as const;
const CASES = (['wasm', 'interpreter'] as const).flatMap((engine) =>
  MODELS.map((model) => [engine, model] as const),
);

async function boot(engine: Engine, model: (typeof MODELS)[number], cpus = 1) {
  const host = await createMachine({ engine, cpus, ...model });
  const loaded = await host.load(object);
  const { programs, maps } = loaded;
  const run = (program: string, what = 0, slot = 0, number = 0): string =>
    programs[program]!.run({ data: command(what, slot, number) }).verdict;
  const result = (index = 0): number => Number(maps['results']!.get(index));
  const counts = (): Record<string, number> =>
    Object.fromEntries(host.kernel.liveObjects!().map(({ type, count }) => [type, count]));
  const checkTree = () => {
    const btf = loaded.object.btf!;
    const section = btf.type(btf.find('datasec', '.bss.A')!) as BtfDatasec;
    const root = section.vars.find(({ type }) => btf.type(type).name === 'numbers')!;
    const { runtimeMap } = maps['.bss.A']!.kernelMap as MachineMap;
    const view = (host.kernel as Machine).runtime.view();
    const top = view.getUint32(runtimeMap.valueBytes(0).byteOffset + root.offset, true);
    blackHeight(view, top, 0, true);
  };
  return {
    host,
    loaded,
    maps,
    run,
    result,
    counts,
    checkTree,
    [Symbol.dispose]: () => host[Symbol.dispose](),
  };
}

/** The tree and the list of the programs, as the TypeScript side sees them. */
function globals(maps: Awaited<ReturnType<typeof boot>>['maps']) {
  const { ages, numbers } = maps['.bss.A']!.owned(0) as unknown as Record<string, readonly Item[]>;
  const plain = (items: readonly Item[]): number[] => items.map(({ number }) => Number(number));
  return { ages: plain(ages!), numbers: plain(numbers!) };
}

/**
 * Height in black nodes of a tree in linear memory. Throws if it is no red-black tree, or a link
 * upwards is wrong.
 */
function blackHeight(view: DataView, node: number, above: number, aboveIsRed: boolean): number {
  if (node === 0) return 0;
  const red = view.getUint32(node + TREE_RED, true) !== 0;
  expect(view.getUint32(node + TREE_PARENT, true)).toBe(above);
  expect(red && aboveIsRed).toBe(false);
  const [left, right] = [TREE_LEFT, TREE_RIGHT].map((side) =>
    blackHeight(view, view.getUint32(node + side, true), node, red),
  );
  expect(left).toBe(right);
  return left! + (red ? 0 : 1);
}

/** What the programs do, with arrays. */
class Model {
  next = 0;
  ages: { id: number; number: number }[] = [];
  tree: { id: number; number: number }[] = [];

  add(back: number, number: number): void {
    const item = { id: this.next++, number };
    const at = this.tree.findIndex((other) => number < other.number);
    this.tree.splice(at < 0 ? this.tree.length : at, 0, item);
    if (back) this.ages.push(item);
    else this.ages.unshift(item);
  }

  takeEnd(back: number): { number: number; inTree: boolean } | undefined {
    const item = back ? this.ages.pop() : this.ages.shift();
    if (!item) return undefined;
    const at = this.tree.indexOf(item);
    if (at >= 0) this.tree.splice(at, 1);
    return { number: item.number, inTree: at >= 0 };
  }

  get alive(): number {
    return new Set([...this.ages, ...this.tree]).size;
  }
}

describe.each(CASES)('objects of programs on %s with %j', (engine, settings) => {
  it.each([1, 2, 3])(
    'lists and trees are what a model is, after any command (seed %i)',
    async (seed) => {
      using machine = await boot(engine, settings);
      const { run, result, counts, maps } = machine;
      const model = new Model();
      const below = random(seed);
      for (let step = 0; step < 400; step++) {
        const growing = step % 200 < 120;
        const kind = below(10);
        const back = below(2);
        if (kind < (growing ? 7 : 2)) {
          const number = below(50);
          expect(run('add_item', back, 0, number)).toBe('pass');
          model.add(back, number);
        } else if (kind < 8) {
          const least = model.tree.shift();
          expect(run('take_least')).toBe(least ? 'pass' : 'drop');
          if (least) expect(result()).toBe(least.number);
        } else {
          const taken = model.takeEnd(back);
          expect(run('take_end', back)).toBe(taken ? 'pass' : 'drop');
          if (taken) expect([result(0), result(1)]).toEqual([taken.number, taken.inTree ? 1 : 0]);
        }
        expect(counts()['item'] ?? 0).toBe(model.alive);
        if (step % 20 !== 0) continue;
        const seen = globals(maps);
        expect(seen.ages).toEqual(model.ages.map(({ number }) => number));
        expect(seen.numbers).toEqual(model.tree.map(({ number }) => number));
        machine.checkTree();
      }
    },
  );

  it('frees everything with the maps', async () => {
    using machine = await boot(engine, settings);
    const { loaded, run, counts, maps } = machine;
    for (let i = 0; i < 500; i++) run('add_item', i & 1, 0, (i * 37) % 101);
    maps['shelves']!.set(1, {});
    for (let i = 0; i < 20; i++) run('shelve', i & 1, 1, i);
    run('keep', 1, 1, 7);
    run('count');
    run('count');
    expect(counts()).toEqual({ item: 500, box: 20, leaf: 21, tally: 1 });
    loaded[Symbol.dispose]();
    expect(counts()).toEqual({});
  });

  it('lists in values of maps, their boxes with a leaf each', async () => {
    using machine = await boot(engine, settings);
    const { run, counts, maps } = machine;
    const shelves = maps['shelves']!;
    expect(run('shelve', 0, 3, 1)).toBe('tx');
    for (const key of [3, 4]) shelves.set(key, {});
    for (const number of [4, 2, 9]) expect(run('shelve', 0, 3, number)).toBe('pass');
    expect(run('shelve', 0, 4, 5)).toBe('pass');
    const leaf = (number: bigint) => ({ number, leaf: { number: number * 10n, visits: 1 } });
    expect(shelves.owned(3)).toEqual({ boxes: [4n, 2n, 9n].map(leaf), pushes: 3n });
    expect(shelves.owned(5)).toBeUndefined();
    // From outside the special fields are zeros, and an update leaves the list no owner.
    expect((shelves.get(3) as unknown as Shelf).pushes).toBe(3n);
    shelves.set(3, { pushes: 100n });
    expect(shelves.owned(3)).toEqual({ boxes: [], pushes: 100n });
    expect(counts()).toEqual({ box: 1, leaf: 1 });
    shelves.delete(4);
    expect(counts()).toEqual({});
  });

  it('an update of an array frees what the value owned', async () => {
    using machine = await boot(engine, settings);
    const { run, counts, maps } = machine;
    for (let i = 0; i < 6; i++) expect(run('shelve', 1, i % 2, i)).toBe('pass');
    expect(counts()).toEqual({ box: 6, leaf: 6 });
    maps['racks']!.set(0, { pushes: 0n });
    expect(counts()).toEqual({ box: 3, leaf: 3 });
    expect((maps['racks']!.owned(1) as unknown as Shelf).boxes).toHaveLength(3);
  });

  it('a kptr gives back what it held, and goes with its element', async () => {
    using machine = await boot(engine, settings);
    const { run, result, counts, maps } = machine;
    const shelves = maps['shelves']!;
    shelves.set(1, {});
    expect([run('keep', 1, 1, 11), result()]).toEqual(['pass', 0]);
    expect([run('keep', 1, 1, 12), result()]).toEqual(['pass', 11]);
    expect((shelves.owned(1) as unknown as Shelf).kept).toEqual({ number: 12n, visits: 0 });
    expect(counts()).toEqual({ leaf: 1 });
    expect([run('keep', 0, 1), result()]).toEqual(['pass', 12]);
    expect(counts()).toEqual({});
    run('keep', 1, 1, 13);
    shelves.delete(1);
    expect(counts()).toEqual({});
    // A new element has nothing of the one before.
    shelves.set(1, {});
    expect([run('keep', 0, 1), result()]).toEqual(['pass', 0]);
  });

  it('a per-CPU object has a part for each CPU', async () => {
    using machine = await boot(engine, settings, 4);
    const { run, result, counts, maps } = machine;
    expect(run('count')).toBe('tx');
    for (let i = 1; i <= 3; i++) expect([run('count'), result()]).toEqual(['pass', i]);
    const each = [3n, 0n, 0n, 0n].map((packets) => ({ packets }));
    expect(maps['counted']!.owned(0)).toEqual({ each });
    expect(counts()).toEqual({ tally: 1 });
  });
});
