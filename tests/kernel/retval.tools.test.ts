import { describe, expect, it } from 'vitest';
import { testSpecs } from '../../scripts/corpus/annotations.mjs';
import {
  createMachine,
  FormatError,
  type LoadedObject,
  type ObjectFile,
  parseObject,
} from '../../src/index.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { OBJECTS } from './rows.ts';
import { excuse, NOT_RUN, selftest, selftestNames, selftests, testmod } from './selftests.ts';

/** What the loader of the kernel's tests hands to programs: zeros. */
const TEST_DATA_LENGTH = 64;
/** Long after the machine was started: some programs expect the clock not to say 0. */
const NOW = 1_000_000_000n;

const NAMED: Readonly<Record<string, number>> = {
  INT_MIN: -(2 ** 31),
  TEST_DATA_LEN: TEST_DATA_LENGTH,
};

interface Case {
  readonly program: string;
  /** Undefined: the program returns a pointer. */
  readonly wanted: number | undefined;
}

/** Privileged tests that are run after loading, for x86. */
function casesOf(object: ObjectFile): Case[] {
  const cases: Case[] = [];
  for (const spec of testSpecs(object).values()) {
    const { retval, failure } = spec.privileged;
    if (retval === undefined || failure || spec.skipped || (spec.modes & 1) === 0) continue;
    const wanted = retval === 'POINTER_VALUE' ? undefined : (NAMED[retval] ?? Number(retval)) | 0;
    cases.push({ program: spec.program, wanted });
  }
  return cases;
}

/** struct test_val, and what prog_tests/verifier.c puts into it. */
const TEST_VALUE = new Uint8Array(48);
new DataView(TEST_VALUE.buffer).setUint32(0, 28, true);
new DataView(TEST_VALUE.buffer).setUint32(4 + 4 * 6, 0xabcdef12, true);
const FILLED: Readonly<Record<string, string>> = {
  verifier_array_access: 'map_array_ro',
  verifier_value_ptr_arith: 'map_array_48b',
};

function fill(name: string, loaded: LoadedObject): void {
  const map = FILLED[name] === undefined ? undefined : loaded.maps[FILLED[name]];
  map?.kernelMap.update(new Uint8Array(4), TEST_VALUE);
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
  (host.kernel as Machine).clock = NOW;
  const loaded = await host.load(object, { programs: [program] });
  fill(name, loaded);
  const { type } = loaded.programs[program]!.spec;
  const data = new Uint8Array(TEST_DATA_LENGTH);
  return loaded.programs[program]!.run(type === 'syscall' ? {} : { data }).returnValue;
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
        else if (wanted === undefined) await expect(result, program).resolves.toBeTypeOf('number');
        else await expect(result, program).resolves.toBe(wanted);
      }
    });
  });
});
