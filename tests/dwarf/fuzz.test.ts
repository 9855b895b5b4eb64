import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { DebugInfo } from '../../src/debug/index.ts';
import { dwarfSections, evaluate, parseDwarf, type Unit } from '../../src/dwarf/index.ts';
import { parseElf } from '../../src/elf/index.ts';

const object = readFileSync(new URL('../debug/programs/variables.bpf.o', import.meta.url));
const sections = parseElf(object).sections.filter(({ name }) => name.startsWith('.debug_'));

/** Nothing but a FormatError comes out, and it ends. */
function onlyFormatErrors(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
}

test('broken debugging information is refused, or read', () => {
  const change = fc.record({
    section: fc.nat(sections.length - 1),
    at: fc.double({ min: 0, max: 0.999, noNaN: true }),
    byte: fc.nat(255),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
      const bytes = new Uint8Array(object);
      for (const { section, at, byte } of changes) {
        const { offset, size } = sections[section]!;
        bytes[offset + Math.floor(at * size)] = byte;
      }
      onlyFormatErrors(() => DebugInfo.read(bytes));
    }),
    { numRuns: 300 },
  );
});

test('any bytes are an expression, or a FormatError', () => {
  const [unit] = parseDwarf(dwarfSections(parseElf(object))!).units as [Unit];
  const around = { based: () => 4096n, inFrame: () => 8n, read: () => 1n, register: () => 0n };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (expression) => {
      onlyFormatErrors(() => evaluate(expression, unit, around));
    }),
    { numRuns: 2000 },
  );
});

test('expressions are evaluated as the standard says', () => {
  const [unit] = parseDwarf(dwarfSections(parseElf(object))!).units as [Unit];
  const at = (...bytes: number[]) =>
    evaluate(Uint8Array.from(bytes), unit, {
      based: (register, offset) => BigInt(register) * 100n + offset,
      inFrame: (offset) => 1000n + offset,
      read: (address, size) => address + BigInt(size),
    });
  const memory = (address: bigint, size = 0) => ({ kind: 'memory', address, size });
  const value = (number: bigint, size = 0) => ({ kind: 'value', value: number, size });
  expect(at(0x53)).toEqual([{ kind: 'register', register: 3, size: 0 }]);
  expect(at(0x7a, 0x78)).toEqual([memory(992n)]);
  expect(at(0x91, 0x18)).toEqual([memory(1024n)]);
  expect(at(0x91, 0x18, 0x06)).toEqual([memory(1032n)]);
  expect(at(0x35, 0x32, 0x1c, 0x9f)).toEqual([value(3n)]);
  expect(at(0x11, 0x7f, 0x9f)).toEqual([value(2n ** 64n - 1n)]);
  expect(at(0x51, 0x93, 4, 0x93, 2, 0x31, 0x9f, 0x93, 1)).toEqual([
    { kind: 'register', register: 1, size: 4 },
    { kind: 'missing', size: 2 },
    value(1n, 1),
  ]);
  expect(at(0x9e, 2, 7, 8)).toEqual([{ kind: 'bytes', bytes: Uint8Array.of(7, 8), size: 0 }]);
  expect(at(0xa3, 1, 0x51)).toBeUndefined();
  expect(() => at(0x2f, 0xfd, 0xff)).toThrow('an expression that does not end');
  expect(() => at(0x22)).toThrow('the stack is empty');
});
