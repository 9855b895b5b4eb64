/**
 * The kernel's selftests of allocators, local storage and arenas whose programs hang at system
 * calls or at the functions that BPF_PROG_TEST_RUN calls, unmodified, on both engines: what
 * prog_tests/{test_bpf_ma,preempted_bpf_ma_op,percpu_alloc,task_local_storage,cgrp_local_storage,
 * htab_reuse,arena_atomics,arena_list,arena_htab}.c want of them.
 */
import { describe, expect, it } from 'vitest';
import { createMachine, parseObject } from '../../src/index.ts';
import type { MachineMap } from '../../src/machine/index.ts';
import { arenaGlobal, CPUS, PID, seen, start } from './traced.ts';
import { selftest, selftests } from './selftests.ts';

/** The machine's idle task is who asks for test runs. */
const TESTER = 0;
const SIZES = [16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096];
const PER_CPU_SIZES = [8, 16, 32, 64, 96, 128, 192, 256, 512];

describe.skipIf(!selftests).each(['wasm', 'interpreter'] as const)('on %s', (engine) => {
  describe('test_bpf_ma', () => {
    const btf = selftests ? parseObject(selftest('test_bpf_ma')).btf : undefined;
    const ids = (prefix: string, sizes: readonly number[]) =>
      sizes.map((size) => btf?.find('struct', `${prefix}${size}`) ?? 0);
    const globals = {
      data_btf_ids: ids('bin_data_', SIZES),
      percpu_data_btf_ids: [...ids('percpu_bin_data_', PER_CPU_SIZES), 0, 0],
      pid: PID,
    };

    it.each([
      ['test_batch_alloc_free', 0],
      ['test_free_through_map_free', 7 * 128 + 64 + 32 + 16 + 8],
      ['test_batch_percpu_alloc_free', 0],
      ['test_percpu_free_through_map_free', 8 * 128 + 64],
    ])('%s', async (program, left) => {
      const test = await start(engine, 'test_bpf_ma', { programs: [program], globals });
      test.call('nanosleep');
      expect(test.number('err')).toBe(0);
      const live = () => test.host.kernel.liveObjects!().reduce((sum, { count }) => sum + count, 0);
      expect(live()).toBe(left);
      test.end();
      expect(live()).toBe(0);
    });
  });

  it('preempted_bpf_ma_op: four programs allocate and free in turns', async () => {
    const test = await start(engine, 'preempted_bpf_ma_op');
    for (let i = 0; i < 8; i++) {
      for (const name of ['test0', 'test1', 'test2', 'test3']) {
        expect(test.programs[name]!.run({}).returnValue).toBe(0);
      }
    }
    expect(test.globals.get('nomem_err')).toBe(false);
    const live = () => test.host.kernel.liveObjects!().reduce((sum, { count }) => sum + count, 0);
    expect(live()).toBe(2048);
    test.end();
    expect(live()).toBe(0);
  });

  const perCpu = { nr_cpus: CPUS, my_pid: TESTER };
  const arrays = ['test_array_map_1', 'test_array_map_2', 'test_array_map_3', 'test_array_map_4'];
  it.each([
    ['percpu_alloc_array', arrays],
    ['percpu_alloc_array', ['test_array_map_10']],
    ['percpu_alloc_cgrp_local_storage', [1, 2, 3].map((i) => `test_cgrp_local_storage_${i}`)],
  ])('percpu_alloc: %s %j', async (name, programs) => {
    const test = await start(engine, name, { programs, globals: perCpu });
    expect(test.programs[programs[0]!]!.run({}).returnValue).toBe(0);
    expect(seen(test, ['cpu0_field_d', 'sum_field_c'])).toEqual({
      cpu0_field_d: 2,
      sum_field_c: 1,
    });
  });

  const COUNTS = ['enter_cnt', 'exit_cnt', 'mismatch_cnt'];

  it('task_local_storage: sys_enter and sys_exit', async () => {
    const test = await start(engine, 'task_local_storage', { globals: { target_pid: PID } });
    test.host.syscall('gettid', { task: test.host.task({ pid: PID + 1 }) });
    expect(test.number('enter_cnt')).toBe(0);
    for (let i = 0; i < 3; i++) test.call('gettid');
    expect(seen(test, COUNTS)).toEqual({ enter_cnt: 3, exit_cnt: 3, mismatch_cnt: 0 });
    const view = test.maps['enter_id']!.storageOf(test.task)!;
    expect(new DataView(view.buffer, view.byteOffset).getBigUint64(0, true)).toBe(0xabcd1237n);
  });

  it('cgrp_local_storage: sys_enter and sys_exit', async () => {
    const test = await start(engine, 'cgrp_ls_tp_btf', { cgroup: 'new' });
    const { kernelMap } = test.maps['map_b']!;
    const key = new Uint8Array(Uint32Array.of(test.task.cgroup.number).buffer);
    const one = new Uint8Array(BigUint64Array.of(1n).buffer);
    const out = new Uint8Array(8);
    expect(kernelMap.update(key, one)).toBe(0);
    expect([kernelMap.lookup(key, out), out]).toEqual([0, one]);
    expect(kernelMap.delete(key)).toBe(0);
    test.globals.set('target_pid', PID);
    for (let i = 0; i < 3; i++) test.call('gettid');
    expect(seen(test, COUNTS)).toEqual({ enter_cnt: 3, exit_cnt: 3, mismatch_cnt: 0 });
  });

  it('cgrp_local_storage: a task is no cgroup', async () => {
    using host = await createMachine({ engine });
    await expect(
      host.load(selftest('cgrp_ls_negative'), { programs: ['on_enter'] }),
    ).rejects.toThrow('R2 is of type task_struct but cgroup is expected');
  });

  it('htab_reuse: an element is reused while others look it up, under its lock', async () => {
    const test = await start(engine, 'htab_reuse');
    const { kernelMap } = test.maps['htab']!;
    const BPF_F_LOCK = 4;
    const word = (n: number) => new Uint8Array(Uint32Array.of(n).buffer);
    for (let i = 0; i < 500; i++) {
      for (const key of [7, 24]) {
        const value = new Uint8Array(8);
        value[4] = key;
        expect(kernelMap.update(word(key), value, BPF_F_LOCK)).toBe(0);
        const out = new Uint8Array(8);
        expect(kernelMap.lookup(word(key), out)).toBe(0);
        expect(out[4]).toBe(key);
        expect(kernelMap.delete(word(key))).toBe(0);
        expect(kernelMap.lookup(word(key), out)).toBe(-2);
      }
    }
  });

  describe('arenas', () => {
    const ALL = (1n << 64n) - 1n;
    const atomics: readonly (readonly [string, Readonly<Record<string, bigint>>])[] = [
      ['add', { add64_value: 3n, add64_result: 1n, add32_value: 3n, add32_result: 1n }],
      ['add', { add_stack_value_copy: 3n, add_stack_result: 1n, add_noreturn_value: 3n }],
      ['sub', { sub64_value: ALL, sub64_result: 1n, sub32_value: 0xffffffffn, sub32_result: 1n }],
      ['sub', { sub_stack_value_copy: ALL, sub_stack_result: 1n, sub_noreturn_value: ALL }],
      ['and', { and64_value: 0x010n << 32n, and32_value: 0x010n }],
      ['or', { or64_value: 0x111n << 32n, or32_value: 0x111n }],
      ['xor', { xor64_value: 0x101n << 32n, xor32_value: 0x101n }],
      ['cmpxchg', { cmpxchg64_value: 2n, cmpxchg64_result_fail: 1n, cmpxchg64_result_succeed: 1n }],
      ['cmpxchg', { cmpxchg32_value: 2n, cmpxchg32_result_fail: 1n, cmpxchg32_result_succeed: 1n }],
      ['xchg', { xchg64_value: 2n, xchg64_result: 1n, xchg32_value: 2n, xchg32_result: 1n }],
    ];

    it.each(atomics)('arena_atomics: %s', async (program, wanted) => {
      const test = await start(engine, 'arena_atomics', {
        programs: [program],
        globals: { pid: TESTER },
        attach: false,
      });
      expect(test.programs[program]!.run({}).returnValue).toBe(0);
      const got = Object.keys(wanted).map((name) => [name, arenaGlobal(test, name)]);
      expect(Object.fromEntries(got)).toEqual(wanted);
    });

    it('arena_atomics: uaf', async () => {
      const test = await start(engine, 'arena_atomics', {
        programs: ['uaf'],
        globals: { pid: TESTER },
        attach: false,
      });
      expect(test.programs['uaf']!.run({}).returnValue).toBe(0);
      expect(arenaGlobal(test, 'uaf_recovery_fails')).toBe(0n);
    });

    it.each([1, 1000])('arena_list: %i elements', async (count) => {
      const test = await start(engine, 'arena_list', { globals: { cnt: count }, attach: false });
      const sum = (count * (count - 1)) / 2;
      expect(test.programs['arena_list_add']!.run({}).returnValue).toBe(0);
      expect(test.globals.get('skip')).toBe(false);
      expect(arenaGlobal(test, 'arena_sum')).toBe(BigInt(sum));
      expect(arenaGlobal(test, 'test_val')).toBe(BigInt(count + 1));
      expect(test.programs['arena_list_del']!.run({}).returnValue).toBe(0);
      expect(arenaGlobal(test, 'arena_sum')).toBe(BigInt(sum));
      expect(test.number('list_sum')).toBe(sum);
    });

    it.each([
      ['arena_htab', 'arena_htab_llvm'],
      ['arena_htab_asm', 'arena_htab_asm'],
    ])('%s', async (name, program) => {
      const test = await start(engine, name, { attach: false });
      expect(test.programs[program]!.run({}).returnValue).toBe(0);
      // struct htab: buckets, how many; a bucket: its first; an element: hash, key, value, next.
      const view = (test.maps['arena']!.kernelMap as MachineMap).runtime.view();
      const at = (pointer: bigint) => Number(BigInt.asUintN(32, pointer));
      const table = at(test.globals.get('htab_for_user') as bigint);
      const buckets = at(view.getBigUint64(table, true));
      for (const key of [0, 4, 8, 12]) {
        const bucket = buckets + 8 * (key & (view.getInt32(table + 8, true) - 1));
        let node = at(view.getBigUint64(bucket, true));
        while (node !== 0 && view.getInt32(node - 12, true) !== key) {
          node = at(view.getBigUint64(node, true));
        }
        expect(node === 0 ? undefined : view.getInt32(node - 8, true)).toBe(key);
      }
    });
  });
});
