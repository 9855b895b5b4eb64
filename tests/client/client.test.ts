import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress, MapOf, parseAddress, parsePrefix } from '../../src/client/index.ts';
import { createMachine, type EngineName } from '../../src/index.ts';
import { netObject, packet } from '../machine/helpers.ts';

const engines: readonly EngineName[] = ['interpreter', 'wasm'];

describe.each(engines)('loading (%s)', (engine) => {
  it('reads ring buffers, decoded by a type of the object', async () => {
    using host = await createMachine({ engine });
    const { programs, maps } = await host.load(netObject(), { programs: ['sampled'] });
    programs.sampled!.run({ data: packet(60, 9, 8, 7, 6) });
    programs.sampled!.run({ data: packet(61) });
    const records = maps.samples!.drain('struct sample');
    expect(records.map(({ value }) => value)).toEqual([
      { time: 0n, length: 60, first_bytes: [9, 8, 7, 6] },
      { time: 0n, length: 61, first_bytes: [0, 1, 2, 3] },
    ]);
    expect(maps.samples!.drain()).toEqual([]);
    expect(() => maps.samples!.drain('nothing')).toThrow(/ENOENT/);
  });

  it('gives records as they come, until told to stop', async () => {
    using host = await createMachine({ engine });
    const { programs, maps } = await host.load(netObject(), { programs: ['sampled'] });
    const stop = new AbortController();
    const lengths: number[] = [];
    programs.sampled!.run({ data: packet(20) });
    setTimeout(() => programs.sampled!.run({ data: packet(30) }), 10);
    for await (const { data } of maps.samples!.records({ signal: stop.signal })) {
      lengths.push(new DataView(data.buffer).getUint32(8, true));
      if (lengths.length === 2) stop.abort();
    }
    expect(lengths).toEqual([20, 30]);
  });

  it('reads perf events with the packet bytes behind them', async () => {
    using host = await createMachine({ engine, cpus: 2 });
    const { programs, maps } = await host.load(netObject(), { programs: ['perf'] });
    programs.perf!.run({ data: packet(60, 1, 2, 3, 4) });
    const [record] = maps.events!.drain();
    expect(record!.cpu).toBe(0);
    expect([...record!.data.subarray(0, 8)]).toEqual([7, 0, 0, 0, 1, 2, 3, 4]);
    expect(maps.events!.drain()).toEqual([]);
  });

  it('hands over what programs print', async () => {
    const lines: string[] = [];
    using host = await createMachine({ engine, onTrace: (line) => lines.push(line) });
    const { programs } = await host.load(netObject(), { programs: ['perf'] });
    programs.perf!.run({ data: packet(77) });
    expect(lines).toEqual(['length 77']);
  });

  it('fills prog_arrays and maps of maps as the object says', async () => {
    using host = await createMachine({ engine });
    const { programs, maps } = await host.load(netObject(), { programs: ['first', 'nested'] });
    expect(Object.keys(programs)).toEqual(['second', 'first', 'nested']);
    expect(programs.first!.run({ data: packet(60) }).verdict).toBe('tx');
    for (const size of [60, 61, 60]) programs.nested!.run({ data: packet(size) });
    expect(new Map(maps.inner!)).toEqual(
      new Map([
        [60, 2n],
        [61, 1n],
      ]),
    );
    maps.calls!.delete(1);
    expect(programs.first!.run({ data: packet(60) }).verdict).toBe('drop');
    maps.calls!.setObject(1, programs.nested!);
    expect(programs.first!.run({ data: packet(60) }).verdict).toBe('pass');
  });

  it('says which program or map does not exist', async () => {
    using host = await createMachine({ engine });
    await expect(host.load(netObject(), { programs: ['nope'] })).rejects.toThrow(/ENOENT/);
    await expect(host.load(new Uint8Array(3))).rejects.toThrow(/ELF/);
    await expect(host.load('tests/fixtures/counter.bpfeb.o')).rejects.toThrow(/big endian/);
  });
});

