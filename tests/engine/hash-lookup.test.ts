// Look-ups in hashes that compiled code does itself, against what was put in.
import { describe, expect, it } from 'vitest';
import type { RuntimeMap } from '../../src/runtime/types.ts';
import { Lab, marked, type Variant, variants } from './harness.ts';

const HASH = 1;
const PERCPU_HASH = 5;
const LRU_HASH = 9;
const TYPES = { hash: HASH, percpu_hash: PERCPU_HASH, lru_hash: LRU_HASH };
/** Whole words up to 64 bytes stand in the program; 6, 30 and 68 are the runtime's. */
const SIZES = [4, 6, 8, 12, 16, 20, 28, 30, 32, 64, 68];
const ENTRIES = 48;
const MISSING = 0xffff_ffff_ffff_ffffn;

/** Keys that are alike but for one byte, at the front, in the middle or at the end. */
function keyOf(index: number, size: number): Uint8Array {
  const key = new Uint8Array(size).fill(7);
  key[[0, size >> 1, size - 1][index % 3]!] = 8 + index;
  return key;
}

function valueOf(index: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(index) << 40n).buffer);
}

/** Copies a key from the packet to the stack in pieces of at most `unit` bytes, and looks it up. */
function program(lab: Lab, map: RuntimeMap, size: number, unit: number): string {
  const lines = ['r6 = *(u32 *)(r1 + 0)'];
  for (let at = 0; at < size; ) {
    const most = Math.min(unit, size - at);
    const piece = most >= 8 && at % 8 === 0 ? 8 : most >= 4 ? 4 : most >= 2 ? 2 : 1;
    const kind = `u${piece * 8}`;
    lines.push(`r2 = *(${kind} *)(r6 + ${at})`, `*(${kind} *)(r10 - ${80 - at}) = r2`);
    at += piece;
  }
  return [...lines, 'r2 = r10', 'r2 += -80', lookupText(lab, map)].join('\n');
}

/** Looks up the key r2 points to: r0 is the value or -1. */
function lookupText(lab: Lab, map: RuntimeMap): string {
  return `
    r1 = ${lab.handle(map)} ll
    call 1
    if r0 == 0 goto missing
    r0 = *(u64 *)(r0 + 0)
    exit
  missing:
    r0 = -1
    exit`;
}

function filled(lab: Lab, type: number, keySize: number): RuntimeMap {
  const map = lab.map({ type, keySize, valueSize: 8, maxEntries: ENTRIES });
  for (let i = 0; i < ENTRIES; i++) expect(map.update(keyOf(i, keySize), valueOf(i))).toBe(0);
  return map;
}

/** What the program says of each key, those of the map and as many others. */
function answers(lab: Lab, variant: Variant, text: string, size: number): bigint[] {
  const code = lab.load(variant, marked(text));
  return Array.from({ length: 2 * ENTRIES }, (_, i) => {
    lab.bytes(lab.packet, size).set(keyOf(i, size));
    return lab.r0(code);
  });
}

const expected = Array.from({ length: 2 * ENTRIES }, (_, i) =>
  i < ENTRIES ? BigInt(i) << 40n : MISSING,
);

describe.each(variants)('$name', (variant) => {
  describe.each(Object.entries(TYPES))('%s', (_, type) => {
    it.each(SIZES)('keys of %i bytes are found, written in pieces of any size', (size) => {
      for (const unit of [1, 2, 4, 8]) {
        const lab = new Lab(96);
        const map = filled(lab, type, size);
        expect(answers(lab, variant, program(lab, map, size, unit), size)).toEqual(expected);
      }
    });

    it('keys in a packet are found where they are', () => {
      const lab = new Lab(96);
      const text = `r2 = *(u32 *)(r1 + 0)\n${lookupText(lab, filled(lab, type, 16))}`;
      expect(answers(lab, variant, text, 16)).toEqual(expected);
    });

    it('a key of constants is found', () => {
      const lab = new Lab();
      const map = lab.map({ type, keySize: 8, valueSize: 8, maxEntries: 4 });
      map.update(new Uint8Array(BigUint64Array.of(0x7_0000_0005n).buffer), valueOf(3));
      const text = `
        *(u32 *)(r10 - 8) = 5
        *(u32 *)(r10 - 4) = 7
        r2 = r10
        r2 += -8
        ${lookupText(lab, map)}`;
      expect(lab.r0(lab.load(variant, marked(text)))).toBe(3n << 40n);
    });
  });

  it('a key written as words and read as one number is the same key', () => {
    const lab = new Lab();
    const map = lab.map({ type: HASH, keySize: 8, valueSize: 8, maxEntries: 4 });
    map.update(new Uint8Array(BigUint64Array.of(0x7_0000_0005n).buffer), valueOf(3));
    const text = `
      *(u32 *)(r10 - 8) = 5
      *(u32 *)(r10 - 4) = 7
      r6 = *(u64 *)(r10 - 8)
      r2 = r10
      r2 += -8
      r1 = ${lab.handle(map)} ll
      call 1
      if r0 == 0 goto missing
      r0 = *(u64 *)(r0 + 0)
      r0 += r6
      exit
    missing:
      r0 = -1
      exit`;
    expect(lab.r0(lab.load(variant, marked(text)))).toBe((3n << 40n) + 0x7_0000_0005n);
  });
});

/** Which of the first keys an LRU still has after some were looked up and others put in. */
function survivors(variant: Variant, size: number): boolean[] {
  const lab = new Lab(96);
  const map = lab.map({ type: LRU_HASH, keySize: size, valueSize: 8, maxEntries: 64, flags: 0 });
  for (let i = 0; i < 64; i++) map.update(keyOf(i, size), valueOf(i));
  const code = lab.load(variant, marked(program(lab, map, size, 8)));
  for (let i = 0; i < 64; i += 3) {
    lab.bytes(lab.packet, size).set(keyOf(i, size));
    lab.r0(code);
  }
  for (let i = 100; i < 130; i++) map.update(keyOf(i, size), valueOf(i));
  const out = new Uint8Array(8);
  return Array.from({ length: 64 }, (_, i) => map.lookup(keyOf(i, size), out) === 0);
}

describe('an LRU', () => {
  it.each([4, 16, 30, 32])('keeps what was looked up, by every engine alike: %i bytes', (size) => {
    const [first, ...others] = variants.map((variant) => survivors(variant, size));
    const kept = (rest: number) => first!.filter((lives, i) => lives && i % 3 === rest).length;
    expect(kept(0)).toBeGreaterThan(kept(1) + kept(2));
    for (const other of others) expect(other).toEqual(first);
  });
});

describe('a map in shared memory', () => {
  it('is looked up by the runtime, with the same result', async () => {
    const { createRuntime } = await import('../../src/runtime/index.ts');
    const lab = new Lab(96);
    const shared = createRuntime({ cpus: 1, seed: 1, shared: true });
    expect(shared.options.shared).toBe(true);
    Object.assign(lab, { runtime: shared });
    Object.assign(lab, { context: shared.allocate(64, 64), packet: shared.allocate(128, 64) });
    lab.setPacket(lab.packet, lab.packet + 96);
    const map = filled(lab, HASH, 8);
    const compiled = variants.find(({ name }) => name === 'wasm, unchecked')!;
    expect(answers(lab, compiled, program(lab, map, 8, 4), 8)).toEqual(expected);
  });
});
