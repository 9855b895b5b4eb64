import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createMachine, parseObject } from '../../src/index.ts';

const object = parseObject(
  new Uint8Array(readFileSync(new URL('./programs/throws.bpf.o', import.meta.url))),
);
const MARK = 8;

test('the object says who catches', () => {
  const catching = object.programs.map(({ name, functions }) => [
    name,
    functions.filter(({ catches }) => catches).map((one) => one.name),
  ]);
  expect(Object.fromEntries(catching)).toEqual({
    with_callback: ['caught'],
    far_away: ['caught'],
    without: [],
  });
});

describe.each(['wasm', 'interpreter'] as const)('programs that throw, on %s', (engine) => {
  const start = async () => {
    const host = await createMachine({ engine });
    const { programs, globals } = await host.load(object);
    const run = (name: string, mark: number) => {
      const context = new Uint8Array(192);
      new DataView(context.buffer).setUint32(MARK, mark, true);
      return programs[name]!.run({ data: new Uint8Array(64), context }).returnValue;
    };
    return { run, globals };
  };

  test('return what the callback makes of the cookie', async () => {
    const { run, globals } = await start();
    expect([3, 10, 11, 29, 4].map((mark) => run('with_callback', mark))).toEqual([
      1006, 1020, 3, 5, 1008,
    ]);
    expect(globals.get('seen')).toBe(40n);
  });

  test('pass through functions that are called', async () => {
    const { run, globals } = await start();
    // 0 + … + 39 = 780, and 1 or 2 for each call.
    expect([3, 11, 4].map((mark) => run('far_away', mark))).toEqual([1563, (11 + 781) & 7, 1563]);
    expect(globals.get('seen')).toBe(11n + 781n);
  });

  test('return the cookie if nobody catches', async () => {
    const { run, globals } = await start();
    expect([3, 11, 2 ** 31 + 5].map((mark) => run('without', mark))).toEqual([
      1006,
      11,
      -(2 ** 31) + 5,
    ]);
    expect(globals.get('seen')).toBe(0n);
  });
});
