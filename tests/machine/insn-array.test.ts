import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  createMachine,
  type LoadedObject,
  type LoadOptions,
  parseObject,
} from '../../src/index.ts';
import type { MachineOptions } from '../../src/machine/index.ts';
import { verifierInput, verify } from '../../src/verifier/index.ts';
import { loadKernelProfile } from '../../src/abi/index.ts';
import { decodeCode, kernelText } from '../../src/isa/index.ts';

const object = parseObject(
  new Uint8Array(readFileSync(new URL('./programs/insns.bpf.o', import.meta.url))),
);
const trace = object.programs.find(({ name }) => name === 'trace')!;
const quiet = object.programs.find(({ name }) => name === 'quiet')!;

async function entries(options: LoadOptions, machine: MachineOptions = {}, name = 'places') {
  const host = await createMachine(machine);
  const { maps } = await host.load(object, options);
  const map = maps[name]!;
  return Array.from({ length: map.spec.maxEntries }, (_, i) => map.get(i)) as Record<
    string,
    number
  >[];
}

const load = (insnArrays: LoadOptions['insnArrays'], programs = ['trace', 'quiet']) =>
  ({ insnArrays, programs }) as LoadOptions;

/** Rewritten code as Linux's verifier leaves it, one line per instruction. */
async function rewritten(name: string): Promise<string[]> {
  const kernel = await loadKernelProfile();
  const spec = object.programs.find((one) => one.name === name)!;
  const { xlated } = verify(verifierInput(object, spec, kernel), kernel, { xlated: true });
  const code = decodeCode(xlated!.insns);
  return Array.from({ length: code.length }, (_, i) => kernelText(code, i));
}

describe.each([{ engine: 'wasm' }, { engine: 'interpreter' }] as const)('%o', (machine) => {
  test('says where instructions have gone', async () => {
    const code = decodeCode(quiet.insns);
    const last = code.length - 1;
    // 'traced++' of a constant that is 0.
    const dead = code.op.indexOf(0x04);
    const insns = [0, dead, last];
    const [first, gone, exit] = await entries(
      load({ places: { program: 'quiet', insns } }),
      machine,
    );
    expect(first).toMatchObject({ orig_off: 0, xlated_off: 0, jitted_off: 0 });
    expect(gone).toMatchObject({ orig_off: dead, xlated_off: 0xffffffff, jitted_off: 0 });
    expect(exit).toMatchObject({ orig_off: last, jitted_off: 0 });
    expect(exit!['xlated_off']).toBeLessThan(last);
    expect((await rewritten('quiet'))[exit!['xlated_off']!]).toContain('exit');
  });

  test('of static branches, if nothing else is said', async () => {
    const values = await entries(load({ places: { program: 'trace' } }), machine);
    const branches = trace.staticBranches!.map(({ insn }) => insn);
    expect(branches).toHaveLength(2);
    expect(values.slice(0, 2).map((value) => value['orig_off'])).toEqual(branches);
    const lines = await rewritten('trace');
    for (const { xlated_off: place } of values.slice(0, 2)) expect(lines[place!]).toContain('goto');
  });
});

test('without a verifier, they stay', async () => {
  const options = load({ places: { program: 'trace', insns: [3, 5] } });
  const values = await entries(options, { verify: false });
  expect(values.slice(0, 2).map((value) => value['xlated_off'])).toEqual([3, 5]);
});

const plain = (maps: LoadedObject['maps']) =>
  new Map(Object.entries(maps).map(([name, { kernelMap }]) => [name, kernelMap]));

describe('is refused', () => {
  const wide = decodeCode(trace.insns).op.indexOf(0x18);
  test.each([
    [
      'instructions that are none',
      { places: { program: 'trace', insns: [4000] } },
      'names instruction 4000',
    ],
    [
      'the second half of one',
      { places: { program: 'trace', insns: [wide + 1] } },
      `names instruction ${wide + 1}`,
    ],
    ['too many', { others: { program: 'trace', insns: [0, 1, 2] } }, 'does not take entry 2'],
    ['another map', { tracing: { program: 'trace', insns: [0] } }, 'is no instruction array'],
    ['no map', { elsewhere: { program: 'trace', insns: [0] } }, 'is no instruction array'],
  ])('%s', async (_, insnArrays, why) => {
    const host = await createMachine();
    await expect(host.load(object, load(insnArrays, ['trace']))).rejects.toThrow(why);
  });

  test('a map that has been filled, for another program', async () => {
    const host = await createMachine();
    const { maps } = await host.load(object, load({ places: { program: 'trace' } }));
    const { kernelMap } = maps['places']!;
    const again = () => host.kernel.loadProgram(trace, plain(maps), object, [kernelMap]);
    expect(again).toThrow("belongs to program 'trace'");
    expect(kernelMap.update(new Uint8Array(4), new Uint8Array(16))).toBe(-1);
  });

  test('a map that is not frozen, and values that loading is to say', async () => {
    const host = await createMachine();
    const { maps } = await host.load(object, { programs: [] });
    const { kernelMap } = maps['places']!;
    const value = new Uint8Array(16);
    value[4] = 1;
    expect(kernelMap.update(new Uint8Array(4), value)).toBe(-22);
    expect(kernelMap.update(new Uint8Array(4), new Uint8Array(16))).toBe(0);
    expect(kernelMap.delete(new Uint8Array(4))).toBe(-22);
    const early = () => host.kernel.loadProgram(trace, plain(maps), object, [kernelMap]);
    expect(early).toThrow('is not frozen');
  });
});

test('does not count as portable', async () => {
  const kernel = await loadKernelProfile();
  const maps = object.maps.filter(({ type }) => type !== 'static_key');
  const portable = (some: typeof maps) =>
    verify(verifierInput({ ...object, maps: some }, quiet, kernel), kernel, { portable: true });
  expect(portable(maps)).toMatchObject({ ok: false });
  expect(portable(maps.filter(({ type }) => type !== 'insn_array'))).toMatchObject({ ok: true });
});
