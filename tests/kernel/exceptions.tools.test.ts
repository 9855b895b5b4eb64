import { describe, expect, it } from 'vitest';
import { createMachine, parseObject } from '../../src/index.ts';
import { selftest, selftests } from './selftests.ts';

/** What Linux's prog_tests/exceptions.c wants of each program, without the prefix 'exception_'. */
const RETURNS: Readonly<Record<string, number>> = {
  throw_always_1: 64,
  throw_always_2: 32,
  throw_unwind_1: 16,
  throw_unwind_2: 32,
  throw_default: 0,
  throw_default_value: 5,
  tail_call: 24,
  ext: 0,
  ext_mod_cb_runtime: 35,
  throw_subprog: 1,
  bad_assert_nz_gfunc_with: 100,
  bad_assert_zero_gfunc_with: 105,
  bad_assert_neg_gfunc_with: 200,
  bad_assert_negeq_gfunc_with: 101,
  bad_assert_poseq_gfunc_with: 99,
  bad_assert_range_with: 10,
};

/** Assertions that hold return 1, those that do not throw 0 unless they say something else. */
function wanted(program: string): number {
  const name = program.slice('exception_'.length);
  return RETURNS[name] ?? (name.startsWith('assert') ? 1 : 0);
}

/** An IPv4 frame, as prog_tests hands it to programs. */
const packet = Uint8Array.from({ length: 64 }, (_, k) => (k === 12 ? 8 : 0));

describe.skipIf(!selftests).each(['wasm', 'interpreter'] as const)('exceptions on %s', (engine) => {
  const names = selftests
    ? parseObject(selftest('exceptions'))
        .programs.map(({ name }) => name)
        .filter((name) => name !== 'exception_tail_call_target')
    : [];

  it('the object has the programs that the table names', () => {
    expect(names).toHaveLength(38);
    expect(names).toEqual(
      expect.arrayContaining(Object.keys(RETURNS).map((n) => `exception_${n}`)),
    );
  });

  it('exceptions: every program returns what it should', async () => {
    using host = await createMachine({ engine });
    const loaded = await host.load(selftest('exceptions'));
    expect([...loaded.refused.values()].map(({ message }) => message)).toEqual([]);
    loaded.maps['jmp_table']!.setObject(0, loaded.programs['exception_tail_call_target']!);
    const returned = names.map((name) => [
      name,
      loaded.programs[name]!.run({ data: packet }).returnValue,
    ]);
    expect(Object.fromEntries(returned)).toEqual(
      Object.fromEntries(names.map((name) => [name, wanted(name)])),
    );
  });
});
