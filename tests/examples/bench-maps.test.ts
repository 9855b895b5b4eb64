// The benchmarks of maps double as a differential test: three ways to run each, one result.
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { programTypes } from '../../src/abi/index.ts';
import { interpreterEngine } from '../../src/engine/interpreter/index.ts';
import { wasmEngine } from '../../src/engine/wasm/index.ts';
import { link } from '../../src/machine/link.ts';
import { parseObject, relocateProgram } from '../../src/object/index.ts';
import { createRuntime, ringbufConsume } from '../../src/runtime/index.ts';
import { M_PRIVATE } from '../../src/runtime/layout.ts';

interface Benchmark {
  readonly file: string;
  readonly name: string;
  readonly setup?: string;
  readonly run: string;
  readonly large?: boolean;
}
interface Side {
  use(benchmark: Benchmark): void;
  setup(): number;
  run(times: number): number;
  check(): number;
  close(): void;
}
interface Sides {
  BeeyardMaps: new (lib: object, file: string, variant: string) => Side;
  mapObjectPath(file: string): string;
}
interface Benchmarks {
  readonly mapBenchmarks: readonly Benchmark[];
  readonly mapFiles: readonly string[];
  readingAll(benchmark: Benchmark): Benchmark;
}
const bench = (path: string) => import(new URL(`../../bench/${path}`, import.meta.url).href);

const { BeeyardMaps, mapObjectPath } = (await bench('lib/map-object.mjs')) as unknown as Sides;
const { mapBenchmarks, mapFiles, readingAll } = (await bench('maps.mjs')) as unknown as Benchmarks;

const engines = { wasm: wasmEngine, interpreter: interpreterEngine };
const lib = {
  parseObject,
  relocateProgram,
  createRuntime,
  ringbufConsume,
  ringField: M_PRIVATE,
  link,
  programTypes,
  engines,
};

/** Storage's owners are given to programs as plain numbers, which checked code does not follow. */
const UNCHECKED = new Set(['store']);

function outcome(benchmark: Benchmark, variant: string): number[] {
  const side = new BeeyardMaps(lib, benchmark.file, variant);
  side.use(readingAll(benchmark));
  const results = [side.setup(), side.run(1), side.run(1), side.check()];
  side.close();
  return results;
}

describe('benchmarks of maps', () => {
  it('have their objects', () => {
    for (const file of mapFiles) expect(existsSync(mapObjectPath(file)), file).toBe(true);
  });

  // A million entries and half a million routes are for the bench.
  it.each(mapBenchmarks.filter(({ large }) => !large))(
    '$name: compiled, checked and interpreted alike',
    (benchmark) => {
      const expected = outcome(benchmark, 'interpreter');
      expect(outcome(benchmark, 'unchecked')).toEqual(expected);
      if (!UNCHECKED.has(benchmark.run)) {
        expect(outcome(benchmark, 'checked')).toEqual(expected);
      }
      expect(expected.some((value) => value !== 0)).toBe(true);
    },
    60_000,
  );
});
