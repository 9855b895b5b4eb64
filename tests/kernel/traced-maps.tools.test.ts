/**
 * The kernel's selftests of maps whose programs hang at system calls, unmodified, on both engines:
 * what prog_tests/{ringbuf,ringbuf_multi,user_ringbuf,hash_large_key,map_init,lookup_and_delete,
 * map_ops,map_lookup_percpu_elem,inner_array_lookup,bloom_filter_map,map_btf,mmap,bpf_loop,
 * global_map_resize,dynptr}.c want of them.
 */
import { describe, expect, it } from 'vitest';
import { CPUS, insnsRun, PID, ringPages, seen, start, type Started } from './traced.ts';
import type { KernelCgroup } from '../../src/kernel/index.ts';
import type { MachineMap } from '../../src/machine/index.ts';
import { selftests } from './selftests.ts';

const PAGE = 4096;
/** struct sample of the ring buffer tests, and its header in the ring. */
const SAMPLE = 32;
const HEADER = 8;

const sampleOf = ({ data }: { data: Uint8Array }) => {
  const view = new DataView(data.buffer, data.byteOffset);
  return {
    pid: view.getInt32(0, true),
    seq: view.getInt32(4, true),
    value: Number(view.getBigInt64(8, true)),
  };
};
const u64 = (value: number) => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);

/** Bytes of the test_progs's struct sample. */
function userSample(seq: number): Uint8Array {
  const bytes = new Uint8Array(SAMPLE);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, PID, true);
  view.setInt32(4, seq, true);
  view.setBigInt64(8, BigInt(seq * seq), true);
  return bytes;
}

