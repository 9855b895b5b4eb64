import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { linkObjects, parseObject } from '../../src/object/index.ts';
import { fixture } from '../fixtures/read.ts';
import { linkInputs } from './linked.ts';

/** Marsaglia's xorshift: the same mutations on every machine. */
function randomSource(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const ROUNDS = 150;
const sets = [
  ['app', 'library'],
  ['kernel-first', 'kernel-second'],
  ['../static-keys.bpf.o', 'static-keys'],
];

/** Links with the input at `broken` replaced; throws what is no `FormatError`. */
function survives(names: readonly string[], broken: number, bytes: Uint8Array): boolean {
  const inputs = linkInputs(...names);
  inputs[broken] = { name: inputs[broken]!.name, bytes };
  const size = inputs.reduce((sum, input) => sum + input.bytes.length, 0);
  let linked: Uint8Array;
  try {
    linked = linkObjects(inputs);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    expect(error.offset).toBeGreaterThanOrEqual(0);
    expect(error.message).toMatch(/\.bpf\.o: |: the linked object: /);
    return false;
  }
  expect(linked.length).toBeLessThan(2 * size + (8 << 20));
  // What comes out is at least well-formed ELF.
  expect(parseElf(linked).symbols.length).toBeGreaterThan(0);
  return true;
}

describe.each(sets)('broken copies of %s and %s', (...names) => {
  test.each([0, 1])('input %i: bits flipped', (which) => {
    const good = linkInputs(...names)[which]!.bytes;
    const random = randomSource(3 + which);
    let taken = 0;
    for (let i = 0; i < ROUNDS; i++) {
      const bytes = good.slice();
      for (let n = 0; n <= i % 4; n++) bytes[random(bytes.length)]! ^= 1 << random(8);
      if (survives(names, which, bytes)) taken++;
    }
    // Both happen: broken where it matters, and in strings or instructions.
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(ROUNDS);
  });

  test.each([0, 1])('input %i: words of tables and headers overwritten', (which) => {
    const good = linkInputs(...names)[which]!.bytes;
    const elf = parseElf(good);
    const headers = Number(new DataView(good.buffer).getBigUint64(40, true));
    const spans = elf.sections.filter(({ name }) => /^\.(symtab|rel|BTF)/.test(name));
    const places = [
      [headers, good.length - headers] as const,
      ...spans.map(({ offset, data }) => [offset, data.length] as const),
    ];
    const random = randomSource(77 + which);
    const values = [0, 1, 2, 3, 8, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
    for (let i = 0; i < ROUNDS; i++) {
      const bytes = good.slice();
      const [start, length] = places[i % places.length]!;
      const at = (start + random(length - 4)) & ~3;
      const view = new DataView(bytes.buffer);
      view.setUint32(at, values[random(values.length)]!, true);
      survives(names, which, bytes);
    }
  });

  test('cut off at any place', () => {
    const good = linkInputs(...names)[0]!.bytes;
    const random = randomSource(1);
    for (let i = 0; i < 60; i++) {
      expect(survives(names, 0, good.slice(0, random(good.length)))).toBe(false);
    }
  });
});

test('many sections that share their bytes do not fill the memory', () => {
  const good = fixture('link/app.bpf.o');
  const view = new DataView(good.buffer, good.byteOffset, good.length);
  const headers = Number(view.getBigUint64(40, true));
  const { sections } = parseElf(good);
  const data = sections.find(({ name }) => name === '.data')!;
  const copies = 60_000;
  const bytes = new Uint8Array(good.length + copies * 64);
  bytes.set(good.subarray(0, headers));
  bytes.set(good.subarray(headers), headers);
  const one = good.slice(headers + 64 * data.index, headers + 64 * (data.index + 1));
  const header = new DataView(one.buffer);
  header.setBigUint64(24, 0n, true);
  header.setBigUint64(32, BigInt(good.length), true);
  for (let i = 0; i < copies; i++) bytes.set(one, good.length + 64 * i);
  new DataView(bytes.buffer).setUint16(60, sections.length + copies, true);
  const link = () => linkObjects([{ name: 'bomb.o', bytes }]);
  expect(link).toThrow(/bomb.o: the output would dwarf its inputs/);
});

test('huge alignments and sizes are refused', () => {
  const good = fixture('link/app.bpf.o');
  const { sections } = parseElf(good);
  const headers = Number(new DataView(good.buffer, good.byteOffset).getBigUint64(40, true));
  const changed = (name: string, field: number, value: bigint): Uint8Array => {
    const bytes = good.slice();
    const { index } = sections.find((section) => section.name === name)!;
    new DataView(bytes.buffer).setBigUint64(headers + 64 * index + field, value, true);
    return bytes;
  };
  const link = (bytes: Uint8Array) => () => linkObjects([{ name: 'a.o', bytes }]);
  expect(link(changed('.data', 48, 1n << 40n))).toThrow(/a.o: .data: an alignment of/);
  expect(link(changed('.data', 48, 12n))).toThrow(/an alignment of 12/);
  expect(link(changed('.bss', 32, 1n << 40n))).toThrow(/bytes are absurd/);
  expect(link(changed('xdp', 32, 12n))).toThrow(/12 bytes of code/);
});

test('a single object that is parsed can be linked and parsed again', () => {
  const good = fixture('counter.bpf.o');
  const random = randomSource(5);
  let both = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const bytes = good.slice();
    bytes[random(bytes.length)]! ^= 1 << random(8);
    try {
      const linked = linkObjects([{ name: 'counter.bpf.o', bytes }]);
      parseObject(bytes);
      parseObject(linked);
      both++;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
  }
  expect(both).toBeGreaterThan(ROUNDS / 4);
});
