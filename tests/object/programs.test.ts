import { describe, expect, test } from 'vitest';
import { decodeCode } from '../../src/isa/index.ts';
import type { ProgramSpec } from '../../src/object/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { fixture } from '../fixtures/read.ts';

const CALL = 0x85;
const LD_IMM64 = 0x18;

const object = (name: string) => parseObject(fixture(name));

function program(file: string, name: string): ProgramSpec {
  return object(file).programs.find((each) => each.name === name)!;
}

const layout = ({ functions }: ProgramSpec): string =>
  functions
    .map(({ name, start, global }) => `${name}@${start}${global ? ' global' : ''}`)
    .join(', ');

/** Who calls or points to whom, by following the linked instructions. */
function references({ insns, functions }: ProgramSpec): string[] {
  const code = decodeCode(insns);
  const found: string[] = [];
  for (let i = 0; i < code.length; i++) {
    const calls = code.op[i] === CALL && code.src[i] === 1;
    const points = code.op[i] === LD_IMM64 && code.src[i] === 4;
    if (!calls && !points) continue;
    const from = functions.findLast(({ start }) => start <= i)!;
    const to = functions.find(({ start }) => start === i + 1 + code.imm[i]!);
    found.push(`${from.name} ${calls ? 'calls' : 'points to'} ${to?.name}`);
  }
  return found;
}

describe('subprograms', () => {
  const first = program('subprograms.bpf.o', 'first');
  const second = program('subprograms.bpf.o', 'second');

  test('are appended at their first use, going into each before going on', () => {
    expect(layout(first)).toBe('first@0 global, each@25, leaf@35, branch@43 global, twig@51');
    expect(layout(second)).toBe(
      'second@0 global, twig@24, leaf@36, branch@44 global, visible_step@52 global, each@58, ' +
        'hidden_function@68',
    );
  });

  test('fill the program without gaps', () => {
    for (const { functions, insns } of [first, second]) {
      let end = 0;
      for (const { start, size } of functions) {
        expect(start).toBe(end);
        end += size;
      }
      expect(insns.length).toBe(8 * end);
    }
  });

  test('are called where they were put', () => {
    expect(references(first)).toEqual([
      'first points to each',
      'first calls branch',
      'first calls twig',
      'each calls leaf',
      'branch calls leaf',
      'twig calls leaf',
      'twig calls branch',
    ]);
    expect(references(second)).toEqual([
      'second calls twig',
      'second points to visible_step',
      'second points to each',
      'second calls hidden_function',
      'twig calls leaf',
      'twig calls branch',
      'branch calls leaf',
      'each calls leaf',
    ]);
  });

  test('keep their relocations and types', () => {
    expect(first.relocations.map(({ insn, kind }) => `${insn} ${kind}`)).toEqual([
      '5 map',
      '36 map_value',
      '45 map_value',
    ]);
    const { btf } = object('subprograms.bpf.o');
    for (const { name, btfId } of first.functions) expect(btf!.type(btfId).name).toBe(name);
  });

  test('are no programs, nor is anything else in .text', () => {
    expect(object('subprograms.bpf.o').programs.map(({ name }) => name)).toEqual([
      'first',
      'second',
      'third',
    ]);
  });
});

describe('special functions', () => {
  test('an exception callback is appended though nothing calls it', () => {
    expect(layout(program('special.bpf.o', 'throwing'))).toBe(
      'throwing@0 global, caught@13 global',
    );
  });

  test('static functions in the section of a program are subprograms', () => {
    const { programs } = object('special.bpf.o');
    expect(programs.map(({ name }) => name)).not.toContain('in_section');
    expect(references(program('special.bpf.o', 'calls_in_section'))).toEqual([
      'calls_in_section calls in_section',
    ]);
  });

  test('variables of the arena are loaded from the arena map', () => {
    expect(program('special.bpf.o', 'throwing').relocations).toEqual([
      { kind: 'map_value', insn: 0, map: 'memory', offset: 4 },
      { kind: 'map_value', insn: 6, map: 'memory', offset: 0 },
    ]);
  });

  test('of an object with nothing but .text, the visible ones are programs', () => {
    const { programs } = object('bare.bpf.o');
    expect(programs.map(({ name, section, type }) => [name, section, type])).toEqual([
      ['entry', '.text', undefined],
    ]);
    expect(layout(programs[0]!)).toBe('entry@0 global, helper@9');
  });
});

