import { describe, expect, it } from 'vitest';
import { createMachine, type EngineName } from '../../src/index.ts';
import { type MapSpec, parseObject } from '../../src/object/index.ts';
import { fixture } from '../fixtures/read.ts';

const engines: readonly EngineName[] = ['interpreter', 'wasm'];
const PACKET = { data: new Uint8Array(64) };
const bytes = fixture('pinned.bpf.o');
const PIN = '/sys/fs/bpf/shared';

/** The object with its pinned map defined otherwise. */
function withShared(change: Partial<MapSpec>) {
  const object = parseObject(bytes);
  const maps = object.maps.map((map) => (map.name === 'shared' ? { ...map, ...change } : map));
  return { ...object, maps };
}

describe.each(engines)('maps that are there already (%s)', (engine) => {
  it('pinned by name, a second object finds the map of the first', async () => {
    using host = await createMachine({ engine });
    const first = await host.load(bytes);
    first.programs['count']!.run(PACKET);
    const second = await host.load(bytes);
    second.programs['count']!.run(PACKET);
    expect(second.maps['shared']!.get(0)).toBe(2n);
    expect(second.maps['shared']!.kernelMap).toBe(host.kernel.pinnedMap(PIN));
    expect(second.maps['own']!.get(0)).toBe(1n);
  });

  it('the pin keeps the map when its object goes', async () => {
    using host = await createMachine({ engine });
    {
      using first = await host.load(bytes);
      first.programs['count']!.run(PACKET);
    }
    using second = await host.load(bytes);
    second.programs['count']!.run(PACKET);
    expect(second.maps['shared']!.get(0)).toBe(2n);
  });

  it('without the pin the next one makes its own', async () => {
    using host = await createMachine({ engine });
    const first = await host.load(bytes);
    first.programs['count']!.run(PACKET);
    host.kernel.unpin(PIN);
    expect(() => host.kernel.unpin(PIN)).toThrow(/nothing is at .* \(ENOENT\)/);
    const second = await host.load(bytes);
    expect(second.maps['shared']!.get(0)).toBe(0n);
  });

  it('a load that fails leaves no pin', async () => {
    using host = await createMachine({ engine });
    await expect(host.load(bytes, { programs: ['nothing'] })).rejects.toThrow(/no program/);
    expect(host.kernel.pinnedMap(PIN)).toBeUndefined();
  });

  it('another folder holds other pins', async () => {
    using host = await createMachine({ engine });
    await host.load(bytes, { pinRoot: '/sys/fs/bpf/a' });
    expect(host.kernel.pinnedMap(PIN)).toBeUndefined();
    expect(host.kernel.pinnedMap('/sys/fs/bpf/a/shared')).toBeDefined();
  });

  it.each<[Partial<MapSpec>, RegExp]>([
    [{ maxEntries: 8 }, /maxEntries 8, not 4/],
    [{ valueSize: 16 }, /valueSize 16, not 8/],
    [{ flags: 0x400 }, /flags 1024, not 0/],
    [{ extra: 3n }, /extra 3, not 0/],
    [{ type: 'hash', typeId: 1 }, /type hash, not array/],
  ])('%o is another map: EINVAL', async (change, message) => {
    using host = await createMachine({ engine });
    await host.load(bytes);
    const load = host.load(withShared(change));
    await expect(load).rejects.toThrow(/couldn't reuse pinned map at '\/sys\/fs\/bpf\/shared'/);
    await expect(host.load(withShared(change))).rejects.toThrow(message);
  });

  it('given by name, they are used instead of those of the object, and stay', async () => {
    using host = await createMachine({ engine });
    const first = await host.load(bytes);
    {
      using second = await host.load(bytes, { maps: { own: first.maps['own']! } });
      second.programs['count']!.run(PACKET);
    }
    first.programs['count']!.run(PACKET);
    expect(first.maps['own']!.get(0)).toBe(2n);
  });

  it('a map of no such name, of another kind, of another machine is refused', async () => {
    using host = await createMachine({ engine });
    using other = await createMachine({ engine });
    const { maps } = await host.load(bytes);
    const own = maps['own']!;
    await expect(host.load(bytes, { maps: { nothing: own } })).rejects.toThrow(/has no map/);
    await expect(host.load(bytes, { maps: { '.bss': own } })).rejects.toThrow(/has no map '\.bss'/);
    await expect(host.load(bytes, { maps: { '.data': own } })).rejects.toThrow(
      /couldn't reuse map '\.data': parameter mismatch: maxEntries 1, not 4/,
    );
    const foreign = other.load(bytes, { maps: { own }, programs: ['count'] });
    await expect(foreign).rejects.toThrow(/map 'own' is one of another machine \(EBADF\)/);
  });
});

describe.each(engines)('loading (%s)', (engine) => {
  it('leaves out programs whose section starts with ?, unless they are asked for', async () => {
    using host = await createMachine({ engine });
    const { programs } = await host.load(bytes);
    expect(Object.keys(programs)).toEqual(['count']);
    const { programs: asked } = await host.load(bytes, { programs: ['unwanted'] });
    expect(asked['unwanted']!.run(PACKET).verdict).toBe('drop');
  });

  it('leaves out struct_ops tables of a section that starts with ?, and their programs', async () => {
    using host = await createMachine({ engine });
    const { refused, maps, programs } = await host.load(bytes);
    expect(refused.size).toBe(0);
    expect(maps['table']).toBeUndefined();
    expect(programs['made_up_init']).toBeUndefined();
  });

  it('says of tables no kernel has what they are, and loads the rest', async () => {
    using host = await createMachine({ engine });
    const object = parseObject(bytes);
    const table = object.maps.find(({ name }) => name === 'table')!;
    const { autocreate: _, ...required } = table;
    const specs = object.maps.map((map) => (map === table ? required : map));
    const { refused, programs } = await host.load({ ...object, maps: specs });
    expect([...refused.keys()]).toEqual(['table', 'made_up_init']);
    expect(refused.get('table')!.message).toBe(
      "map 'table' (struct_ops): the kernel has no such table of functions (ENOTSUPP)",
    );
    expect(refused.get('made_up_init')!.message).toMatch(/this machine cannot run type struct_ops/);
    expect(Object.keys(programs)).toEqual(['count']);
  });

  it('sets globals before, reads and writes them after, constants only before', async () => {
    using host = await createMachine({ engine });
    const { programs, globals } = await host.load(bytes, { globals: { step: 5n } });
    programs['count']!.run(PACKET);
    expect(globals.get('runs')).toBe(15n);
    globals.set('runs', 100n);
    programs['count']!.run(PACKET);
    expect(globals.get('runs')).toBe(105n);
    expect(globals.get('step')).toBe(5n);
    expect(() => globals.set('step', 6n)).toThrow(/constant/);
  });
});
