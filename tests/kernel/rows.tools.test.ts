/**
 * Every program of the kernel's selftests about maps, storage, allocators and owned objects either
 * gets to run here, or stands with its reason in tests/fixtures/kernel/not-run.json. That those
 * which run do what the kernel's tests want is what the files beside this one hold them to.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseObject } from '../../src/index.ts';
import { OBJECTS, obstacle } from './rows.ts';
import { excuse, NOT_RUN, selftest, selftests } from './selftests.ts';

/** Objects that only measure: they are loaded and attached, and their results are numbers. */
const BENCHMARKS = new Set([
  'local_storage_bench',
  'local_storage_rcu_tasks_trace_bench',
  'bench_local_storage_create',
  'htab_mem_bench',
  'bloom_filter_bench',
  'bpf_hashmap_lookup',
  'bpf_hashmap_full_update_bench',
  'ringbuf_bench',
]);

/** Objects whose tests need the programs that do not run, so that the others prove nothing. */
const PARTS = new Set([
  'map_kptr',
  'task_ls_recursion',
  'cgrp_ls_recursion',
  'rcu_tasks_trace_gp',
  'timer_crash',
]);

/** Sources of all tests that read selftests. */
const sources = ['.', '../machine'].flatMap((folder) => {
  const path = new URL(`${folder}/`, import.meta.url);
  return readdirSync(path)
    .filter((name) => name.endsWith('.tools.test.ts') && !name.startsWith('rows.'))
    .map((name) => readFileSync(new URL(name, path), 'utf8'));
});

describe.skipIf(!selftests)('selftests of maps and memory', () => {
  it.each(OBJECTS)('%s', async (name) => {
    const { programs } = parseObject(selftest(name));
    const found: Record<string, string | undefined> = {};
    for (const { name: program } of programs) {
      const says = excuse(name, program)?.says;
      const met = await obstacle(name, program);
      // What the message is, if it is not the one that is listed.
      if (says === undefined ? met !== undefined : !met?.includes(says)) found[program] = met;
    }
    expect(found).toEqual({});
  });

  it('objects of which something runs are those of a test, or benchmarks', () => {
    const runs = OBJECTS.filter((name) =>
      parseObject(selftest(name)).programs.some((program) => !excuse(name, program.name)),
    );
    const named = (name: string) =>
      sources.some((source) => new RegExp(`\\b${name}\\b`).test(source));
    const alone = (name: string) => BENCHMARKS.has(name) || PARTS.has(name);
    // Those of the verifier say themselves what they return: retval.tools.test.ts.
    const own = runs.filter((name) => !alone(name) && !name.startsWith('verifier_'));
    expect(own.filter((name) => !named(name))).toEqual([]);
  });

  it('the list names each program once, and only programs there are', () => {
    const all = NOT_RUN.flatMap(({ object, programs }) =>
      programs.map((one) => `${object} ${one}`),
    );
    expect(new Set(all).size).toBe(all.length);
    for (const { object, programs } of NOT_RUN) {
      const names = parseObject(selftest(object)).programs.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining([...programs]));
    }
  });
});
