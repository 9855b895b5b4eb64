import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine, parseObject } from '../../src/index.ts';

/** Compiled selftests of the kernel: `node scripts/verify-corpus.mjs` makes them. */
const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
const folder = (existsSync(cache) ? readdirSync(cache) : [])
  .filter((name) => /^selftests-[0-9a-f]+/.test(name))
  .map((name) => join(cache, name))
  .find((path) => existsSync(join(path, 'task_local_storage.bpf.o')));

/**
 * Selftests of owned objects and local storage that cannot run here yet: object, how many of its
 * programs, and what the machine says. A line that is no longer true fails: then the test belongs
 * to those that run (tests/machine/owned-selftests.tools.test.ts).
 */
const WAITING: readonly (readonly [string, number, RegExp])[] = [
  // fentry, tp_btf and iterators.
  ['percpu_alloc_array', 5, /cannot run type tracing/],
  ['percpu_alloc_cgrp_local_storage', 3, /cannot run type tracing/],
  ['task_local_storage', 2, /cannot run type tracing/],
  ['task_local_storage_exit_creds', 1, /cannot run type tracing/],
  ['task_ls_recursion', 2, /cannot run type tracing/],
  ['cgrp_ls_negative', 1, /cannot run type tracing/],
  ['cgrp_ls_recursion', 2, /cannot run type tracing/],
  ['cgrp_ls_sleepable', 4, /cannot run type tracing/],
  ['cgrp_ls_tp_btf', 2, /cannot run type tracing/],
  ['test_sk_storage_tracing', 6, /cannot run type tracing/],
  ['test_sk_storage_trace_itself', 1, /cannot run type tracing/],
  ['sk_storage_omem_uncharge', 2, /cannot run type tracing/],
  // Hooks of the kernel's security modules.
  ['local_storage', 5, /cannot run type lsm/],
  ['task_storage_nodeadlock', 1, /cannot run type lsm/],
  // Hooks of cgroups.
  ['cgrp_ls_attach_cgroup', 3, /cannot run type (cgroup_sock_addr|sock_ops|tracing)/],
  // Kernel functions of the selftests' own module, bpf_testmod.
  [
    'map_kptr',
    12,
    /'bpf_kfunc_call_test_(ref|acquire|release)'|cannot run type (tracing|lsm|syscall)/,
  ],
];

describe.skipIf(!folder)('selftests that wait for their hooks', () => {
  it.each(WAITING)('%s: %i programs', async (name, count, why) => {
    const object = parseObject(new Uint8Array(readFileSync(join(folder!, `${name}.bpf.o`))));
    expect(object.programs).toHaveLength(count);
    for (const program of object.programs) {
      using host = await createMachine({ engine: 'interpreter' });
      await expect(host.load(object, { programs: [program.name] })).rejects.toThrow(why);
    }
  });
});
