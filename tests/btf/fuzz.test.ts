import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import type { BtfExt } from '../../src/btf/index.ts';
import {
  BtfBuilder,
  checkBtfLoad,
  dedupBtf,
  minimiseBtf,
  parseBtf,
  parseBtfExt,
  printC,
  printRaw,
  writeBtf,
  writeBtfExt,
} from '../../src/btf/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { coreUses } from '../../src/object/index.ts';
import { fixture } from '../fixtures/read.ts';

/** Some bytes of a copy changed; small numbers and extremes more often than others. */
const changes = fc.array(
  fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 2, 4, 0x7f, 0x80, 0xff), fc.nat(255))),
  { minLength: 1, maxLength: 8 },
);

function changed(good: Uint8Array, places: readonly (readonly [number, number])[]): Uint8Array {
  const bytes = good.slice();
  for (const [place, value] of places) bytes[place % bytes.length] = value;
  return bytes;
}

/** Runs it; anything but a `FormatError` is passed on. */
function survives(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
}

const sectionsOf = (name: string) => {
  const { sections } = parseElf(fixture(name));
  const data = (wanted: string) => sections.find((each) => each.name === wanted)!.data;
  return { btf: data('.BTF'), ext: data('.BTF.ext') };
};

describe.each(['types.bpf.o', 'core.bpf.o', 'counter.bpfeb.o', 'gcc.bpf.o'])(
  'broken %s',
  (name) => {
    const good = sectionsOf(name);

    test('is refused, or goes through everything and comes back the same', () => {
      fc.assert(
        fc.property(changes, (places) => {
          const bytes = changed(good.btf, places);
          checkBtfLoad(bytes);
          survives(() => {
            const btf = parseBtf(bytes);
            survives(() => printC(btf, { unsorted: true }));
            survives(() => printC(btf));
            survives(() => {
              const { btf: less, ids } = dedupBtf(btf);
              expect(Math.max(...ids)).toBeLessThan(less.count);
            });
            survives(() =>
              minimiseBtf(
                btf,
                btf.types.map(({ id }) => ({ what: 'match', type: id })),
              ),
            );
            const again = writeBtf(btf);
            expect(again.length).toBeLessThanOrEqual(2 * bytes.length + 64);
            expect(printRaw(parseBtf(again))).toBe(printRaw(btf));
          });
        }),
        { numRuns: 200 },
      );
    });

    test('relocations are refused, or come back the same', () => {
      const btf = parseBtf(good.btf);
      fc.assert(
        fc.property(changes, (places) => {
          survives(() => {
            const ext = parseBtfExt(changed(good.ext, places), btf);
            const builder = new BtfBuilder({ littleEndian: btf.littleEndian });
            for (const type of btf.types.slice(1)) builder.add(type);
            const again = writeBtfExt(ext, builder);
            expect(parseBtfExt(again, builder.build())).toEqual(grouped(ext));
          });
        }),
        { numRuns: 200 },
      );
    });
  },
);

/** Records by section, as they are written. */
function grouped(ext: BtfExt): BtfExt {
  const bySection = <T extends { readonly section: string }>(records: readonly T[]): T[] => {
    const sections = [...new Set(records.map(({ section }) => section))];
    return sections.flatMap((one) => records.filter(({ section }) => section === one));
  };
  return {
    functions: bySection(ext.functions),
    lines: bySection(ext.lines),
    coreRelocations: bySection(ext.coreRelocations),
  };
}

test('objects with broken bytes tell what they need, or are refused', () => {
  const object = fixture('core.bpf.o');
  const kernel = parseBtf(sectionsOf('core.bpf.o').btf);
  fc.assert(
    fc.property(changes, (places) => {
      survives(() => {
        const small = minimiseBtf(kernel, coreUses(changed(object, places), kernel));
        expect(small.count).toBeLessThanOrEqual(kernel.count);
      });
    }),
    { numRuns: 300 },
  );
});
