import { describe, expect, it } from 'vitest';
import { createRuntime } from '../../src/runtime/index.ts';

/** Two functions a table takes. */
function some() {
  const runtime = createRuntime({ cpus: 1 });
  const a = runtime.helperFunction(5);
  const b = runtime.helperFunction(7);
  return { runtime, functions: runtime.functions, table: runtime.table, a, b };
}

describe('the function table', () => {
  it('gives one slot for a function that stays, and new ones on demand', () => {
    const { functions, table, a, b } = some();
    const shared = functions.share(a);
    expect([functions.share(a), functions.get(shared)]).toEqual([shared, a]);
    const own = functions.reserve(a);
    expect(own).not.toBe(shared);
    functions.set(own, b);
    expect([table.get(shared), table.get(own)]).toEqual([a, b]);
    functions.release(own);
    expect([table.get(own), table.get(shared)]).toEqual([null, a]);
  });

  it('gives slots out again, the last one first, and grows only then', () => {
    const { functions, table } = some();
    const slots = Array.from({ length: 100 }, () => functions.reserve());
    expect(new Set(slots).size).toBe(100);
    const { length } = table;
    const [used, free] = [functions.used, functions.free];
    for (const slot of slots) functions.release(slot);
    expect([functions.used, functions.free]).toEqual([used - 100, free + 100]);
    expect(slots.map(() => functions.reserve())).toEqual(slots.toReversed());
    expect(table.length).toBe(length);
  });

  it('replaces a function wherever it is, and nothing else', () => {
    const { functions, a, b } = some();
    const [one, two, other] = [a, a, b].map((fn) => functions.reserve(fn));
    functions.set(two!, b);
    functions.replace(a, b);
    expect([one, two, other].map((slot) => functions.get(slot!))).toEqual([b, b, b]);
    functions.replace(b, a);
    expect([one, two, other].map((slot) => functions.get(slot!))).toEqual([a, a, a]);
    for (const slot of [one, two, other]) functions.release(slot!);
    functions.replace(a, b);
    expect([one, two, other].map((slot) => functions.get(slot!))).toEqual([null, null, null]);
  });
});
