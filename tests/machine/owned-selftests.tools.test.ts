import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine, type ObjectFile, parseObject } from '../../src/index.ts';

/** Compiled selftests of the kernel: `node scripts/verify-corpus.mjs` makes them. */
const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
const folder = (existsSync(cache) ? readdirSync(cache) : [])
  .filter((name) => /^selftests-[0-9a-f]+/.test(name))
  .map((name) => join(cache, name))
  .find((path) => existsSync(join(path, 'linked_list.bpf.o')));
const objectOf = (name: string) => new Uint8Array(readFileSync(join(folder!, `${name}.bpf.o`)));

/**
 * Objects and what the kernel's own test runs in one load, in this order (prog_tests); programs that
 * are not named are run alone.
 */
const TOGETHER: Readonly<Record<string, readonly (readonly string[])[]>> = {
  linked_list: [],
  rbtree: [],
  refcounted_kptr: [
    [
      'rbtree_wrong_owner_remove_fail_a1',
      'rbtree_wrong_owner_remove_fail_b',
      'rbtree_wrong_owner_remove_fail_a2',
    ],
  ],
  local_kptr_stash: [
    ['stash_rb_nodes', 'unstash_rb_node'],
    ['stash_refcounted_node', 'refcount_acquire_without_unstash'],
  ],
  kptr_xchg_inline: [],
};
/** What prog_tests wants where the object does not say it, and it is not 0. */
const RETURNS = new Map([
  ['unstash_rb_node', 42],
  ['refcount_acquire_without_unstash', 42],
]);
/** Programs that the machine does not load: object, program, words of the reason. */
const REFUSED = [
  ['local_kptr_stash', 'stash_test_ref_kfunc', "'bpf_kfunc_call_test_release'"],
  ['refcounted_kptr', 'rbtree_sleepable_rcu', "'bpf_testmod_test_read'"],
  ['refcounted_kptr', 'rbtree_sleepable_rcu_no_explicit_rcu_lock', "'bpf_testmod_test_read'"],
] as const;

const refusedNames = new Set<string>(REFUSED.map(([, program]) => program));

type Engine = 'wasm' | 'interpreter';

const TAG = 'comment:test_retval=';

/** What a program should return. */
function expected({ btf }: ObjectFile, program: string): number {
  const func = btf!.find('func', program);
  const tag = btf!.types.find(
    (type) => type.kind === 'decl_tag' && type.type === func && type.name.startsWith(TAG),
  );
  return tag ? Number(tag.name.slice(TAG.length)) : (RETURNS.get(program) ?? 0);
}

/** Runs programs of an object that nobody has run before, then lets go of it. */
async function runFresh(name: string, engine: Engine, programs: readonly string[]) {
  using host = await createMachine({ engine });
  const loaded = await host.load(objectOf(name), { programs });
  for (const program of programs) {
    const { returnValue } = loaded.programs[program]!.run({ data: new Uint8Array(64) });
    expect(returnValue, program).toBe(expected(loaded.object, program));
  }
  const globals = Object.fromEntries(
    loaded.globals.names.map((one) => [one, loaded.globals.get(one)]),
  );
  loaded[Symbol.dispose]();
  expect(host.kernel.liveObjects!(), programs.join()).toEqual([]);
  return globals;
}

describe.skipIf(!folder).each(['wasm', 'interpreter'] as const)('selftests on %s', (engine) => {
  it.each(Object.keys(TOGETHER))(
    '%s: programs return what they should, and leak nothing',
    async (name) => {
      const groups = TOGETHER[name]!;
      const grouped = new Set(groups.flat());
      const alone = parseObject(objectOf(name))
        .programs.filter(({ type }) => type === 'sched_cls')
        .map((program) => program.name)
        .filter((program) => !grouped.has(program) && !refusedNames.has(program))
        .map((program) => [program]);
      expect(groups.length + alone.length).toBeGreaterThan(0);
      for (const programs of [...groups, ...alone]) await runFresh(name, engine, programs);
    },
  );

  it('rbtree: what the programs saw', async () => {
    const added = await runFresh('rbtree', engine, ['rbtree_add_nodes']);
    expect(added['less_callback_ran']).toBe(1n);
    const removed = await runFresh('rbtree', engine, ['rbtree_add_and_remove']);
    expect(removed['removed_key']).toBe(5n);
    const first = await runFresh('rbtree', engine, ['rbtree_first_and_remove']);
    expect([first['first_data'], first['removed_key']]).toEqual([[2n, 4n], 1n]);
    const aliased = await runFresh('rbtree', engine, ['rbtree_api_release_aliasing']);
    expect(aliased['first_data']).toEqual([42n, -1n]);
  });

  it.each(REFUSED)('%s: %s is refused, %s', async (name, program, why) => {
    using host = await createMachine({ engine });
    await expect(host.load(objectOf(name), { programs: [program] })).rejects.toThrow(why);
  });
});