describe('relocations', () => {
  test('say what to put in, with the pseudo source register set', () => {
    const { insns, relocations } = program('counter.bpf.o', 'count');
    const code = decodeCode(insns);
    expect(relocations).toEqual([
      { kind: 'map', insn: 7, map: 'flows' },
      { kind: 'map_value', insn: 10, map: '.data', offset: 4 },
      { kind: 'map_value', insn: 13, map: '.bss', offset: 0 },
      { kind: 'map_value', insn: 48, map: '.data.custom', offset: 0 },
      { kind: 'map_value', insn: 60, map: '.data', offset: 0 },
      { kind: 'map_value', insn: 68, map: '.rodata', offset: 0 },
    ]);
    expect([code.src[7], code.src[10], code.imm[10], code.imm[11]]).toEqual([1, 2, 0, 4]);
  });

  test('name externs and how they are used', () => {
    const { insns, relocations } = program('externs.bpf.o', 'traced');
    expect(relocations.map((each) => each.kind === 'extern' && [each.extern, each.call])).toEqual([
      ['CONFIG_BPF', false],
      ['CONFIG_HZ', false],
      ['kernel_variable', false],
      ['maybe_function', false],
      ['maybe_function', true],
      ['kernel_function', true],
      ['kernel_symbol', false],
    ]);
    const call = relocations.find((each) => each.kind === 'extern' && each.call)!;
    expect(decodeCode(insns).src[call.insn]).toBe(2);
  });
});

describe('bpf-gcc objects', () => {
  const run = program('gcc.bpf.o', 'run');

  test('link, though their assembler counts symbols twice', () => {
    expect(layout(run)).toBe('run@0 global, leaf@25, branch@41 global, second_leaf@45');
    expect(references(run)).toEqual([
      'run calls leaf',
      'run calls branch',
      'run calls second_leaf',
      'branch calls second_leaf',
      'second_leaf calls leaf',
    ]);
  });

  test('have the right places of globals', () => {
    const { btf } = object('gcc.bpf.o');
    const bss = btf!.type(btf!.find('datasec', '.bss')!);
    const offsets = bss.kind === 'datasec' && bss.vars.map(({ offset }) => offset);
    expect(offsets).toEqual([0, 32]);
    const places = run.relocations.map((each) => each.kind === 'map_value' && each.offset);
    expect(places).toEqual([false, 0, 32, 0, 0]);
  });

  test('name the types of functions without .BTF.ext', () => {
    const { btf } = object('gcc.bpf.o');
    expect(run.functions.map(({ btfId }) => btf!.type(btfId).name)).toEqual(
      run.functions.map(({ name }) => name),
    );
  });
});

describe('big-endian objects', () => {
  const little = object('counter.bpf.o');
  const big = object('counter.bpfeb.o');

  test('say so', () => {
    expect([little.littleEndian, big.littleEndian]).toEqual([true, false]);
  });

  test('have the same programs and maps, in host order', () => {
    const opcodes = ({ insns }: ProgramSpec) => decodeCode(insns).op;
    expect(opcodes(big.programs[0]!)).toEqual(opcodes(little.programs[0]!));
    expect(big.programs[0]!.relocations).toEqual(little.programs[0]!.relocations);
    expect(big.maps[0]).toEqual(little.maps[0]);
    expect(big.version).toBe(little.version);
  });

  test('keep data as it is', () => {
    const data = big.maps.find(({ name }) => name === '.data.custom')!;
    expect([...data.initialValue!]).toEqual([0xbe, 0xef]);
  });
});

describe('source lines', () => {
  test('point into the source, by instruction of the linked program', () => {
    const { lines, functions } = program('subprograms.bpf.o', 'second');
    for (let i = 1; i < lines.length; i++) {
      expect(lines[i]!.insn).toBeGreaterThanOrEqual(lines[i - 1]!.insn);
    }
    const leaf = functions.find(({ name }) => name === 'leaf')!;
    const inLeaf = lines.filter(({ insn }) => insn >= leaf.start && insn < leaf.start + leaf.size);
    expect(inLeaf.map(({ text }) => text.trim())).toContain('total += x;');
    expect(inLeaf[0]).toMatchObject({ file: './subprograms.bpf.c', insn: leaf.start });
  });

  test('are absent without debug information', () => {
    expect(object('no-debug.bpf.o').programs[0]!.lines).toEqual([]);
  });
});

describe('the object', () => {
  test('programs of sections with a question mark are marked', () => {
    const autoload = object('subprograms.bpf.o').programs.map((each) => each.autoload);
    expect(autoload).toEqual([undefined, undefined, false]);
  });

  test('tells license and version', () => {
    expect(object('subprograms.bpf.o').license).toBe('Dual MIT/GPL');
    expect(object('counter.bpf.o')).toMatchObject({ license: 'MIT', version: 0x060c75 });
  });

  test('lists externs', () => {
    const { externs } = object('externs.bpf.o');
    expect(externs.map(({ name, kind, weak }) => `${name} ${kind}${weak ? ' weak' : ''}`)).toEqual([
      'CONFIG_BPF kconfig weak',
      'CONFIG_HZ kconfig',
      'kernel_variable ksym_variable',
      'maybe_function ksym_function weak',
      'kernel_function ksym_function',
      'kernel_symbol ksym_variable',
    ]);
  });

  test('keeps what depends on the kernel for later', () => {
    const [traced] = object('externs.bpf.o').programs;
    expect(traced!.coreRelocations).toMatchObject([{ access: '0:0', kind: 'byte_off' }]);
  });
});
