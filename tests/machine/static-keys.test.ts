import { expect, describe, test } from 'vitest';
import { loadKernelProfile } from '../../src/abi/index.ts';
import { createMachine, type MachineOptions } from '../../src/index.ts';
import { assemble, decodeCode, encodeCode } from '../../src/isa/index.ts';
import { linkObjects, type ObjectFile, parseObject } from '../../src/object/index.ts';
import { verifierInput, verify } from '../../src/verifier/index.ts';
import { fixture } from '../fixtures/read.ts';

const object = parseObject(fixture('static-keys.bpf.o'));
const data = new Uint8Array(64);
const u32 = (value: number): Uint8Array => Uint8Array.of(value & 255, value >> 8, 0, 0);

async function start(source: ObjectFile, options: MachineOptions = {}, programs?: string[]) {
  const host = await createMachine(options);
  const loaded = await host.load(source, programs ? { programs } : {});
  const run = (name: string): number => loaded.programs[name]!.run({ data }).returnValue;
  const map = (name: string) => loaded.maps[name]!.kernelMap;
  return { host, loaded, run, map };
}

const setups: [string, MachineOptions, string][] = [
  ['wasm', {}, 'static-keys.bpf.o'],
  ['wasm, v4', {}, 'static-keys-v4.bpf.o'],
  ['wasm, unverified', { verify: false }, 'static-keys.bpf.o'],
  ['interpreter', { engine: 'interpreter' }, 'static-keys.bpf.o'],
  ['interpreter, v4', { engine: 'interpreter', profile: true }, 'static-keys-v4.bpf.o'],
];

describe.each(setups)('static keys on %s', (_, options, file) => {
  const from = parseObject(fixture(file));

  test('one key, both kinds of branches, several programs', async () => {
    const { loaded, run } = await start(from, options);
    const key = loaded.key('key1');
    for (const round of [0, 1]) {
      expect([key.enabled, run('one_key'), run('inverse'), run('tail_call')]).toEqual([
        false,
        4,
        4,
        4,
      ]);
      key.enable();
      expect([key.enabled, run('one_key'), run('inverse'), run('tail_call')]).toEqual([
        true,
        3,
        3,
        3,
      ]);
      key.disable();
      expect(loaded.globals.get('runs')).toBe(3 * (round + 1));
    }
  });

  test('updates of the map, whatever number is written', async () => {
    const { map, run, loaded } = await start(from, options);
    for (let i = 0; i < 8; i++) {
      expect(map('key1').update(u32(0), u32(i & 1))).toBe(0);
      expect(map('key2').update(u32(0), u32(i & 2))).toBe(0);
      expect(map('key3').update(u32(0), u32((i & 4) << 6))).toBe(0);
      expect(run('many_keys')).toBe(i);
    }
    expect(loaded.key('key3').enabled).toBe(true);
    expect(map('key1').update(u32(1), u32(0))).toBe(-7);
    expect(map('key1').update(u32(0), u32(0), 1)).toBe(-17);
    expect(map('key1').delete(u32(0))).toBe(-22);
    expect(run('many_keys')).toBe(7);
    const batch = { keys: u32(0), values: u32(0), count: 1 };
    expect([map('key1').batch('update', batch), run('many_keys')]).toEqual([-524, 7]);
    expect(() => map('key1').mmap({ write: true })).toThrow();
    map('key1').freeze();
    expect(() => loaded.key('key1').disable()).toThrow(/EPERM/);
    expect(run('many_keys')).toBe(7);
  });

  test('in functions, loops and callbacks', async () => {
    const { loaded, run } = await start(from, options);
    const results: number[][] = [];
    for (const [one, two] of [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ]) {
      if (one) loaded.key('key1').enable();
      else loaded.key('key1').disable();
      if (two) loaded.key('key2').enable();
      else loaded.key('key2').disable();
      results.push([run('functions'), run('loop'), run('callback')]);
    }
    expect(results).toEqual([
      [0, 50, 5],
      [101, 550, 55],
      [1010, 50, 5],
      [1111, 550, 55],
    ]);
  });

  test('a run that goes on when the key is switched finishes as it began', async () => {
    const seen: string[] = [];
    let switchKey = () => {};
    const onTrace = (line: string) => {
      seen.push(line);
      switchKey();
    };
    const { loaded, run } = await start(from, { ...options, onTrace });
    const key = loaded.key('key1');
    switchKey = () => (key.enabled ? key.disable() : key.enable());
    expect(run('switched_inside')).toBe(0);
    expect(key.enabled).toBe(true);
    expect(run('switched_inside')).toBe(2);
    expect(run('switched_inside')).toBe(0);
    expect(seen).toHaveLength(3);
  });

  test('more states than are kept', async () => {
    const { loaded, run } = await start(from, options, ['bits']);
    for (let round = 0; round < 2; round++) {
      for (let state = 0; state < 128; state++) {
        const gray = state ^ (state >> 1);
        for (let bit = 0; bit < 7; bit++) {
          const key = loaded.key(`bit${bit}`);
          const on = ((gray >> bit) & 1) === 1;
          if (key.enabled !== on) key[on ? 'enable' : 'disable']();
        }
        expect(run('bits')).toBe(gray);
      }
    }
  });
});

