/**
 * What tests/fixtures/compilers/corpus.bpf.c must give, whoever compiled it: each of its programs
 * written once more in TypeScript, and a runner that holds an object against that.
 */
import { createMachine, type EngineName } from '../../src/index.ts';
import { parseObject } from '../../src/object/index.ts';

const u32 = (value: number | bigint): number => Number(BigInt.asUintN(32, BigInt(value)));
const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const s32 = (value: number): bigint => BigInt.asIntN(32, BigInt(value));
const mul = (...factors: number[]): number => factors.reduce((a, b) => Math.imul(a, b) >>> 0, 1);

/** What programs leave behind, started anew for each object. */
class World {
  first = 1;
  second = 20;
  third = 300n;
  hidden = 7;
  untouched = 0;
  readonly sums = [0n, 0n, 0n, 0n];
  readonly counts = [0n, 0n, 0n, 0n];
  readonly pairs = new Map<number, { x: number; y: number }>();
}

type Program = (x: number, y: number, world: World, data: Uint8Array) => number;

const TABLE = [2, 3, 5, 7, 11, 13, 17, 19];
const LIMIT = 1000;

function swap32(x: number): number {
  return u32(((x & 0xff) << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24));
}

const leaf = (x: number, { hidden }: World): number => u32(mul(x, 3) + hidden);
const visibleLeaf = (x: number): number => (x ^ 0x5a5a5a5a) >>> 0;

const PROGRAMS: Readonly<Record<string, Program>> = {
  arithmetic: (x, y) => u32(mul(x, y) + (x >>> 3) - ((y << 5) >>> 0) + ((x ^ ~y) >>> 0)),
  signed_numbers(x, y) {
    let wide = s32(x) * s32(y);
    if (s32(x) < s32(y)) wide -= s32(x) >> 4n;
    if (wide < 0n) wide = -wide;
    return u32(wide >> 7n);
  },
  division: (x, y) => u32(Math.floor(x / ((y | 1) >>> 0)) + (x % ((y | 7) >>> 0))),
  wide(x, y) {
    const product = u64(BigInt(x) * BigInt(y));
    const mixed = u64(product << 17n) | (product >> 47n);
    return u32((mixed >> 32n) ^ mixed);
  },
  narrow(x, y) {
    const a = (x + 200) & 0xff;
    const b = (((x >>> 5) & 0xffff) * 3) & 0xffff;
    const c = (y << 24) >> 24;
    const d = ((y >>> 3) << 16) >> 16;
    return u32(a + b + c + d);
  },
  halves: (x, y) => u32((u32(x + y) >>> 4) + Math.floor(mul(x, 3) / 7)),
  swaps: (x, y) => (swap32(x) ^ (((y & 0xff) << 8) | ((y >>> 8) & 0xff))) >>> 0,
  globals(x, y, world) {
    world.first = u32(world.first + x);
    world.second = (world.second ^ y) >>> 0;
    world.third = u64(world.third + BigInt(world.second));
    world.hidden++;
    world.untouched = (world.untouched | x) >>> 0;
    world.sums[x & 3] = u64(world.sums[x & 3]! + BigInt(y));
    const { first, second, third, hidden, untouched, sums } = world;
    return u32(first + second + u32(third) + hidden + untouched + u32(sums[x & 3]!));
  },
  constants: (x, y) => TABLE[x & 7]! * TABLE[y & 7]! + Math.min(x, LIMIT),
  calls(x, y, world) {
    const middle = (leaf(x, world) ^ leaf(u32(y + 1), world)) >>> 0;
    return u32(middle + leaf((x ^ y) >>> 0, world));
  },
  global_calls: (x, y) => u32(visibleLeaf(x) + mul(visibleLeaf(y), 2)),
  arguments(x, y) {
    const [c, d, e] = [x & 255, y >>> 8, u32(x + y)];
    return u32(x - mul(y, c) + ((d ^ e) >>> 0));
  },
  structs(x, y) {
    let sum = (x & 0xfff) * (y & 0xfff) + (y >>> 31);
    for (let i = 0; i < 5; i++) sum += (y + i) & 0xffff;
    return u32(sum + (x & 0xff) + x);
  },
  loop(x, y, _, data) {
    let sum = x;
    for (const byte of data.subarray(0, 16)) sum = u32(mul(sum, 31) + byte);
    return u32(sum + y);
  },
  choices(x, y) {
    const cases = [y, y + 10, y * 2, y ^ 0xff, y - 1, y << 1, y >>> 1, ~y];
    const which = x & 15;
    return which === 11 ? 42 : u32(cases[which] ?? which);
  },
  array_map(x, y, { counts }) {
    const key = x & 7;
    if (key > 3) return 77;
    counts[key] = u64(counts[key]! + BigInt(y));
    return u32(counts[key]!);
  },
  hash_map(x, y, { pairs }) {
    const found = pairs.get(x & 63) ?? { x: 0, y: 0 };
    const value = { x: u32(x + found.x), y: (y ^ found.y) >>> 0 };
    pairs.set(x & 63, value);
    return u32(value.x + value.y);
  },
  atomics(x, y, { counts }) {
    counts[3] = u64(counts[3]! + BigInt(x));
    return u32(u32(counts[3]!) + y);
  },
  copies: (x, y) => u32(x + mul(3, y) + x + mul(15, y)),
  writes: (_, y, __, data) => (data[0]! + y) & 0xff,
  callbacks(x, y) {
    let sum = x;
    for (let i = 0; i < (y & 31); i++) {
      sum += i;
      if (i > 20) break;
    }
    return u32(sum);
  },
};

export const CORPUS_PROGRAMS = Object.keys(PROGRAMS);

const INPUTS: readonly (readonly [number, number])[] = [
  [0, 0],
  [1, 2],
  [5, 0xffffffff],
  [0x12345678, 0x9abcdef0],
  [0x80000000, 3],
  [0xfffffff1, 0x7fffffff],
  [11, 25],
  [0xdeadbeef, 0x00c0ffee],
];

/** A packet with the two numbers in front; lengths differ, so that bounds count. */
function packetOf(x: number, y: number, length: number): Uint8Array {
  const data = Uint8Array.from({ length }, (_, i) => (i * 29) & 255);
  const view = new DataView(data.buffer);
  view.setUint32(0, x, true);
  view.setUint32(4, y, true);
  return data;
}

/**
 * Loads (which verifies) every program of a corpus object and runs it on every input. What differs
 * from TypeScript's answer, or does not load, by program; empty if all is well.
 */
export async function corpusMisses(
  bytes: Uint8Array,
  engine: EngineName,
): Promise<Record<string, string>> {
  const misses: Record<string, string> = {};
  const missing = parseObject(bytes).programs.map(({ name }) => name);
  for (const name of CORPUS_PROGRAMS) {
    if (!missing.includes(name)) misses[name] = 'is not there';
  }
  using host = await createMachine({ engine, devices: { eth0: {} } });
  const { programs, refused } = await host.load(bytes);
  for (const [name, error] of refused) misses[name] = error.message;
  const world = new World();
  for (const [name, expected] of Object.entries(PROGRAMS)) {
    const program = programs[name];
    INPUTS.forEach(([x, y], i) => {
      const data = packetOf(x, y, 14 + i);
      const wanted = expected(x, y, world, data);
      const found = program && program.run({ data }).returnValue >>> 0;
      if (program && found !== wanted) misses[name] ??= `(${x}, ${y}): ${found}, not ${wanted}`;
    });
  }
  return misses;
}
