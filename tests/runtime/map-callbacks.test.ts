import { describe, expect, test } from 'vitest';
import type { HostHelper } from '../../src/runtime/index.ts';
import { C_STACK_TOP } from '../../src/runtime/layout.ts';
import { EINVAL, Program, ZERO_SEED, keysOf, newMap, number, u32, u64 } from './map-harness.ts';

/** Table slot of a callback written in JavaScript. */
function callback(program: Program, body: HostHelper): number {
  const { runtime } = program;
  // A helper body is a wasm function of five i64 once wrapped: what callbacks are.
  runtime.setHostHelper(1000, 5, body);
  return runtime.helperSlot(1000);
}

function forEach(program: Program, body: HostHelper, flags = 0n, ctx = 0n): number {
  return Number(program.call('for_each', callback(program, body), ctx, flags));
}

describe.each(['array', 'percpu_array', 'hash', 'percpu_hash', 'lru_hash', 'lru_percpu_hash'])(
  'bpf_for_each_map_elem over a %s',
  (type) => {
    const setup = () => {
      const made = newMap(type, { flags: type.includes('hash') ? ZERO_SEED : 0 }, { cpus: 2 });
      for (let i = 0; i < 4; i++) made.program.update(u32(i), u64(i * 10));
      return made;
    };

    test('visits every element in order, with map, key, value and context', () => {
      const { map, program } = setup();
      const seen: number[] = [];
      const visited = forEach(
        program,
        (call) => {
          expect(call.u32(0)).toBe(map.address);
          const key = number(program.at(call.u64(1), 4));
          expect(number(program.at(call.u64(2), 8))).toBe(key * 10);
          expect(call.u64(2)).toBe(program.lookup(u32(key)));
          expect(call.u64(3)).toBe(99n);
          seen.push(key);
        },
        0n,
        99n,
      );
      expect(visited).toBe(4);
      expect(seen).toEqual(keysOf(map).map(number));
    });

    test('stops when the callback says so', () => {
      const { program } = setup();
      let left = 2;
      expect(forEach(program, (call) => call.returnInt(--left === 0 ? 1 : 0))).toBe(2);
    });

    test('flags are EINVAL', () => {
      expect(forEach(setup().program, () => {}, 1n)).toBe(EINVAL);
    });

    test('leaves the stack where it was', () => {
      const { runtime, program } = setup();
      const at = (runtime.cpuBlock + C_STACK_TOP) >> 2;
      const before = runtime.u32()[at];
      forEach(program, () => expect(runtime.u32()[at]!).toBeLessThan(before!));
      expect(runtime.u32()[at]).toBe(before);
    });
  },
);

test.each(['hash', 'percpu_hash', 'lru_hash'])('a callback may delete from a %s', (type) => {
  const { map, program } = newMap(type, { maxEntries: 64 });
  for (let i = 0; i < 64; i++) program.update(u32(i), u64(i));
  const visited = forEach(program, (call) => {
    const key = program.at(call.u64(1), 4);
    expect(map.delete(key)).toBe(0);
  });
  expect(visited).toBe(64);
  expect(keysOf(map)).toEqual([]);
});