test('instructions are counted over all generations', async () => {
  const { loaded, run, host } = await start(object, { profile: true });
  for (let i = 0; i < 3; i++) run('one_key');
  loaded.key('key1').enable();
  for (let i = 0; i < 4; i++) run('one_key');
  const machine = host.kernel as unknown as {
    programs: Set<{ spec: { name: string }; code: { counts(): Float64Array } }>;
  };
  const program = [...machine.programs].find(({ spec }) => spec.name === 'one_key')!;
  const counts = program.code.counts();
  const [branch] = object.programs[0]!.staticBranches!;
  expect([counts[0], counts[branch!.insn + 1]]).toEqual([7, 3]);
});

test('two objects share a key; closed programs leave it', async () => {
  const { host, loaded, run } = await start(object);
  const other = await host.load(object, { maps: { key1: loaded.maps['key1']! } });
  loaded.key('key1').enable();
  expect(other.programs['one_key']!.run({ data }).returnValue).toBe(3);
  other[Symbol.dispose]();
  loaded.key('key1').disable();
  expect(run('one_key')).toBe(4);
});

test('programs loaded while a key is on start with it on', async () => {
  const { host, loaded } = await start(object);
  loaded.key('key1').enable();
  const other = await host.load(object, { maps: { key1: loaded.maps['key1']! } });
  expect(other.programs['inverse']!.run({ data }).returnValue).toBe(3);
});

