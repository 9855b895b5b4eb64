import { describe, expect, it } from 'vitest';
import { createMachine, FormatError, type ObjectFile, parseObject } from '../../src/index.ts';
import { returnedBy, returnOf, testSpecs } from '../../src/tools/selftests/index.ts';
import { OBJECTS } from './rows.ts';
import { excuse, NOT_RUN, selftest, selftestNames, selftests, testmod } from './selftests.ts';

interface Case {
  readonly program: string;
  readonly wanted: number | 'pointer';
}

/** Privileged tests that are run after loading, for x86. */
function casesOf(object: ObjectFile): Case[] {
  const cases: Case[] = [];
  for (const spec of testSpecs(object).values()) {
    const { retval, failure } = spec.privileged;
    if (retval === undefined || failure || spec.skipped || (spec.modes & 1) === 0) continue;
    cases.push({ program: spec.program, wanted: returnOf(retval) });
  }
  return cases;
}

/** Undefined for halves of programs that are to be linked. */
function parsed(name: string): ObjectFile | undefined {
  try {
    return parseObject(selftest(name));
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

const RUNNABLE = selftests
  ? selftestNames().flatMap((name) => {
      const object = parsed(name);
      const cases = object?.btf ? casesOf(object) : [];
      return object && cases.length > 0 ? [{ name, object, cases }] : [];
    })
  : [];

async function run(
  engine: 'wasm' | 'interpreter',
  name: string,
  object: ObjectFile,
  program: string,
): Promise<number> {
  using host = await createMachine({ engine, kfuncs: testmod });
  const found = object.programs.find((one) => one.name === program)!;
  return returnedBy({ file: `${name}.bpf.o`, object, program: found }, host);
}

describe.skipIf(!selftests)('selftests that say what they return', () => {
  it('are as many as there are', () => {
    const all = RUNNABLE.flatMap(({ name, cases }) => cases.map((one) => `${name} ${one.program}`));
    expect(all).toHaveLength(587);
    // What other tests do not read of the list, this one does.
    const listed = NOT_RUN.filter(({ object }) => !OBJECTS.includes(object)).flatMap((one) =>
      one.programs.map((program) => `${one.object} ${program}`),
    );
    expect(listed.filter((one) => !all.includes(one))).toEqual([]);
  });

  describe.each(['wasm', 'interpreter'] as const)('on %s', (engine) => {
    it.each(RUNNABLE)('$name', async ({ name, object, cases }) => {
      for (const { program, wanted } of cases) {
        const says = excuse(name, program)?.says;
        const result = run(engine, name, object, program);
        if (says) await expect(result, program).rejects.toThrow(says);
        else if (wanted === 'pointer') await expect(result, program).resolves.toBeTypeOf('number');
        else await expect(result, program).resolves.toBe(wanted);
      }
    });
  });
});
