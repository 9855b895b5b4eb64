// The benchmarks double as a differential test: 28 programs, three ways to run each, one result.
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { programTypes } from '../../src/abi/index.ts';
import { interpreterEngine } from '../../src/engine/interpreter/index.ts';
import { wasmEngine } from '../../src/engine/wasm/index.ts';
import { link } from '../../src/machine/link.ts';
import { parseObject, relocateProgram } from '../../src/object/index.ts';
import { createRuntime } from '../../src/runtime/index.ts';
import { movedEngine } from '../engine/packed.ts';

interface Side {
  setup(): number;
  run(times: number): number;
  check(): number;
  hash(): number;
  close(): void;
}
interface Sides {
  BeeyardProgram: new (lib: object, name: string, variant: string, packets: Uint8Array[]) => Side;
  objectPath(name: string): string;
}
interface Benchmarks {
  programs: { name: string; title: string; packets?: boolean }[];
}
interface Packets {
  makePackets(): Uint8Array[];
}
const bench = (path: string) => import(new URL(`../../bench/${path}`, import.meta.url).href);

const { BeeyardProgram, objectPath } = (await bench('lib/beeyard.mjs')) as unknown as Sides;
const { programs } = (await bench('programs.mjs')) as unknown as Benchmarks;
const packets = ((await bench('lib/packets.mjs')) as unknown as Packets).makePackets();

const engines = { wasm: wasmEngine, interpreter: interpreterEngine };
const lib = { parseObject, relocateProgram, createRuntime, link, programTypes, engines };
/** Every program between others in its module, which was then packed anew. */
const packed = { ...lib, engines: { ...engines, wasm: movedEngine } };

/** Return values of two runs, a digest of the maps and one of all memory. */
function outcome(name: string, variant: string, usesPackets: boolean, from = lib): number[] {
  const side = new BeeyardProgram(from, name, variant, usesPackets ? packets : []);
  const results = [side.setup(), side.run(1), side.run(1), side.check(), side.hash()];
  side.close();
  return results;
}

describe('benchmarks', () => {
  it('are at least twenty, each with its object', () => {
    expect(programs.length).toBeGreaterThanOrEqual(20);
    for (const { name } of programs) expect(existsSync(objectPath(name)), name).toBe(true);
  });

  it.each(programs)(
    '$name: compiled, checked and interpreted alike',
    ({ name, packets: some }) => {
      const expected = outcome(name, 'interpreter', some === true);
      expect(outcome(name, 'unchecked', some === true)).toEqual(expected);
      expect(outcome(name, 'checked', some === true)).toEqual(expected);
      expect(outcome(name, 'unchecked', some === true, packed)).toEqual(expected);
      expect(outcome(name, 'checked', some === true, packed)).toEqual(expected);
      // Work was done: two runs left something behind.
      expect(expected.slice(1).some((value) => value !== 0)).toBe(true);
    },
    60_000,
  );
});