describe('what is refused', () => {
  test.each([{}, { verify: false }])('keys as maps, maps as keys (%o)', async (options) => {
    await expect(start(object, options, ['key_as_map'])).rejects.toThrow(/cannot be used as a map/);
    await expect(start(object, options, ['map_as_key'])).rejects.toThrow(/is no static key/);
    const { loaded } = await start(object, options);
    expect(() => loaded.key('plain')).toThrow(/EINVAL/);
    expect(() => loaded.key('nothing')).toThrow(/ENOENT/);
  });

  test('what is wrong only while the key is on, or only while it is off', async () => {
    await expect(start(object, {}, ['wrong_when_on'])).rejects.toThrow(/outside of the packet/);
    await expect(start(object, {}, ['wrong_when_off'])).rejects.toThrow(/outside of the packet/);
  });

  test('keys of other shapes, and keys in other maps', async () => {
    using host = await createMachine();
    const key = object.maps.find(({ name }) => name === 'key1')!;
    const { kernel } = host;
    kernel.createMap(key);
    for (const change of [{ keySize: 8 }, { valueSize: 8 }, { maxEntries: 2 }, { flags: 1 }]) {
      expect(() => kernel.createMap({ ...key, ...change })).toThrow(/EINVAL|E2BIG/);
    }
    const outer = { ...key, typeId: 12, type: 'array_of_maps', valueSize: 4 };
    expect(() => kernel.createMap(outer, kernel.createMap(key))).toThrow(/EINVAL/);
  });

  /* As in the series: r0 = 0; goto +0 <1>; 1: exit; 2: r0 = 1; goto 1 */
  const good = { insn: 1, target: 3, key: 'key1', inverse: false };
  const changes: [string, object, ((code: ReturnType<typeof decodeCode>) => void)?][] = [
    ['no jump', { insn: 0 }],
    ['a place inside of instructions', { insn: 0.5 }],
    ['a place outside', { insn: 8 }],
    ['a place before', { insn: -1 }],
    ['a target outside', { target: 8 }],
    ['a target before', { target: -1 }],
    ['a key that is a map', { key: 'plain' }],
    ['inverse without its jump', { inverse: true }],
    ['a jump that is there', {}, (code) => void (code.off[1] = 1)],
    ['another jump', { inverse: true }, (code) => void (code.off[1] = 2)],
    ['a register', {}, (code) => void (code.dst[1] = 1)],
    ['both distances', { inverse: true }, (code) => void ((code.off[1] = 1), (code.imm[1] = 1))],
  ];

  async function load(branches: readonly object[], verified: boolean, change = changes[0]![2]) {
    const [program] = object.programs;
    const { code } = assemble('r0 = 0\ngoto +0\nexit\nr0 = 1\ngoto -3');
    change?.(code);
    const staticBranches = branches as (typeof good)[];
    const rest = { relocations: [], lines: [], functions: [], described: false };
    const spec = { ...program!, ...rest, insns: encodeCode(code), staticBranches };
    using host = await createMachine({ verify: verified });
    const loaded = await host.load({ ...object, programs: [spec] }, { programs: [spec.name] });
    const run = () => loaded.programs[spec.name]!.run({ data }).returnValue;
    const off = run();
    loaded.key('key1').enable();
    return [off, run()];
  }

  test.each([true, false])('bad tables give EINVAL (verified: %s)', async (verified) => {
    expect(await load([good], verified)).toEqual([0, 1]);
    const jumps = (code: ReturnType<typeof decodeCode>) => void (code.off[1] = 1);
    expect(await load([{ ...good, inverse: true }], verified, jumps)).toEqual([1, 0]);
    for (const [what, branch, change] of changes) {
      await expect(load([{ ...good, ...branch }], verified, change), what).rejects.toThrow(
        /EINVAL/,
      );
    }
    await expect(load([good, good], verified), 'twice').rejects.toThrow(/EINVAL/);
  });
});

describe('the verifier', () => {
  const program = (name: string) => object.programs.find((one) => one.name === name)!;

  test('walks both ways, and says where', async () => {
    const profile = await loadKernelProfile();
    const input = verifierInput(object, program('inverse'), profile);
    const { ok, log } = verify(input, profile, { logLevel: 2 });
    expect(ok).toBe(true);
    expect(log).toMatch(/0: \(05\) goto pc\+7 *; static branch of 'key1'/);
    expect(log).toContain('from 0 to 8');
  });

  test('refuses them where everything must be portable', async () => {
    const profile = await loadKernelProfile();
    const input = verifierInput(object, program('one_key'), profile);
    const { ok, reason } = verify(input, profile, { portable: true });
    expect([ok, reason?.text]).toEqual([false, expect.stringContaining('static_key')]);
  });

  test('keeps the branches where the rewritten program has them', async () => {
    const profile = await loadKernelProfile();
    const input = verifierInput(object, program('functions'), profile);
    const { xlated } = verify(input, profile, { xlated: true });
    const code = decodeCode(xlated!.insns);
    expect(xlated!.staticBranches).toHaveLength(4);
    for (const { insn, target, inverse } of xlated!.staticBranches) {
      expect([code.op[insn], code.off[insn]]).toEqual([5, inverse ? target - insn - 1 : 0]);
    }
  });
});

test('linked objects: code and table move together', async () => {
  const inputs = ['static-keys.bpf.o', 'link/static-keys.bpf.o'].map((name) => ({
    name,
    bytes: fixture(name),
  }));
  const linked = parseObject(linkObjects(inputs));
  const { loaded, run } = await start(linked);
  const results = [run('linked'), run('functions')];
  loaded.key('own').enable();
  results.push(run('linked'), run('functions'));
  loaded.key('key1').enable();
  results.push(run('linked'), run('functions'));
  expect(results).toEqual([21, 0, 42, 0, 142, 101]);
  expect(run('one_key')).toBe(3);
});
