import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FormatError, KernelError } from '../../src/base/index.ts';
import { parseObject } from '../../src/object/index.ts';
import {
  type VerifierCapabilities,
  type VerifierInput,
  type VerifierMap,
  verifierInput,
  verify,
  type VerifyResult,
} from '../../src/verifier/index.ts';
import { encoded, Generator, KINDS, MAP_VALUES, mutated, Random } from './generate.ts';
import { inputOf, PRIVILEGED, profile, UNPRIVILEGED } from './programs.ts';

/** Programs a test makes; FUZZ=50 makes fifty times as many. */
const MORE = Number(process.env['FUZZ'] ?? 1);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);

const MAPS: readonly VerifierMap[] = MAP_VALUES.map((valueSize, i) => ({
  name: `map${i}`,
  type: 2,
  keySize: 4,
  valueSize,
  maxEntries: 2,
  flags: 0,
  extra: 0n,
  btf: undefined,
  keyTypeId: 0,
  valueTypeId: 0,
}));

const OBJECTS = [
  'tests/machine/programs/net.bpf.o',
  'tests/fixtures/subprograms.bpf.o',
  'tests/fixtures/nested-maps.bpf.o',
  'tests/fixtures/oracle/map-helpers.bpf.o',
  'examples/firewall/firewall.bpf.o',
];

/** Inputs of every program of our own objects. */
function realPrograms(): VerifierInput[] {
  return OBJECTS.flatMap((path) => {
    const object = parseObject(readFileSync(path));
    return object.programs.map((program) => verifierInput(object, program, profile));
  });
}

/** Verifies; whatever is thrown is a failure that names the program. */
function verdict(
  input: VerifierInput,
  name: string,
  capabilities: VerifierCapabilities = PRIVILEGED,
): VerifyResult {
  const result = attempt(input, name, capabilities);
  expect(result.ok ? result.errnoName : result.errno, name).toSatisfy((value) =>
    result.ok ? value === '' : value < 0,
  );
  expect(result.stats.processed, name).toBeLessThanOrEqual(1_000_001);
  return result;
}

function attempt(input: VerifierInput, name: string, capabilities: VerifierCapabilities) {
  try {
    return verify(input, profile, { capabilities });
  } catch (error) {
    const hex = Buffer.from(input.insns).toString('hex');
    throw new Error(`${name} (type ${input.type}): ${hex}`, { cause: error });
  }
}

/** Program `i` made from pieces. */
function generatedInput(i: number): VerifierInput {
  const random = new Random(SEED * 1_000_003 + i);
  const kind = random.pick(KINDS);
  const insns = encoded(new Generator(random, kind).program());
  return inputOf('exit', { type: kind.type, insns, maps: MAPS });
}

describe('verify always answers', { timeout: 600_000 }, () => {
  test('programs made from pieces: some pass, some do not', () => {
    let passed = 0;
    const count = 150 * MORE;
    for (let i = 0; i < count; i++) {
      const input = generatedInput(i);
      if (verdict(input, `generated ${i}`).ok) passed++;
      verdict(input, `generated ${i}, unprivileged`, UNPRIVILEGED);
    }
    expect(passed).toBeGreaterThan(count / 20);
    expect(passed).toBeLessThan(count);
  });

  test('the verdict does not depend on the log', () => {
    for (let i = 0; i < 60 * MORE; i++) {
      const input = generatedInput(i);
      const quiet = verify(input, profile);
      if (quiet.stats.processed > 50_000) continue;
      const loud = verify(input, profile, { logLevel: 6 });
      expect({ i, ...loud, log: '', facts: 0, stats: { ...loud.stats, time: 0 } }).toEqual({
        i,
        ...quiet,
        log: '',
        facts: 0,
        stats: { ...quiet.stats, time: 0 },
      });
    }
  });

  test('real programs with instructions changed', () => {
    const inputs = realPrograms();
    for (let i = 0; i < 300 * MORE; i++) {
      const random = new Random(SEED * 7919 + i);
      const input = random.pick(inputs);
      const insns = mutated(input.insns, random);
      verdict({ ...input, insns }, `${input.name} changed ${i}`);
    }
  });

  test('bytes that are no program', () => {
    for (let i = 0; i < 1000 * MORE; i++) {
      const random = new Random(SEED * 104_729 + i);
      const insns = Uint8Array.from({ length: 8 * (1 + random.below(20)) }, () => random.bits());
      const type = random.below(34);
      verdict(inputOf('exit', { type, insns, maps: MAPS }), `bytes ${i}`);
    }
  });

  test('function and line information that does not fit', () => {
    const inputs = realPrograms().filter(({ btf }) => btf);
    for (let i = 0; i < 200 * MORE; i++) {
      const random = new Random(SEED * 15_485_863 + i);
      const input = random.pick(inputs);
      const odd = (value: number): number =>
        random.chance(70) ? value : (value + random.pick([-1, 1, 7, 1000, -1000])) | 0;
      const functionInfo = input.functionInfo.map(({ insn, typeId }) => ({
        insn: odd(insn),
        typeId: odd(typeId),
      }));
      const lineInfo = input.lineInfo.map((line) => ({ ...line, insn: odd(line.insn) }));
      verdict({ ...input, functionInfo, lineInfo }, `${input.name} information ${i}`);
    }
  });

  test('objects with bytes changed: a verdict, a refusal, or a format error', () => {
    const bytes = OBJECTS.map((path) => new Uint8Array(readFileSync(path)));
    let verdicts = 0;
    for (let i = 0; i < 60 * MORE; i++) {
      const random = new Random(SEED * 32_452_843 + i);
      const copy = random.pick(bytes).slice();
      for (let n = 1 + random.below(20); n > 0; n--)
        copy[random.below(copy.length)] = random.bits();
      verdicts += verifyAll(copy, `object ${i}`);
    }
    expect(verdicts).toBeGreaterThan(0);
  });
});

/** Verdicts of all programs; errors that say that the file is wrong are fine. */
function verifyAll(bytes: Uint8Array, name: string): number {
  let count = 0;
  try {
    const object = parseObject(bytes);
    for (const program of object.programs) {
      verdict(verifierInput(object, program, profile), `${name}: ${program.name}`);
      count++;
    }
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof KernelError)) throw error;
  }
  return count;
}
