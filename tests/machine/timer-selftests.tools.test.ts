/**
 * The kernel's own programs for timers and work, unmodified, and what prog_tests/{timer,timer_mim,
 * timer_lockup,timer_crash,wq}.c want of them.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine, kfunc, type ObjectFile, parseObject } from '../../src/index.ts';

/** Compiled selftests of the kernel: `node scripts/verify-corpus.mjs` makes them. */
const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
const folder = (existsSync(cache) ? readdirSync(cache) : [])
  .filter((name) => /^selftests-[0-9a-f]+/.test(name))
  .map((name) => join(cache, name))
  .find((path) => existsSync(join(path, 'timer.bpf.o')));
const data = new Uint8Array(64);

const selftest = (name: string): ObjectFile =>
  parseObject(new Uint8Array(readFileSync(join(folder!, `${name}.bpf.o`))));

const testmod = [
  kfunc('bpf_kfunc_common_test', { args: [], body: () => undefined }),
  kfunc('bpf_kfunc_call_test_sleepable', { args: [], sleepable: true, body: () => undefined }),
];

describe.skipIf(!folder).each(['wasm', 'interpreter'] as const)('selftests on %s', (engine) => {
  it('timer: callbacks run as often as they should, with no errors', async () => {
    using host = await createMachine({ engine });
    const { programs, globals } = await host.load(selftest('timer'));
    const value = (name: string) => Number(globals.get(name));
    // They hang at the functions that a test run calls: one run runs all.
    for (const name of ['test1', 'test2', 'test3', 'test4', 'test5']) programs[name]!.attach();
    expect(programs['test1']!.run({}).returnValue).toBe(0);
    expect(value('callback_check')).toBe(52);
    host.advance(50_000);
    expect(value('callback_check')).toBe(42);
    expect(value('callback2_check')).toBe(42);
    expect(value('bss_data')).toBe(10);
    expect(value('abs_data')).toBe(12);
    expect(value('pinned_callback_check')).toBe(2);
    expect(value('err')).toBe(0);
    expect(value('ok')).toBe(1 | 2 | 4);
    for (let i = 0; i < 100; i++) expect(programs['race']!.run({}).returnValue).toBe(0);
    host.advance(1e9);
  });

  it('timer_mim: timers of an inner map run until user space gives it up', async () => {
    using host = await createMachine({ engine });
    const { programs, globals, maps } = await host.load(selftest('timer_mim'));
    const value = (name: string) => Number(globals.get(name));
    programs['test1']!.attach();
    expect(programs['test1']!.run({}).returnValue).toBe(0);
    host.advance(100_000);
    expect(value('cnt')).toBe(101);
    expect(value('err')).toBe(0);
    expect(value('ok')).toBe(1 | 2);
    maps['outer_arr']!.delete(1);
    maps['inner_htab']!.kernelMap.close();
    expect(host.advance(1e9)).toBe(0);
    expect(value('cnt')).toBe(101);
  });

  it('timer_lockup: callbacks that cancel each other', async () => {
    using host = await createMachine({ engine });
    const { programs, globals } = await host.load(selftest('timer_lockup'));
    for (let i = 0; i < 50; i++) {
      programs['timer1_prog']!.run({ data });
      programs['timer2_prog']!.run({ data });
      host.advance(10);
      expect([1, 0, -35]).toContain(globals.get('timer1_err'));
      expect([1, 0, -35]).toContain(globals.get('timer2_err'));
    }
  });

  it.each([
    ['test_call_array_sleepable', 'ok_sleepable', 0],
    ['test_syscall_array_sleepable', 'ok_sleepable', 1],
    ['test_call_hash_sleepable', 'ok', 2],
    ['test_call_hash_malloc_sleepable', 'ok', 3],
    ['test_call_lru_sleepable', 'ok', 4],
  ])('wq: %s', async (name, done, key) => {
    using host = await createMachine({ engine, kfuncs: testmod });
    const { programs, globals } = await host.load(selftest('wq'), { programs: [name] });
    const options = name.includes('syscall') ? {} : { data };
    expect(programs[name]!.run(options).returnValue).toBe(0);
    expect(globals.get(done)).toBe(0);
    expect(host.advance(0)).toBe(1);
    expect(globals.get(done)).toBe(1 << key);
  });
});
