/**
 * Programs that do to a map what programs may (tests/fixtures/map-programs), asked of Linux 6.12.117
 * in a virtual machine: what they returned and what they left in their maps, on both engines here.
 * `npm run test:vm` asks both again.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isExtensionMap } from '../../src/abi/extensions.ts';
import { mapTypes } from '../../src/abi/index.ts';
import { createMachine } from '../../src/index.ts';
import { type MapSpec, type ObjectFile, parseObject } from '../../src/object/index.ts';

interface Answers {
  readonly runs: readonly string[];
  readonly maps: Readonly<Record<string, readonly string[]>>;
}
interface Question {
  readonly file: string;
  readonly object: ObjectFile;
  readonly program: ObjectFile['programs'][number];
  readonly commands: { readonly maps: readonly { readonly spec: MapSpec }[] };
}
interface Input {
  readonly name: string;
}
/** The part of `npm run test:vm` that asks a machine of ours. */
interface Asking {
  ourRuns(
    world: { readonly createMachine: typeof createMachine },
    question: Question,
    inputs: readonly Input[],
    engine: string,
  ): Promise<Answers & { readonly refusal?: string }>;
  inputsOf(question: Question, packets: readonly Input[]): readonly Input[];
  testPackets(): readonly Input[];
}

const root = join(import.meta.dirname, '..', '..');
const FOLDER = 'tests/fixtures/map-programs';
const modules = await Promise.all(
  ['ours', 'setup', 'packets'].map(
    (name) => import(pathToFileURL(join(root, 'scripts', 'vm', `${name}.mjs`)).href),
  ),
);
const { ourRuns, inputsOf, testPackets } = Object.assign({}, ...modules) as Asking;
const json = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));

const recorded: Readonly<Record<string, Answers>> = json(
  'tests/fixtures/oracle/map-programs-6.12.117.json',
).programs;
/** What differs and why, by 'PATH:PROGRAM check engine': a listed one that agrees fails. */
const known: Readonly<Record<string, string>> = json('tests/fixtures/kernel/vm-differences.json');

const files = readdirSync(join(root, FOLDER)).filter((name) => name.endsWith('.bpf.o'));
const objects = new Map(
  files.map((name) => [name, parseObject(readFileSync(join(root, FOLDER, name)))]),
);
const packets = testPackets();

function questionOf(name: string): Question {
  const [file, wanted] = name.split(':') as [string, string];
  const object = objects.get(file)!;
  const program = object.programs.find((one) => one.name === wanted)!;
  const specs = object.maps.filter((spec) => spec.name in recorded[name]!.maps);
  return {
    file: `${FOLDER}/${file}`,
    object,
    program,
    commands: { maps: specs.map((spec) => ({ spec })) },
  };
}

/** Types that no program here can use, with the reason. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  reuseport_sockarray: 'sk_reuseport programs alone may use it, and those have no test run',
  inode_storage: 'LSM programs alone may use it, and those have no test run',
  struct_ops: 'no program may use it',
};

describe('the suite of programs on maps', () => {
  it('uses every map type of Linux, or says why it does not', () => {
    const used = new Set([...objects.values()].flatMap(({ maps }) => maps.map(({ type }) => type)));
    const linux = mapTypes.filter(({ id }) => !isExtensionMap(id)).map(({ name }) => name);
    expect(linux).toHaveLength(33);
    const missing = linux.filter((name) => !used.has(name));
    expect(missing.toSorted()).toEqual(Object.keys(LEFT_OUT).toSorted());
  });

  it('was asked whole', () => {
    const names = [...objects].flatMap(([file, { programs }]) =>
      programs.map(({ name }) => `${file}:${name}`),
    );
    expect(Object.keys(recorded).toSorted()).toEqual(names.toSorted());
  });
});

describe.each(['wasm', 'interpreter'])('on %s Linux answers the same to', (engine) => {
  it.each(Object.keys(recorded))('%s', async (name) => {
    const question = questionOf(name);
    const inputs = inputsOf(question, packets);
    const ours = await ourRuns({ createMachine }, question, inputs, engine);
    const linux = recorded[name]!;
    expect(ours.refusal).toBeUndefined();
    expect(ours.runs).toEqual(linux.runs);
    for (const [map, lines] of Object.entries(linux.maps)) {
      if (known[`${FOLDER}/${name} map ${map} ${engine}`])
        expect(ours.maps[map]).not.toEqual(lines);
      else expect(ours.maps[map], `${map}: key, value`).toEqual(lines);
    }
  });
});

it('keeps the address of the socket it lends a test run to itself', async () => {
  const host = await createMachine();
  const loaded = await host.load(objects.get('objects.bpf.o')!);
  const { context } = loaded.programs['sk_storage_answers']!.run({ data: new Uint8Array(64) });
  // struct __sk_buff.sk
  expect([...context.subarray(168, 176)]).toEqual(Array(8).fill(0));
  // What the socket owned went with it.
  expect(loaded.maps['sk_storage']!.kernelMap.liveOwners?.()).toEqual([]);
});
