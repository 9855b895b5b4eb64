import { describe, expect, test } from 'vitest';
import { checkBtfLoad, dedupBtf, openBtf, printRaw, writeBtf } from '../../src/btf/index.ts';
import { hasTool } from '../fixtures/read.ts';
import { kernelSplitChecks } from './kernel-split.ts';
import { kernelTables, sectionOf } from './kernel-tables.ts';

/** What the kernel's test compares: strings, and of each type its kind, counts and size or type. */
function compared(section: Uint8Array): unknown {
  const view = new DataView(section.buffer);
  const [types, strings] = [view.getUint32(12, true), view.getUint32(16, true)];
  const text = new TextDecoder().decode(section.subarray(24 + strings));
  return {
    types,
    strings: text.split('\0').toSorted(),
    heads: printRaw(openBtf(section))
      .replace(/\t.*\n/g, '')
      .replace(/ '.*?'/g, '')
      .replace(/component_idx.*/g, ''),
  };
}

// A suite that is skipped is read all the same.
const withCompiler = hasTool('cc');

describe.skipIf(!withCompiler)("the kernel's own cases", async () => {
  const { load, dedup } = withCompiler ? await kernelTables() : { load: [], dedup: [] };

  test(`of types to load (${load.length}): taken and refused as there, for the same reason`, () => {
    const wrong = load.flatMap((each) => {
      const refusal = checkBtfLoad(sectionOf(each, each.deltas as unknown as number[]));
      const right =
        (refusal !== undefined) === each.refused &&
        (!each.error || (refusal?.message ?? '').includes(each.error));
      return right ? [] : [{ descr: each.descr, expected: each.error, refusal }];
    });
    expect(wrong).toEqual([]);
    expect(load.length).toBeGreaterThan(150);
  });

  test(`of types to dedup (${dedup.length}): what is left is what is expected there`, () => {
    const wrong = dedup.flatMap(({ descr, input, expect: expected }) => {
      const ours = compared(writeBtf(dedupBtf(openBtf(sectionOf(input))).btf));
      const theirs = compared(sectionOf(expected));
      return JSON.stringify(ours) === JSON.stringify(theirs) ? [] : [{ descr, ours, theirs }];
    });
    expect(wrong).toEqual([]);
    expect(dedup.length).toBeGreaterThan(20);
  });

  const split = withCompiler ? await kernelSplitChecks() : [];

  test(`of split types (${split.length}): as listed there, before dedup and after`, () => {
    for (const { test: name, ours, theirs } of split) expect(ours, name).toBe(theirs);
    expect(split.length).toBeGreaterThan(12);
  });
});
