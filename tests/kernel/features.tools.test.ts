import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/index.ts';
import { selftest, selftests } from './selftests.ts';

/** An IPv4 TCP segment, as the kernel's prog_tests hand it to programs (pkt_v4). */
const PACKET = new Uint8Array(54);
PACKET.set([8, 0, 0x45, 0, 0, 40], 12);
PACKET.set([64, 6], 22);
PACKET.set([127, 0, 0, 1, 127, 0, 0, 1], 26);

/** Programs of dynptr_success that need no tracing. */
const DYNPTRS = [
  'test_skb_readonly',
  'test_dynptr_skb_data',
  'test_dynptr_skb_no_buff',
  'test_dynptr_skb_strcmp',
  'test_dynptr_is_rdonly',
  'test_dynptr_clone',
];

const total = (count: number) => (BigInt(count) * BigInt(count + 1)) / 2n;

describe.skipIf(!selftests).each(['wasm', 'interpreter'] as const)('on %s', (engine) => {
  const start = async (name: string, programs: readonly string[] = []) => {
    const host = await createMachine({ engine, cpus: 2 });
    const loaded = await host.load(selftest(name), programs.length > 0 ? { programs } : undefined);
    const run = (program: string) => loaded.programs[program]!.run({ data: PACKET }).returnValue;
    return { ...loaded, maps: loaded.maps, globals: loaded.globals, run };
  };

  it.each(DYNPTRS)('dynptr_success: %s', async (program) => {
    const { run, globals } = await start('dynptr_success', [program]);
    run(program);
    expect(globals.get('err')).toBe(0);
  });

  it('for_each_hash_map_elem', async () => {
    const { run, globals, maps } = await start('for_each_hash_map_elem');
    const { hashmap, percpu_map: perCpu } = maps;
    const count = hashmap!.spec.maxEntries;
    for (let key = 0; key < count; key++) hashmap!.set(key, BigInt(key + 1));
    perCpu!.set(1, [1n, 2n]);
    expect(run('test_pkt_access')).toBe(0);
    const wanted = {
      hashmap_output: 4,
      hashmap_elems: count,
      percpu_called: 1,
      percpu_map_elems: 1,
      percpu_key: 1,
      percpu_val: 1n,
      percpu_output: 100,
    };
    const seen = Object.keys(wanted).map((name) => [name, globals.get(name)]);
    expect(Object.fromEntries(seen)).toEqual(wanted);
    expect(hashmap!.get(1)).toBeUndefined();
  });

  it('for_each_array_map_elem', async () => {
    const { run, globals, maps } = await start('for_each_array_map_elem');
    const { arraymap, percpu_map: perCpu } = maps;
    const count = arraymap!.spec.maxEntries;
    for (let key = 0; key < count; key++) arraymap!.set(key, BigInt(key + 1));
    perCpu!.set(0, [1n, 2n]);
    expect(run('test_pkt_access')).toBe(0);
    // The callback stops before it adds the last one.
    expect(globals.get('arraymap_output')).toBe(Number(total(count - 1)));
    expect(globals.get('percpu_val')).toBe(1n);
  });

  it.each([
    ['the array', 1],
    ['the hash', 0],
  ])('for_each_multi_maps: %s', async (_, useArray) => {
    const { run, globals, maps } = await start('for_each_multi_maps');
    for (const map of [maps['arraymap']!, maps['hashmap']!]) {
      for (let key = 0; key < map.spec.maxEntries; key++)
        map.set(key + (map === maps['hashmap'] ? 100 : 0), BigInt(key + 1));
    }
    globals.set('use_array', useArray);
    expect(run('test_pkt_access')).toBe(0);
    const { spec } = maps[useArray ? 'arraymap' : 'hashmap']!;
    expect(globals.get('data_output')).toBe(Number(total(spec.maxEntries)));
  });

  it('test_spin_lock: as often as one likes', async () => {
    const { run } = await start('test_spin_lock');
    for (let i = 0; i < 1000; i++) expect(run('bpf_spin_lock_test')).toBe(0);
    for (const name of ['lock_static_subprog_call', 'lock_static_subprog_lock']) run(name);
  });
});
