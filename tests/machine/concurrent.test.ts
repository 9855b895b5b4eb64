import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { createMachine, exploreGracePeriods, type Host, type Trial } from '../../src/index.ts';
import type { MachineOptions } from '../../src/machine/index.ts';

vi.setConfig({ testTimeout: 60_000 });
const object = readFileSync(new URL('../fixtures/concurrent.bpf.o', import.meta.url));
const data = new Uint8Array(64);
const LATER = { reuse: 'after-grace-period' } as const;

async function boot(names: readonly string[], options: MachineOptions = {}) {
  const host = await createMachine({ cpus: 2, concurrent: true, ...options });
  const { programs, maps, globals, refused } = await host.load(object, { programs: names });
  expect([...refused.values()].map(String)).toEqual([]);
  maps['table']!.set(1 as never, 1n as never);
  const run = (name: string) => () =>
    programs[name]!.run(name.includes('sle') || name === 'careful' ? {} : { data });
  return { host, programs, maps, globals, run };
}

type Booted = Awaited<ReturnType<typeof boot>>;

/** All orders of what `act` does, and all placements of grace periods. */
function explore(
  names: readonly string[],
  act: (booted: Booted) => unknown,
  options: MachineOptions = {},
  most = 2000,
) {
  return exploreGracePeriods(
    async (choices): Promise<Trial> => {
      const booted = await boot(names, {
        gracePeriods: { choices },
        detectReuse: true,
        ...options,
      });
      return { result: act(booted), memory: booted.host.memory! };
    },
    { most },
  );
}

const verdicts = ({ host, run }: Booted, names: readonly string[]) =>
  host.concurrently(names.map(run)).map((one) => one.verdict);

describe.each(['wasm', 'interpreter'] as const)('two CPUs, %s', (engine) => {
  test('an element is reused while a reader on the other CPU has it', async () => {
    const seen = await explore(['reader', 'writer'], (one) => verdicts(one, ['reader', 'writer']), {
      engine,
    });
    expect(seen.complete).toBe(true);
    const drops = seen.placements.filter(({ result }) => String(result) === 'drop,pass');
    expect(drops.length).toBeGreaterThan(0);
    const { reuse, choices } = drops[0]!;
    expect(reuse).toMatchObject({
      name: 'table',
      obtained: { program: 'reader' },
      freed: { program: 'writer' },
      reused: { program: 'writer' },
    });
    // None happens where the programs run one after the other.
    expect(seen.placements[0]).toMatchObject({ isFirst: true, result: ['pass', 'pass'] });
    expect(seen.placements[0]!.reuse).toBeUndefined();
    // The same choices, the same run.
    const again = await boot(['reader', 'writer'], {
      gracePeriods: { choices },
      detectReuse: true,
      engine,
    });
    expect(verdicts(again, ['reader', 'writer'])).toEqual(['drop', 'pass']);
  });

  test('also where nothing is called between the lookup and the look', async () => {
    const seen = await explore(['hasty', 'writer'], (one) => verdicts(one, ['hasty', 'writer']), {
      engine,
    });
    const found = seen.placements.find(({ reuse }) => reuse !== undefined);
    expect(found).toMatchObject({ result: ['drop', 'pass'] });
  });

  test('a grace period before reuse keeps the reader right', async () => {
    const seen = await explore(['reader', 'writer'], (one) => verdicts(one, ['reader', 'writer']), {
      engine,
      memory: LATER,
    });
    expect(seen.complete).toBe(true);
    expect(new Set(seen.placements.map(({ result }) => String(result)))).toEqual(
      new Set(['pass,pass']),
    );
    expect(seen.placements.every(({ reuse }) => reuse === undefined)).toBe(true);
  });

  test('an increment in two steps can be lost, one under a lock cannot', async () => {
    const counted = await explore(
      ['count'],
      (one) => (verdicts(one, ['count', 'count']), one.globals.get('plain')),
      { engine },
    );
    expect(new Set(counted.placements.map(({ result }) => result))).toEqual(new Set([1n, 2n]));
    const locked = await explore(
      ['count_locked'],
      (one) => (
        verdicts(one, ['count_locked', 'count_locked']),
        (one.maps['guarded']!.get(0 as never) as unknown as { count: bigint }).count
      ),
      { engine },
    );
    expect(new Set(locked.placements.map(({ result }) => result))).toEqual(new Set([2n]));
  });

  test('each CPU has its own values, and its number back afterwards', async () => {
    const one = await boot(['count', 'writer'], { engine, cpus: 4, seed: 5 });
    verdicts(one, ['count', 'count', 'writer', 'count', 'count']);
    expect(one.maps['runs']!.get(0 as never)).toEqual([2n, 1n, 1n, 1n]);
    one.run('count')();
    expect(one.maps['runs']!.get(0 as never)).toEqual([3n, 1n, 1n, 1n]);
  });

  test('packets stay with the program that has them', async () => {
    const one = await boot(['count'], { engine, seed: 3 });
    const packets = [1, 2, 3, 4].map((byte) => new Uint8Array(64).fill(byte));
    for (let round = 0; round < 20; round++) {
      const seen = one.host.concurrently(
        packets.map((packet) => () => one.programs['count']!.run({ data: packet })),
      );
      expect(seen.map((each) => each.data![0])).toEqual([1, 2, 3, 4]);
    }
  });
});

