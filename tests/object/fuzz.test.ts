import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { decodeValue, formatValue, printC, printRaw, printTs } from '../../src/btf/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { printSkeleton, printSubskeleton } from '../../src/object/skeleton/index.ts';
import { declareObject } from '../../src/object/typegen/index.ts';
import { fixture, fixtures } from '../fixtures/read.ts';

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

/** What anyone would do with an object that was read. */
function useAll(bytes: Uint8Array): void {
  const object = parseObject(bytes);
  const { btf, maps } = object;
  declareObject(object, 'name');
  if (!maps.some(({ legacy }) => legacy)) {
    printSkeleton(object, bytes.subarray(0, 64), 'name');
    printSubskeleton(object, 'name');
  }
  if (!btf) return;
  printRaw(btf);
  printC(btf);
  printTs(btf);
  for (const { valueTypeId, initialValue } of maps) {
    if (valueTypeId && initialValue) formatValue(decodeValue(btf, valueTypeId, initialValue));
  }
}

/** Runs it; throws what is no `FormatError`. True if the bytes were taken. */
function survives(bytes: Uint8Array): boolean {
  try {
    useAll(bytes);
    return true;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    expect(error.offset).toBeGreaterThanOrEqual(0);
    return false;
  }
}

const EXTREMES = [0x00, 0xff, 0x7f, 0x80, 0x01];
const ROUNDS = 120;

describe.each(fixtures)('broken copies of %s', (name) => {
  const good = fixture(name);

  test('the good one is read', () => {
    expect(survives(good)).toBe(true);
  });

  test('cut off at any place', () => {
    const random = randomSource(1);
    for (let i = 0; i < ROUNDS; i++) {
      // Section headers stand last, so nothing shorter is whole.
      expect(survives(good.slice(0, random(good.length)))).toBe(false);
    }
  });

  test.each([1, 2, 8])('%i bits flipped', (count) => {
    const random = randomSource(2 + count);
    for (let i = 0; i < ROUNDS; i++) {
      const bytes = good.slice();
      for (let n = 0; n < count; n++) bytes[random(bytes.length)]! ^= 1 << random(8);
      survives(bytes);
    }
  });

  test('words overwritten with extreme values', () => {
    const random = randomSource(99);
    for (let i = 0; i < ROUNDS; i++) {
      const bytes = good.slice();
      const at = random(bytes.length - 4) & ~3;
      bytes.fill(EXTREMES[random(EXTREMES.length)]!, at, at + 1 + random(4));
      survives(bytes);
    }
  });
});
