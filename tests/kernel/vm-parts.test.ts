/** The parts of `npm run test:vm` that need no virtual machine. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadKernelProfile } from '../../src/abi/index.ts';
import { parseBtf } from '../../src/btf/index.ts';
import { parseObject, relocateProgram } from '../../src/object/index.ts';
import { decodeCode } from '../../src/isa/index.ts';
import { verifierInput, verify, type Xlated } from '../../src/verifier/index.ts';
import { createMachine } from '../../src/index.ts';
import { loadableBtf } from '../../src/linux/btf.ts';
import { judge } from '../../scripts/vm/judge.mjs';
import { ourRuns, ourVerdict } from '../../scripts/vm/ours.mjs';
import { initramfs } from '../../scripts/vm/initramfs.mjs';
import { AnswerReader, Plan } from '../../scripts/vm/plan.mjs';
import { testPackets } from '../../scripts/vm/packets.mjs';
import { ask, questionsOf } from '../../scripts/vm/questions.mjs';

const fixtures = join(import.meta.dirname, '..', 'fixtures');
const profile = await loadKernelProfile();
const objectNamed = (name: string) => parseObject(readFileSync(join(fixtures, name)));

describe('types for BPF_BTF_LOAD', () => {
  test.each(['types', 'core', 'nested-maps', 'subprograms', 'gcc'])(
    'of %s.bpf.o are the types that were read',
    (name) => {
      const { btf } = objectNamed(`${name}.bpf.o`);
      const { bytes, stringAt } = loadableBtf(btf!, ['a line of source']);
      const again = parseBtf(bytes);
      expect(again.types).toEqual(btf!.types);
      expect(again.stringAt(stringAt('a line of source'))).toBe('a line of source');
    },
  );

  test('have no externs in them', () => {
    const again = parseBtf(loadableBtf(objectNamed('externs.bpf.o').btf!).bytes);
    const sections = again.types.filter(
      (type) => type.kind === 'datasec' && ['.ksyms', '.kconfig'].includes(type.name),
    );
    expect(sections.length).toBeGreaterThan(0);
    for (const section of sections) {
      if (section.kind !== 'datasec') continue;
      for (const { type, size } of section.vars) {
        expect(again.type(type)).toMatchObject({ kind: 'var', linkage: 'global' });
        expect(size).toBeGreaterThan(0);
      }
    }
    expect(again.types.some((type) => 'linkage' in type && type.linkage === 'extern')).toBe(false);
  });
});

test('the archive holds each file behind its header, everything at multiples of 4', () => {
  const archive = Buffer.from(initramfs({ init: Buffer.from('12345'), plan: Buffer.from('p') }));
  const files: Record<string, string> = {};
  for (let at = 0; ; ) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701');
    const word = (index: number) =>
      Number.parseInt(archive.toString('latin1', at + 6 + 8 * index, at + 14 + 8 * index), 16);
    const [size, nameSize] = [word(6), word(11)];
    const name = archive.toString('latin1', at + 110, at + 110 + nameSize - 1);
    if (name === 'TRAILER!!!') break;
    const start = (at + 110 + nameSize + 3) & ~3;
    files[name] = archive.toString('latin1', start, start + size);
    at = (start + size + 3) & ~3;
  }
  expect(files).toEqual({ init: '12345', plan: 'p' });
});

describe('a plan', () => {
  const answer = (command: number, result: number, body: Buffer) => {
    const head = Buffer.alloc(12);
    head.writeUInt32LE(command, 0);
    head.writeInt32LE(result, 4);
    head.writeUInt32LE(body.length, 8);
    return Buffer.concat([head, body]);
  };

  test.each([1, 5, 1000])('takes its answers out of a stream in pieces of %i bytes', (step) => {
    const plan = new Plan();
    const call = plan.syscall(5, Buffer.alloc(4), [
      { at: 0, bytes: Buffer.alloc(3) },
      { at: 8, size: 9 },
    ]);
    const dump = plan.dump(call, 4, 8);
    const body = Buffer.from([1, 2, 3, 4, 2, 0, 0, 0, 7, 8]);
    const stream = Buffer.concat([
      answer(call, -22, body),
      answer(dump, 0, Buffer.from('data')),
      answer(plan.length, 0, Buffer.alloc(0)),
    ]);
    const given: unknown[] = [];
    const reader = new AnswerReader(plan, (command: number, one: Record<string, unknown>) =>
      given.push([command, one]),
    );
    for (let at = 0; at < stream.length; at += step) reader.push(stream.subarray(at, at + step));
    expect(given).toEqual([
      [call, { result: -22, attr: body.subarray(0, 4), buffers: [Buffer.from([7, 8])] }],
      [dump, { result: 0, data: Buffer.from('data') }],
    ]);
    expect(reader.ended).toBe(true);
  });

  test('is made of an object alone: the same twice, and every question has its commands', () => {
    const beeyard = { relocateProgram, verify, verifierInput, createMachine, parseObject, profile };
    const planned = () => {
      const object = objectNamed('nested-maps.bpf.o');
      const questions = questionsOf(beeyard, {
        file: 'nested-maps.bpf.o',
        object,
        name: 'nested-maps',
        unprivileged: false,
      });
      const plan = new Plan();
      ask(plan, beeyard, questions, testPackets());
      return { questions, bytes: plan.bytes() };
    };
    const { questions, bytes } = planned();
    expect(
      questions.map((one: { commands?: { runs: number[] } }) => one.commands?.runs.length),
    ).toEqual([21, 21]);
    expect(planned().bytes.equals(bytes)).toBe(true);
  });
});

describe('a kernel that says', () => {
  const built = { relocateProgram, verify, verifierInput, createMachine, parseObject, profile };
  const beeyard = { ...built, decodeCode };
  const packets = testPackets();
  const plan = new Plan();
  const [question] = questionsOf(beeyard, {
    file: 'long-maps.bpf.o',
    object: objectNamed('long-maps.bpf.o'),
    name: 'long-maps',
    unprivileged: false,
  });
  ask(plan, beeyard, [question], packets);

  /** Ids of maps begin at 70. */
  const asKernelShows = ({ insns, maps, subprograms, lines, calls }: Xlated) => {
    const shown = Buffer.from(insns);
    for (let at = 0; at < shown.length; at += 8) {
      const namesMap = shown[at] === 0x18 && [1, 2].includes(shown[at + 1]! >> 4);
      if (namesMap) shown.writeInt32LE(69 + shown.readInt32LE(at + 4), at + 4);
    }
    return {
      insns: shown.toString('base64'),
      maps: maps.map((_, i) => 70 + i),
      functions: subprograms.map(({ start }) => start),
      lines: lines.map(({ insn }) => insn),
      calls: Object.fromEntries([...calls].map(([insn, name]) => [insn, ['other_name', name]])),
    };
  };

  const differences = async (change: (kernel: Record<string, unknown>) => void) => {
    const ours = ourVerdict(beeyard, question);
    const kernel = {
      ...ours,
      xlated: asKernelShows(ours.xlated),
      ...(await ourRuns(beeyard, question, packets, 'wasm')),
    };
    change(kernel);
    const { checks } = await judge(beeyard, question, kernel, packets);
    return checks
      .filter((one: { difference?: string }) => one.difference !== undefined)
      .map(({ name }: { name: string }) => name);
  };

  test('what we say agrees in everything', async () => {
    expect(await differences(() => {})).toEqual([]);
  });

  test('anything else differs in just that', async () => {
    expect(await differences((one) => (one.errno = 13))).toEqual(['verdict']);
    expect(await differences((one) => (one.log = `${one.log}x`))).toEqual(['log']);
    const later = (text: string) => text.replace(/processed \d+/, 'processed 99');
    expect(await differences((one) => (one.log = later(one.log as string)))).toEqual([
      'statistics',
      'log',
    ]);
    expect(await differences((one) => ((one.runs as string[])[3] = 'errno 1'))).toEqual([
      'runs wasm',
      'runs interpreter',
    ]);
    const another = (one: Record<string, unknown>) => {
      const shown = one.xlated as { lines: number[]; insns: string };
      shown.insns = `${shown.insns.slice(0, 5)}B${shown.insns.slice(6)}`;
    };
    expect(await differences(another)).toEqual(['xlated']);
    expect(await differences((one) => (one.xlated as { lines: number[] }).lines.pop())).toEqual([
      'xlated',
    ]);
    const [map] = question.commands.maps;
    const { name } = map.spec;
    expect(
      await differences((one) => (one.maps as Record<string, string[]>)[name]!.push('00 00')),
    ).toEqual([`map ${name} wasm`, `map ${name} interpreter`]);
  });
});