describe('programs that sleep', () => {
  const withUser = (one: Booted, value: bigint) => {
    const pages = one.host.userPages(4096);
    new DataView(pages.bytes().buffer, pages.bytes().byteOffset).setBigUint64(0, value, true);
    one.globals.set('user', pages.address);
    return pages;
  };
  const values = (one: Booted, names: readonly string[]) => {
    withUser(one, 1n);
    return one.host.concurrently(names.map(one.run)).map((each) => each.returnValue);
  };

  /** A sleeper, while another CPU frees what it may have and takes elements until they come back. */
  const whileFreed = (name: string) => (one: Booted) => {
    withUser(one, 1n);
    const others = () => [one.run('erase')(), one.run('fill')()][0]!;
    const [slept] = one.host.concurrently([one.run(name), others]);
    return slept!.returnValue;
  };

  test('are no readers of RCU: what they hold is reused after a grace period', async () => {
    const options = { memory: LATER, cpus: 1 };
    const seen = await explore(['sleeper', 'erase', 'fill'], whileFreed('sleeper'), options, 40);
    const found = seen.placements.find(({ reuse }) => reuse !== undefined);
    expect(found).toMatchObject({ result: 99, reuse: { obtained: { program: 'sleeper' } } });
    expect(found!.schedule.map(({ kind }) => kind)).toEqual(['cpu', 'rcu']);
  });

  test('hold nothing up when they are in no read section, nor lose anything in one', async () => {
    for (const name of ['careful', 'hasty']) {
      const seen = await explore(
        [name, 'erase', 'fill'],
        whileFreed(name),
        { memory: LATER, cpus: 2 },
        40,
      );
      expect(seen.placements.every(({ reuse }) => reuse === undefined)).toBe(true);
    }
  });

  test('are right in a read section', async () => {
    const options = { memory: LATER, cpus: 2 };
    const seen = await explore(
      ['careful', 'writer'],
      (one) => values(one, ['careful', 'writer']),
      options,
    );
    expect(seen.complete).toBe(true);
    expect(seen.placements.every(({ reuse }) => reuse === undefined)).toBe(true);
    expect(new Set(seen.placements.map(({ result }) => String(result)))).toEqual(new Set(['1,2']));
  });

  test('leave their CPU to others, plain ones do not', async () => {
    const orders = async (name: string) => {
      const seen = await explore([name, 'writer'], (one) => values(one, [name, 'writer']), {
        cpus: 1,
      });
      return new Set(seen.placements.map(({ reuse }) => reuse !== undefined));
    };
    expect(await orders('sleeper')).toEqual(new Set([false, true]));
    expect(await orders('hasty')).toEqual(new Set([false]));
  });

  test('run at a function of the kernel that may sleep, and see what users have mapped', async () => {
    const one = await boot(['sleepy', 'sleepy_after', 'sleeper']);
    using _entry = one.programs['sleepy']!.attach();
    using _exit = one.programs['sleepy_after']!.attach();
    // Debian's kernel lets no system call be interfered with, so no program sleeps at one.
    one.run('sleepy')();
    expect(one.globals.get('plain')).toBe(0n);
    const pages = withUser(one, 3n);
    one.run('sleepy')();
    expect(one.globals.get('plain')).toBe(33n);
    pages[Symbol.dispose]();
    one.run('sleepy')();
    expect(one.globals.get('plain')).toBe(33n);
    expect(one.run('sleeper')().returnValue).toBe(-1);
  });
});

test('a seed gives one order, seeds give several', async () => {
  const outcome = async (seed: number) => {
    const one = await boot(['reader', 'writer', 'count'], { seed });
    return verdicts(one, ['reader', 'writer', 'count', 'count']).join() + one.globals.get('plain');
  };
  const seen = new Set<string>();
  for (let seed = 0; seed < 12; seed++) {
    const first = await outcome(seed);
    if (seed < 4) expect(await outcome(seed)).toBe(first);
    seen.add(first);
  }
  expect(seen.size).toBeGreaterThan(2);
});

test('a machine that was not made for it refuses', async () => {
  const host: Host = await createMachine({ cpus: 2 });
  expect(() => host.concurrently([() => 1])).toThrow(
    expect.objectContaining({ code: 'EOPNOTSUPP' }),
  );
  const one = await boot(['count']);
  const bad = () => one.host.concurrently([{ cpu: 2, run: () => 1 }]);
  expect(bad).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  const inside = () => one.host.concurrently([() => one.host.concurrently([() => 1])]);
  expect(inside).toThrow(expect.objectContaining({ code: 'EBUSY' }));
});