describe.skipIf(!selftests).each(['wasm', 'interpreter'] as const)('on %s', (engine) => {
  const drained = ({ maps }: Started, map: string) => maps[map]!.kernelMap.drain().map(sampleOf);

  describe('ringbuf', () => {
    const ring = () =>
      start(engine, 'test_ringbuf', {
        maps: { ringbuf: { maxEntries: PAGE } },
        globals: { pid: PID },
      });
    const trigger = ({ globals, call }: Started) => {
      for (const name of ['dropped', 'total', 'discarded']) globals.set(name, 0n);
      for (const value of [333n, 777n]) {
        globals.set('value', value);
        call('getpgid');
      }
    };

    it('two samples and one that is given up, twice', async () => {
      const test = await ring();
      trigger(test);
      const record = HEADER + SAMPLE;
      expect(seen(test, ['avail_data', 'ring_size', 'cons_pos', 'prod_pos'])).toEqual({
        avail_data: 3 * record,
        ring_size: PAGE,
        cons_pos: 0,
        prod_pos: 3 * record,
      });
      expect(drained(test, 'ringbuf')).toEqual([
        { pid: PID, seq: 0, value: 333 },
        { pid: PID, seq: 1, value: 777 },
      ]);
      expect(drained(test, 'ringbuf')).toEqual([]);
      expect(seen(test, ['dropped', 'total', 'discarded'])).toEqual({
        dropped: 0,
        total: 2,
        discarded: 1,
      });
      trigger(test);
      expect(test.number('cons_pos')).toBe(3 * record);
      expect(drained(test, 'ringbuf')).toHaveLength(2);
    });

    it.each([1, 2])(
      'flags %i (no or forced wakeup) change nothing of what is there',
      async (flags) => {
        const test = await ring();
        test.globals.set('flags', BigInt(flags));
        trigger(test);
        expect(drained(test, 'ringbuf')).toHaveLength(2);
        expect(test.number('dropped')).toBe(0);
      },
    );

    it('another process is none of its business', async () => {
      const test = await ring();
      test.host.syscall('getpgid', { task: test.host.task({ pid: PID + 1 }) });
      expect(drained(test, 'ringbuf')).toEqual([]);
    });

    it('ringbuf_n: 32 samples', async () => {
      const test = await start(engine, 'test_ringbuf_n', {
        maps: { ringbuf: { maxEntries: PAGE } },
        globals: { pid: PID, value: 42n },
      });
      for (let i = 0; i < 32; i++) test.call('getpgid');
      const records = drained(test, 'ringbuf');
      expect(records).toHaveLength(32);
      expect(new Set(records.map(({ value }) => value))).toEqual(new Set([42]));
    });

    it('ringbuf_map_key: a record is the key of a hash', async () => {
      const test = await start(engine, 'test_ringbuf_map_key', {
        maps: { ringbuf: { maxEntries: PAGE } },
        globals: { pid: PID },
      });
      test.call('getpgid');
      expect(test.number('seq')).toBe(1);
      const [sample] = test.maps['ringbuf']!.kernelMap.drain();
      expect(sampleOf(sample!)).toMatchObject({ seq: 1, value: 42 });
      expect(test.maps['hash_map']!.get(sample!.data)).toBe(1);
    });

    it('ringbuf_write: no room when the consumer is ahead', async () => {
      const test = await start(engine, 'test_ringbuf_write', {
        maps: { ringbuf: { maxEntries: 0x40000 } },
        globals: { pid: PID },
      });
      ringPages(test, 'ringbuf').setBigUint64(0, 0x30000n, true);
      test.call('getpgid');
      test.call('getpgid');
      expect(seen(test, ['discarded', 'passed'])).toEqual({ discarded: 2, passed: 0 });
    });

    it('ringbuf_multi: rings in maps of maps', async () => {
      const test = await start(engine, 'test_ringbuf_multi', {
        maps: {
          ringbuf1: { maxEntries: PAGE },
          ringbuf2: { maxEntries: PAGE },
          ringbuf_arr: { inner: PAGE },
          ringbuf_hash: { inner: PAGE },
        },
        globals: { pid: PID },
      });
      for (const [target, value] of [
        [0, 333n],
        [1, 555n],
        [2, 777n],
      ] as const) {
        test.globals.set('target_ring', target);
        test.globals.set('value', value);
        test.call('getpgid');
      }
      expect(drained(test, 'ringbuf1')).toEqual([{ pid: PID, seq: 0, value: 333 }]);
      expect(drained(test, 'ringbuf2')).toEqual([{ pid: PID, seq: 1, value: 777 }]);
      expect(seen(test, ['dropped', 'skipped', 'total'])).toEqual({
        dropped: 0,
        skipped: 1,
        total: 2,
      });
    });
  });

  describe('user_ringbuf', () => {
    const rings = () =>
      start(engine, 'user_ringbuf_success', {
        maps: { user_ringbuf: { maxEntries: PAGE }, kernel_ringbuf: { maxEntries: PAGE } },
        globals: { pid: PID },
      });
    const most = Math.floor(PAGE / (SAMPLE + HEADER));
    /** As write_samples: how many found room; what there is, is drained. */
    const write = ({ maps, call }: Started, count: number): number => {
      let written = 0;
      for (; written < count; written++) {
        const room = maps['user_ringbuf']!.kernelMap.reserve(SAMPLE);
        if (typeof room === 'number') break;
        room.bytes().set(userSample(written));
        room.submit();
      }
      call('getpgid');
      return written;
    };

    it('basic: two samples', async () => {
      const test = await rings();
      expect(write(test, 2)).toBe(2);
      expect(seen(test, ['read', 'err'])).toEqual({ read: 2, err: 2 });
    });

    it('a sample as large as the ring', async () => {
      const test = await rings();
      const room = test.maps['user_ringbuf']!.kernelMap.reserve(PAGE - HEADER);
      if (typeof room === 'number') throw new Error(`reserve: ${room}`);
      room.submit();
      expect(test.number('read')).toBe(0);
      test.call('getpgid');
      expect(test.number('read')).toBe(1);
    });

    it('lengths are rounded up', async () => {
      const test = await rings();
      const room = test.maps['user_ringbuf']!.kernelMap.reserve(SAMPLE + 1);
      if (typeof room === 'number') throw new Error(`reserve: ${room}`);
      room.submit();
      test.call('getpgid');
      expect(test.number('read')).toBe(1);
    });

    it('overfill: what has room is read', async () => {
      const test = await rings();
      expect(write(test, most * 5)).toBe(most);
      expect(test.number('read')).toBe(most);
    });

    it('discarded samples are skipped', async () => {
      const test = await rings();
      const { kernelMap } = test.maps['user_ringbuf']!;
      let discarded = 0;
      for (;;) {
        const room = kernelMap.reserve(8);
        if (typeof room === 'number') break;
        room.discard();
        discarded++;
      }
      expect(discarded).toBe(PAGE / 16);
      test.call('getpgid');
      expect(test.number('read')).toBe(0);
      expect(typeof kernelMap.reserve(8)).toBe('object');
    });

    it('loop: 8192 samples', async () => {
      const test = await rings();
      for (let left = 8192; left > 0; left -= most) {
        const now = Math.min(left, most);
        expect(write(test, now)).toBe(now);
        expect(test.number('read')).toBe(8192 - left + now);
      }
    });

    it.each([
      ['misaligned', 39, 39, -22],
      ['behind the sample', 32, 24, -22],
      ['larger than the ring', PAGE, PAGE, -7],
    ])('a producer that lies: %s', async (_, size, position, error) => {
      const test = await rings();
      const at = ringPages(test, 'user_ringbuf');
      at.setUint32(2 * PAGE, size, true);
      at.setUint32(2 * PAGE + 4, 0, true);
      at.setBigUint64(PAGE, BigInt(position + HEADER), true);
      test.call('getpgid');
      expect(seen(test, ['read', 'err'])).toEqual({ read: 0, err: error });
    });

    it('messages to and from the kernel', async () => {
      const test = await rings();
      const operations = [
        (n: bigint) => n + 4n,
        (n: bigint) => n + 2n,
        (n: bigint) => n * 4n,
        (n: bigint) => n * 2n,
      ];
      let expected = 0n;
      let user = 0n;
      for (let i = 0; i < 64; i++) {
        const op = i % 4;
        const message = new Uint8Array(16);
        const view = new DataView(message.buffer);
        view.setUint32(0, op, true);
        if (op === 0 || op === 2) view.setBigInt64(8, 4n, true);
        else view.setInt32(8, 2, true);
        test.maps['user_ringbuf']!.produce(message);
        expected = BigInt.asUintN(64, operations[op]!(expected));
        if (i % 8 !== 0) continue;
        test.call('prctl');
        expect(test.globals.get('kern_mutated')).toBe(expected);
        expect(test.number('err')).toBe(0);
        const records = test.maps['kernel_ringbuf']!.kernelMap.drain();
        expect(records).toHaveLength(8);
        for (const { data } of records) user = BigInt.asUintN(64, operations[data[0]!]!(user));
        test.globals.set('user_mutated', user);
      }
      expect(test.globals.get('expected_user_mutated')).toBe(user);
    });

    it('room again after the kernel has read', async () => {
      const test = await rings();
      const { kernelMap } = test.maps['user_ringbuf']!;
      let written = 0;
      for (let room = kernelMap.reserve(8); typeof room !== 'number'; room = kernelMap.reserve(8)) {
        room.submit();
        written++;
      }
      expect(kernelMap.reserve(8)).toBe(-28);
      test.call('prlimit64');
      expect(seen(test, ['read', 'err'])).toEqual({ read: written, err: 0 });
      expect(typeof kernelMap.reserve(8)).toBe('object');
    });
  });

  it('hash_large_key: a key that does not fit the stack', async () => {
    const test = await start(engine, 'test_hash_large_key');
    const { kernelMap } = test.maps['hash_map']!;
    const key = new Uint8Array(kernelMap.spec.keySize);
    test.call('bpf');
    expect(kernelMap.update(key, new Uint8Array(4))).toBe(0);
    key[key.length - 8] = 1;
    expect(test.maps['hash_map']!.get(key)).toBe(42);
  });

  it.each([
    ['percpu_hash', 1, 1],
    ['lru_percpu_hash', 2, 3],
  ] as const)('map_init: %s', async (type, maxEntries, key) => {
    const test = await start(engine, 'test_map_init', {
      maps: { hashmap1: { type, maxEntries } },
      attach: false,
    });
    const map = test.maps['hashmap1']!;
    const filled = Array<bigint>(CPUS).fill(0xdeadbeefn);
    for (let i = 1; i <= maxEntries; i++) map.set(BigInt(i), filled, 'noexist');
    if (maxEntries === 1) expect(map.delete(1n)).toBe(true);
    test.globals.set('inKey', BigInt(key));
    test.globals.set('inValue', 0x1234n);
    test.globals.set('inPid', PID);
    for (const program of Object.values(test.programs)) program.attach();
    test.call('getpgid');
    expect(map.get(BigInt(key))).toEqual([0x1234n, 0n]);
  });

  describe('lookup_and_delete', () => {
    const filled = async (type: string) => {
      const test = await start(engine, 'test_lookup_and_delete', {
        maps: { hash_map: { type, maxEntries: 2 } },
      });
      const map = test.maps['hash_map']!;
      const value = map.kernelMap.perCpu ? Array<bigint>(CPUS).fill(1234n) : 1234n;
      for (const key of [1n, 2n]) map.set(key, value, 'noexist');
      return { test, map };
    };
    const take = (map: Started['maps'][string], key: number) => {
      const out = new Uint8Array(map.kernelMap.userValueSize);
      expect(map.kernelMap.lookupAndDelete(u64(key), out)).toBe(0);
      return [...new BigUint64Array(out.buffer)];
    };

    it.each(['hash', 'percpu_hash'])('%s', async (type) => {
      const { map } = await filled(type);
      expect(new Set(take(map, 1))).toEqual(new Set([1234n]));
      expect(map.get(1n)).toBeUndefined();
    });

    it.each(['lru_hash', 'lru_percpu_hash'])('%s', async (type) => {
      const { test, map } = await filled(type);
      test.globals.set('set_pid', PID);
      test.globals.set('set_key', 3n);
      test.globals.set('set_value', 4321n);
      test.call('getpgid');
      const taken = take(map, 3);
      expect(taken).toEqual(type === 'lru_hash' ? [4321n] : [4321n, 0n]);
      expect(map.get(3n)).toBeUndefined();
      expect(map.get(1n)).toBeUndefined();
    });
  });

  it('map_ops: update, delete, push, peek, pop, for_each', async () => {
    const test = await start(engine, 'test_map_ops', { globals: { pid: PID } });
    const after = (...calls: string[]) =>
      calls.map((name) => {
        test.call(name);
        return test.number('err');
      });
    expect(after('getpid', 'getpid', 'getppid', 'getppid')).toEqual([0, -17, 0, -2]);
    expect(after('getuid', 'getuid')).toEqual([0, -7]);
    expect(after('getgid', 'geteuid', 'getgid', 'geteuid')).toEqual([0, 0, -2, -2]);
    expect(after('gettid', 'getpgid')).toEqual([1, -22]);
  });

  it('map_lookup_percpu_elem', async () => {
    const globals = { my_pid: BigInt(PID), nr_cpus: CPUS };
    const test = await start(engine, 'test_map_lookup_percpu_elem', { globals });
    const perCpu = Array.from({ length: CPUS }, (_, cpu) => BigInt(cpu));
    const maps = ['percpu_array_map', 'percpu_hash_map', 'percpu_lru_hash_map'];
    for (const name of maps) {
      const map = test.maps[name]!;
      map.set(map.spec.keySize === 4 ? 0 : 0n, perCpu);
    }
    test.call('getuid');
    const sums = seen(
      test,
      ['percpu_array', 'percpu_hash', 'percpu_lru_hash'].map((name) => `${name}_elem_sum`),
    );
    expect(new Set(Object.values(sums))).toEqual(new Set([1]));
  });

  it('inner_array_lookup', async () => {
    const test = await start(engine, 'inner_array_lookup');
    test.maps['inner_map1']!.set(3, 1);
    test.call('bpf');
    expect(test.maps['inner_map1']!.get(3)).toBe(2);
  });

  it('bloom_filter_map: all that was put in is found, also in a map of maps', async () => {
    const test = await start(engine, 'bloom_filter_map', { attach: false });
    const { map_random_data: random, map_bloom: bloom, outer_map: outer } = test.maps;
    const inner = (await test.host.load(test.loaded.object, { programs: [] })).maps['map_bloom']!;
    const none = new Uint8Array(0);
    let state = 1;
    for (let i = 0; i < random!.spec.maxEntries; i++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      random!.set(i, state);
      const value = new Uint8Array(Uint32Array.of(state).buffer);
      expect(bloom!.kernelMap.update(none, value)).toBe(0);
      expect(inner.kernelMap.update(none, value)).toBe(0);
    }
    expect(bloom!.kernelMap.update(none, new Uint8Array(4), 1)).toBe(-22);
    outer!.setObject(0, inner);
    for (const name of ['inner_map', 'check_bloom']) {
      using link = test.programs[name]!.attach();
      test.call('getpgid');
      expect(test.number('error'), name).toBe(0);
      expect(link.program.spec.name).toBe(name);
    }
    expect(outer!.delete(0)).toBe(true);
  });

  it.each(['normal_map_btf', 'map_in_map_btf'])('map_btf: %s', async (name) => {
    const test = await start(engine, name, { globals: { pid: PID } });
    test.call('nanosleep');
    expect(test.globals.get('done')).toBe(true);
    const outer = test.maps['outer_array'];
    if (outer) expect(outer.delete(0)).toBe(true);
    test.end();
    expect(test.host.kernel.liveObjects!()).toEqual([]);
  });

  it('mmap: a program and views see the same', async () => {
    const test = await start(engine, 'test_mmap', {
      maps: { rdonly_map: { maxEntries: PAGE }, data_map: { maxEntries: (4 * PAGE) / 8 } },
    });
    using view = test.maps['data_map']!.kernelMap.mmap({ write: true });
    const words = () => new BigUint64Array(view.bytes().buffer, view.bytes().byteOffset, 2048);
    words()[0] = 111n;
    test.globals.set('in_val', 123n);
    test.call('getpid');
    expect(test.globals.get('out_val')).toBe(123n);
    expect([...words().subarray(0, 3), words()[1500]]).toEqual([111n, 222n, 123n, 369n]);
    words()[0] = 222n;
    words()[1] = 0n;
    test.call('getpid');
    expect(words()[1]).toBe(444n);
  });

  describe('bpf_loop', () => {
    const loop = (program: string) =>
      start(engine, 'bpf_loop', { programs: [program], globals: { pid: PID } });

    it('as often as asked, and no more than the limit', async () => {
      const test = await loop('test_prog');
      for (const [loops, output] of [
        [0, 0],
        [500, (500 * 499) / 2],
      ] as const) {
        test.globals.set('nr_loops', loops);
        test.call('nanosleep');
        expect(seen(test, ['nr_loops_returned', 'g_output'])).toEqual({
          nr_loops_returned: loops,
          g_output: output,
        });
      }
      test.globals.set('nr_loops', 0xffffffff);
      test.call('nanosleep');
      expect(test.number('err')).toBe(-7);
    });

    it('a callback that stops it', async () => {
      const test = await loop('test_prog');
      test.globals.set('nr_loops', 400);
      test.globals.set('stop_index', 50);
      test.call('nanosleep');
      expect(seen(test, ['nr_loops_returned', 'g_output'])).toEqual({
        nr_loops_returned: 51,
        g_output: (50 * 49) / 2,
      });
    });

    it('no context, wrong flags', async () => {
      const none = await loop('prog_null_ctx');
      none.globals.set('nr_loops', 10);
      none.call('nanosleep');
      expect(none.number('nr_loops_returned')).toBe(10);
      const flags = await loop('prog_invalid_flags');
      flags.call('nanosleep');
      expect(flags.number('err')).toBe(-22);
    });

    it('in each other', async () => {
      const test = await loop('prog_nested_calls');
      test.globals.set('nr_loops', 100);
      test.globals.set('nested_callback_nr_loops', 4);
      test.call('nanosleep');
      expect(seen(test, ['nr_loops_returned', 'g_output'])).toEqual({
        nr_loops_returned: 100 * 4 * 4,
        g_output: 6 * 4 * 100,
      });
    });

    it('a callback chosen at run time', async () => {
      const test = await loop('prog_non_constant_callback');
      for (const selector of [0x0f, 0xf0]) {
        test.globals.set('callback_selector', selector);
        test.call('nanosleep');
        expect(test.number('g_output')).toBe(selector);
      }
    });

    it('the stack is as it was', async () => {
      const test = await loop('stack_check');
      const map = test.maps['map1']!;
      for (let key = 1; key <= 12; key++) map.set(key, key, 'noexist');
      test.call('nanosleep');
      for (let key = 1; key <= 12; key++) expect(map.get(key)).toBe(key + 1);
    });
  });

  it('dynptr: those at tracepoints', async () => {
    const names = [
      'test_read_write',
      'test_dynptr_data',
      'test_ringbuf',
      'test_adjust',
      'test_adjust_err',
      'test_zero_size_dynptr',
      'test_dynptr_is_null',
    ];
    for (const program of names) {
      const test = await start(engine, 'dynptr_success', {
        programs: [program],
        globals: { pid: PID },
        machine: { profile: true },
      });
      test.call('nanosleep');
      expect(insnsRun(test, program), program).toBeGreaterThan(20);
      expect(test.number('err'), program).toBe(0);
    }
  });

  it('map_in_map: the map inside is found and written', async () => {
    const inner = { type: 'hash', maxEntries: 2 };
    const test = await start(engine, 'test_map_in_map', {
      maps: { mim_array: { template: inner }, mim_hash: { template: inner } },
      attach: false,
    });
    const data = new Uint8Array(64);
    expect(test.programs['xdp_mimtest0']!.run({ data }).verdict).toBe('drop');
    const outers = [test.maps['mim_array']!, test.maps['mim_hash']!];
    const made = outers.map((outer, i) => {
      const spec = { ...outer.spec.inner!, name: `inner${i}` };
      const map = test.host.kernel.createMap(spec);
      expect(outer.kernelMap.setObject(new Uint8Array(4), map)).toBe(0);
      return map;
    });
    expect(test.programs['xdp_mimtest0']!.run({ data }).verdict).toBe('pass');
    for (const map of made) {
      const out = new Uint8Array(4);
      expect([map.lookup(new Uint8Array(4), out), out[0]]).toEqual([0, 123]);
    }
  });

  it.each(['access_map_in_array', 'access_map_in_htab'])('access_map_in_map: %s', async (name) => {
    const test = await start(engine, 'access_map_in_map', {
      programs: [name],
      globals: { tgid: PID },
    });
    const outer = test.maps[name === 'access_map_in_array' ? 'outer_array_map' : 'outer_htab_map']!;
    test.call('getpgid');
    expect(test.maps['inner_map']!.get(0)).toBe(0xdeadbeef);
    const other = test.host.kernel.createMap(test.maps['inner_map']!.spec);
    expect(outer.kernelMap.setObject(new Uint8Array(4), other)).toBe(0);
    test.call('getpgid');
    const out = new Uint8Array(4);
    expect([other.lookup(new Uint8Array(4), out), ...out]).toEqual([0, 0xef, 0xbe, 0xad, 0xde]);
  });

  it('test_map_lock: values under a lock are whole', async () => {
    const test = await start(engine, 'test_map_lock', { attach: false });
    const { hash_map: hash, array_map: array } = test.maps;
    hash!.kernelMap.update(new Uint8Array(4), new Uint8Array(hash!.spec.valueSize));
    const data = new Uint8Array(64);
    data[12] = 8;
    for (let i = 0; i < 100; i++) {
      expect(test.programs['bpf_map_lock_test']!.run({ data }).returnValue).toBe(0);
    }
    const BPF_F_LOCK = 4;
    for (const { kernelMap, spec } of [hash!, array!]) {
      const out = new Uint8Array(kernelMap.userValueSize);
      expect((kernelMap as MachineMap).runtimeMap.lookup(new Uint8Array(4), out, BPF_F_LOCK)).toBe(
        0,
      );
      // A lock, and 16 equal numbers.
      const equal = [...new Uint32Array(out.buffer, 0, 17)].slice(1);
      expect(new Set(equal).size, spec.name).toBe(1);
    }
  });

  it('test_map_in_map_invalid: a map of maps without room', async () => {
    // libbpf gives up the whole object.
    const { loaded } = await start(engine, 'test_map_in_map_invalid', { attach: false });
    expect(loaded.maps['mim']).toBeUndefined();
    expect(loaded.refused.get('mim')?.message).toContain('max_entries cannot be 0');
  });

  it('get_cgroup_id', async () => {
    const test = await start(engine, 'get_cgroup_id_kern', {
      globals: { expected_pid: BigInt(PID) },
      cgroup: 'new',
    });
    test.call('nanosleep');
    expect(test.number('cg_id')).toBe(Number((test.task.cgroup as KernelCgroup).id));
  });
});
