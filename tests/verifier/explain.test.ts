import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type KernelProfile, loadKernelProfile } from '../../src/abi/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { causes } from '../../src/verifier/explain/causes.ts';
import {
  type Explanation,
  explain,
  explanationText,
  verifierInput,
} from '../../src/verifier/index.ts';

const object = parseObject(readFileSync(new URL('rejected.bpf.o', import.meta.url)));
let profile: KernelProfile;

beforeAll(async () => {
  profile = await loadKernelProfile();
});

function explained(name: string): Explanation {
  const program = object.programs.find((one) => one.name === name)!;
  return explain(verifierInput(object, program, profile), profile)!;
}

/** Program, code of the message, what the sentence says, instructions of the history. */
const CASES = [
  ['packet_without_check', 'packet.outside', /bytes up to 13, but only 8 bytes/, 2],
  ['map_without_null_check', 'mem.invalid_access', /R0 may be NULL/, 1],
  ['index_too_large', 'mem.max_outside', /reach byte 128 .* 64 bytes.* at most 60/, 4],
  ['reference_leaked', 'subprog.reference_leak', /is not released on this path/, 3],
  ['context_written', 'context.invalid_access', /has 24 bytes: offset 100 is behind it/, 0],
  ['number_as_pointer', 'mem.invalid_access', /R1 is used as a pointer.*plain number/, 1],
  ['endless', 'prune.infinite_loop', /may never end/, 0],
  ['return_out_of_range', 'return.out_of_range', /0 to 3/, 2],
  ['wrong_helper', 'call.wrong_program_type', /bpf_skb_load_bytes/, 0],
] as const;

describe('an explanation', () => {
  it.each(CASES)(
    'of %s tells what, where, how it came and what helps',
    (name, code, say, steps) => {
      const explanation = explained(name);
      expect(explanation.code).toBe(code);
      expect(explanation.problem).toMatch(say);
      expect(explanation.at.line?.file).toMatch(/rejected\.bpf\.c$/);
      expect(explanation.steps).toHaveLength(steps);
      expect(explanation.advice.length).toBeGreaterThan(0);
    },
  );

  it('is there for each program of the fixture', () => {
    expect(object.programs.map(({ name }) => name).sort()).toEqual(CASES.map(([n]) => n).sort());
  });

  it('follows a value back through arithmetic to the load it came from', () => {
    const { subject, steps } = explained('index_too_large');
    expect(subject).toMatchObject({
      name: 'R0',
      value: expect.stringMatching(/^map_value\(.*124/),
    });
    expect(steps.map(({ kind }) => kind)).toEqual(['made', 'changed', 'changed', 'moved']);
    expect(steps[1]!.value).toMatch(/umax=smax32=umax32=31/);
  });

  it('tells which way a path went since something was acquired', () => {
    const { steps } = explained('reference_leaked');
    expect(steps[0]).toMatchObject({ what: 'acquired here' });
    expect(steps[0]!.text).toMatch(/bpf_ringbuf_reserve/);
    expect(steps.slice(1).every(({ kind }) => kind === 'tested')).toBe(true);
  });

  it('fits the width it is given', () => {
    for (const [name] of CASES) {
      const lines = explanationText(explained(name), 60).split('\n');
      const wide = lines.filter((line) => line.length > 60 && !/^ {4}\d+: /.test(line));
      expect(wide).toEqual([]);
    }
  });

  it('does not exist for a program that passes', () => {
    const code = Uint8Array.of(0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
    const program = object.programs[0]!;
    const input = { ...verifierInput(object, program, profile), insns: code };
    const passes = { ...input, functionInfo: [], lineInfo: [] };
    expect(explain(passes, profile)).toBeUndefined();
  });
});

describe('the table of causes', () => {
  it('covers the thirty most common rejections and more', () => {
    expect(Object.keys(causes).length).toBeGreaterThan(80);
  });
});