describe('maps', () => {
  const load = async (options = {}) => {
    const host = await createMachine({ engine: 'interpreter', ...options });
    return host.load(netObject(), { programs: ['by_length'] });
  };

  it('behave as JavaScript maps', async () => {
    const { maps } = await load();
    const hash = maps.inner!;
    expect(hash.size).toBe(0);
    hash.set(1, 10n).set(2, 20);
    expect(hash.get(1)).toBe(10n);
    expect(hash.has(3)).toBe(false);
    expect(hash.get(3)).toBeUndefined();
    expect([...hash.keys()].sort()).toEqual([1, 2]);
    expect(hash.delete(1)).toBe(true);
    expect(hash.delete(1)).toBe(false);
    expect([...hash]).toEqual([[2, 20n]]);
    hash.clear();
    expect(hash.size).toBe(0);
  });

  it("fail with the kernel's codes", async () => {
    const { maps } = await load();
    expect(() => maps.inner!.set(1, 1, 'exist')).toThrow(/ENOENT/);
    maps.inner!.set(1, 1);
    expect(() => maps.inner!.set(1, 1, 'noexist')).toThrow(/EEXIST/);
    for (let i = 2; i <= 8; i++) maps.inner!.set(i, i);
    expect(() => maps.inner!.set(9, 9)).toThrow(/E2BIG/);
    expect(() => maps.counts!.set(4, 1)).toThrow(/E2BIG/);
    expect(() => maps.counts!.delete(0)).toThrow(/EINVAL/);
    expect(() => maps.counts!.set(0, 1n << 64n)).toThrow(/does not fit/);
    expect(() => maps['.rodata']!.set(0, { least_length: 1 })).toThrow(/EPERM/);
  });

  it('have a value per CPU where the type says so', async () => {
    const { maps } = await load({ cpus: 3 });
    expect(maps.per_cpu!.get(0)).toEqual([0n, 0n, 0n]);
    maps.per_cpu!.set(0, [1n, 2n, 3n]);
    expect(maps.per_cpu!.get(0)).toEqual([1n, 2n, 3n]);
    maps.per_cpu!.set(0, 7n);
    expect(maps.per_cpu!.get(0)).toEqual([7n, 7n, 7n]);
  });

  it('take bytes where the object says no type', async () => {
    const { maps } = await load();
    const spec = { ...maps.inner!.spec, keyTypeId: 0, valueTypeId: 0 };
    const kernelMap = new Proxy(maps.inner!.kernelMap, {
      get(target, key) {
        if (key === 'spec') return spec;
        const member: unknown = Reflect.get(target, key, target);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
    const plain = new MapOf(kernelMap, undefined, 1);
    plain.set(5, 6);
    expect(plain.get(Uint8Array.of(5, 0, 0, 0))).toBe(6n);
    expect(() => plain.set(Uint8Array.of(5), 6)).toThrow(/1 bytes given for 4/);
  });
});

describe('addresses', () => {
  const ipv6 = fc.array(fc.constantFrom(0, 0, 0, 1, 0xab, 255), { minLength: 16, maxLength: 16 });

  it('go to text and back', () => {
    fc.assert(
      fc.property(ipv6, (bytes) => {
        expect([...parseAddress(formatAddress(bytes), 16)!]).toEqual(bytes);
      }),
    );
  });

  it.each([
    ['::', '::'],
    ['::1', '::1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['10.0.0.1', '10.0.0.1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ])('%s is written %s', (text, written) => {
    expect(formatAddress(parseAddress(text, 16)!)).toBe(written);
  });

  it.each(['', ':', ':::', '1::2::3', '10.0.0', '10.0.0.256', '1:2:3:4:5:6:7:8:9', '12345::', 'x'])(
    "'%s' is none",
    (text) => {
      expect(parseAddress(text, 16)).toBeUndefined();
    },
  );

  it('make keys of prefixes', () => {
    expect([...parsePrefix('10.0.0.0/8', 8, true)!]).toEqual([8, 0, 0, 0, 10, 0, 0, 0]);
    expect([...parsePrefix('10.0.0.1', 8, false)!]).toEqual([0, 0, 0, 32, 10, 0, 0, 1]);
    expect(parsePrefix('10.0.0.0/8', 20, true)![0]).toBe(104);
    expect(parsePrefix('fe80::/10', 20, true)!.subarray(0, 6)).toEqual(
      Uint8Array.of(10, 0, 0, 0, 0xfe, 0x80),
    );
    expect(parsePrefix('10.0.0.0/33', 8, true)).toBeUndefined();
    expect(parsePrefix('fe80::/10', 8, true)).toBeUndefined();
  });
});
