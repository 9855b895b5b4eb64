import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { sharedWasm } from '../../src/runtime/generated/runtime.ts';
import { type Runtime, ringbufConsume } from '../../src/runtime/index.ts';
import { M_COUNT } from '../../src/runtime/layout.ts';
import { NO_COMMON_LRU, NO_PREALLOC, keysOf, newMap, number, valueOf } from './map-harness.ts';

const WORKERS = 2;
const ROUNDS = 40_000;

/** What every worker runs first: an instance of the module that works for CPU 1 + its number. */
const prologue = `
  const { workerData } = require('node:worker_threads');
  const { wasm, memory, cpu, map, rounds, barrier, workers } = workerData;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory, abort() {} } });
  exports.runtime_enter(cpu);
  const key = exports.heap_alloc(16, 16), value = exports.heap_alloc(4096, 16);
  const words = new Uint32Array(memory.buffer);
  let seed = cpu * 77777;
  const random = (n) => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % n;
  // All begin at once, so that they really meet.
  const flags = new Int32Array(memory.buffer);
  Atomics.add(flags, barrier >> 2, 1);
  while (Atomics.load(flags, barrier >> 2) < workers);
  const wrong = (what) => { throw new Error(what); };
`;

/** Runs the code in WORKERS threads on one map; fails when one of them throws. */
async function inWorkers(runtime: Runtime, map: number, code: string): Promise<void> {
  const { memory } = runtime;
  const barrier = runtime.allocate(4);
  const wasm = Buffer.from(sharedWasm, 'base64');
  const one = (n: number) =>
    new Promise<void>((resolve, reject) => {
      const cpu = n + 1;
      const workerData = { wasm, memory, cpu, map, rounds: ROUNDS, barrier, workers: WORKERS };
      const worker = new Worker(prologue + code, { eval: true, workerData });
      worker.on('error', reject);
      worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`exit ${code}`))));
    });
  await Promise.all(Array.from({ length: WORKERS }, (_, n) => one(n)));
}

const table = (prefix: string) => `
  for (let i = 0; i < rounds; i++) {
    const k = random(200);
    words[key >> 2] = k;
    words[value >> 2] = k * 3;
    const choice = random(4);
    if (choice === 0) exports.${prefix}_delete(map, key);
    else if (choice === 1) exports.${prefix}_lookup(map, key);
    else {
      const error = Number(exports.${prefix}_update(map, key, value, 0n));
      if (error !== 0 && error !== -7 && error !== -12) wrong('update: ' + error);
    }
  }
`;

describe.each([
  ['hash', 0],
  ['hash', NO_PREALLOC],
  ['percpu_hash', 0],
  ['lru_hash', 0],
  ['lru_hash', NO_COMMON_LRU],
  ['lru_percpu_hash', 0],
])('%s (flags %d) used by several threads at once', (type, flags) => {
  test.each([150, 1000])('%d entries: nothing lost, nothing twice', async (maxEntries) => {
    const { runtime, map } = newMap(
      type,
      { maxEntries, flags },
      { cpus: 1 + WORKERS, shared: true },
    );
    await inWorkers(runtime, map.address, table(type));
    const keys = keysOf(map).map(number);
    expect(new Set(keys).size).toBe(keys.length);
    expect(runtime.u32()[(map.address + M_COUNT) >> 2]).toBe(keys.length);
    expect(keys.length).toBeLessThanOrEqual(maxEntries);
    for (const key of keysOf(map)) {
      const words = new Uint32Array((valueOf(map, key) as Uint8Array).buffer);
      // Per-CPU values: those of CPUs that did not write are zero.
      expect(words.every((word) => word === 0 || word === number(key) * 3)).toBe(true);
      expect(map.delete(key)).toBe(0);
    }
    expect(keysOf(map)).toEqual([]);
  });
});

test('a ring buffer with several producers and a reader: all records whole, in order', async () => {
  const { runtime, map } = newMap(
    'ringbuf',
    { maxEntries: 8192 },
    { cpus: 1 + WORKERS, shared: true },
  );
  const producers = inWorkers(
    runtime,
    map.address,
    `
    for (let i = 0; i < rounds; i++) {
      const size = 8 + 4 * random(60);
      words.fill(i, value >> 2, (value + size) >> 2);
      words[value >> 2] = cpu;
      while (exports.ringbuf_output(map, value, BigInt(size), 0n) !== 0n) {}
    }
  `,
  );
  const next = [0, 0, 0];
  let total = 0;
  let done = false;
  void producers.finally(() => (done = true));
  while (!done || total < WORKERS * ROUNDS) {
    const before = total;
    total += ringbufConsume(runtime, map, (bytes) => {
      const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
      const cpu = words[0]!;
      const sequence = next[cpu]!++;
      for (const word of words.subarray(1)) if (word !== sequence) throw new Error('torn record');
    });
    if (done && total === before) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await producers;
  expect(next).toEqual([0, ROUNDS, ROUNDS]);
}, 60_000);

test('an lpm_trie changed by several threads', async () => {
  const { runtime, map } = newMap(
    'lpm_trie',
    { maxEntries: 100 },
    { cpus: 1 + WORKERS, shared: true },
  );
  await inWorkers(
    runtime,
    map.address,
    `
    for (let i = 0; i < rounds; i++) {
      words[key >> 2] = random(33);
      words[(key >> 2) + 1] = random(1 << 16);
      const choice = random(3);
      if (choice === 0) exports.lpm_trie_delete(map, key);
      else if (choice === 1) exports.lpm_trie_lookup(map, key);
      else exports.lpm_trie_update(map, key, value, 0n);
    }
  `,
  );
  const keys = keysOf(map);
  expect(runtime.u32()[(map.address + M_COUNT) >> 2]).toBe(keys.length);
  for (const key of keys) expect(map.delete(key)).toBe(0);
  expect(keysOf(map)).toEqual([]);
});
