import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type KernelProfile, loadKernelProfile } from '../../src/abi/index.ts';
import { captureOf, searchInput } from '../../src/cli/counterexample.ts';
import { parseObject } from '../../src/object/index.ts';
import {
  type Counterexample,
  counterexampleData,
  counterexampleText,
} from '../../src/tools/counterexample/index.ts';
import { dictionaryOf } from '../../src/tools/counterexample/dictionary.ts';
import { explain, verifierInput } from '../../src/verifier/index.ts';

const file = new URL('../verifier/rejected.bpf.o', import.meta.url);
const object = parseObject(readFileSync(file));
let profile: KernelProfile;

beforeAll(async () => {
  profile = await loadKernelProfile();
});

function search(name: string, engine: 'wasm' | 'interpreter', seed = 1): Promise<Counterexample> {
  const program = object.programs.find((one) => one.name === name)!;
  const input = verifierInput(object, program, profile);
  const explanation = explain(input, profile)!;
  return searchInput(object, program, input, explanation, { engine, seed, runs: 3000, time: 1e6 });
}

/** Programs that really go wrong, and how. */
const REAL = [
  ['index_too_large', /^out of range: (read|write) of 4 bytes at map numbers/],
  ['map_without_null_check', /read of 4 bytes|write of 4 bytes at NULL/],
  ['number_as_pointer', /^bad pointer: read of 1 byte/],
] as const;

describe('the search for an input', () => {
  it.each(REAL)('finds one for %s, the same with both engines', async (name, words) => {
    const [wasm, interpreter] = [await search(name, 'wasm'), await search(name, 'interpreter')];
    expect(wasm.kind).toBe('real');
    if (wasm.kind !== 'real' || interpreter.kind !== 'real') throw new Error('nothing found');
    expect(wasm.fault.there).toBe(true);
    expect(wasm.fault.what.replace(`${name}: `, '')).toMatch(words);
    expect(counterexampleData(interpreter)).toEqual(counterexampleData(wasm));
  });

  it('tells that the instruction was reached where nothing goes wrong', async () => {
    // It reads byte 12, and no packet is shorter than its Ethernet header.
    const found = await search('packet_without_check', 'wasm');
    expect(found).toMatchObject({ kind: 'not-found', tried: 3000, reached: true });
    expect(counterexampleText(found).join()).toMatch(/may be imprecise.*What helps then: check/);
  });

  it('finds the same again with the same seed', async () => {
    const [one, other] = [
      await search('index_too_large', 'wasm'),
      await search('index_too_large', 'wasm'),
    ];
    expect(counterexampleData(one)).toEqual(counterexampleData(other));
  });

  it('ends without an answer where a run shows nothing', async () => {
    const found = await search('reference_leaked', 'wasm');
    expect(found).toMatchObject({
      kind: 'cannot-run',
      why: expect.stringMatching(/does not show/),
    });
  });

  it('says so where the machine has no such hook', async () => {
    const found = await search('return_out_of_range', 'wasm');
    expect(found).toMatchObject({ kind: 'cannot-run', why: expect.stringMatching(/cgroup/) });
  });
});

describe('what was found', () => {
  it('is told in words, with the packet', async () => {
    const text = counterexampleText(await search('index_too_large', 'wasm')).join('\n');
    expect(text).toMatch(/really goes wrong .* at line \d+:/);
    expect(text).toMatch(/packet \(\d+ bytes\): [0-9a-f]{28}/);
  });

  it('can be written as a capture', async () => {
    const found = await search('index_too_large', 'wasm');
    if (found.kind !== 'real') throw new Error('nothing found');
    const bytes = captureOf([found, { kind: 'cannot-run', why: 'no' }]);
    const { packet } = found.input;
    expect(bytes.subarray(40)).toEqual(packet);
    expect(bytes.length).toBe(40 + packet.length);
  });
});

describe('the numbers a program names', () => {
  it('are those it compares with, in both byte orders, and lengths around what it reads', () => {
    const insns = Uint8Array.of(0x71, 0x10, 20, 0, 0, 0, 0, 0, 0x15, 0, 0, 0, 0x86, 0xdd, 0, 0);
    const { values, lengths, offsets } = dictionaryOf(insns);
    expect(values).toEqual(expect.arrayContaining([0xdd86, 0x86dd, 0xdd87]));
    expect(lengths).toEqual(expect.arrayContaining([20, 21, 22]));
    expect(offsets).toContain(20);
  });
});
