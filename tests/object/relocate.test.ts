import { describe, expect, test } from 'vitest';
import { loadKernelProfile, withModules } from '../../src/abi/index.ts';
import type { KernelProfile } from '../../src/abi/index.ts';
import type { BtfComposite } from '../../src/btf/index.ts';
import { FormatError, KernelError } from '../../src/base/index.ts';
import { decodeCode } from '../../src/isa/index.ts';
import type { Code } from '../../src/isa/index.ts';
import { essentialName, parseObject, relocateProgram } from '../../src/object/index.ts';
import type { ObjectFile, ProgramSpec } from '../../src/object/index.ts';
import { BtfBuilder } from '../btf/build.ts';
import { fixture } from '../fixtures/read.ts';

const profile = await loadKernelProfile();
const kernel = profile.btf();
const core = parseObject(fixture('core.bpf.o'));
const POISON = 195896080;

const programOf = (object: ObjectFile, name: string): ProgramSpec =>
  object.programs.find((each) => each.name === name)!;

/** What a program stores into `out`, by index: constants that relocation has put there. */
function stored(code: Code): Map<number, bigint> {
  const registers = new Map<number, bigint>();
  const out = new Map<number, bigint>();
  for (let i = 0; i < code.length; i++) {
    const [op, dst, src, imm] = [code.op[i]!, code.dst[i]!, code.src[i]!, code.imm[i]!];
    if (op === 0xb7) registers.set(dst, BigInt(imm));
    if (op === 0x18) {
      const low = BigInt(imm >>> 0);
      if (src === 0) registers.set(dst, (BigInt(code.imm[++i]! >>> 0) << 32n) | low);
      else i++;
    }
    if (op === 0x7b) out.set(code.off[i]! / 8, registers.get(src)!);
  }
  return out;
}

/** Where a member of a kernel struct is, looked up without the code under test. */
function member(struct: string, name: string): { offset: number; bits: number } {
  const find = (id: number, base: number): { offset: number; bits: number } | undefined => {
    for (const each of (kernel.resolved(id) as BtfComposite).members ?? []) {
      const offset = base + each.bitOffset;
      if (each.name === name) return { offset, bits: each.bitSize };
      const inner = each.name === '' ? find(each.type, offset) : undefined;
      if (inner) return inner;
    }
    return undefined;
  };
  return find(kernel.find('struct', struct)!, 0)!;
}

const bytes = (struct: string, name: string): bigint => BigInt(member(struct, name).offset / 8);

describe('CO-RE', () => {
  test('puts in where fields are, whether they are there, and how to read them', () => {
    const out = stored(decodeCode(relocateProgram(core, programOf(core, 'fields'), profile).insns));
    expect(out.get(0)).toBe(bytes('task_struct', 'pid'));
    expect(out.get(1)).toBe(bytes('task_struct', 'comm') + 3n);
    expect(out.get(2)).toBe(bytes('task_struct', 'on_cpu'));
    expect(out.get(3)).toBe(16n);
    expect([out.get(4), out.get(5), out.get(11)]).toEqual([1n, 0n, 0n]);
    expect([out.get(6), out.get(7)]).toEqual([1n, 0n]);
    const { offset, bits } = member('sk_buff', 'fclone');
    expect(bits).toBe(2);
    expect(out.get(8)).toBe(BigInt(64 - ((offset % 8) + bits)));
    expect(out.get(9)).toBe(BigInt(64 - bits));
    expect(out.get(10)).toBe(bytes('page', 'private'));
  });

  test('puts in what is known of types and enumerators', () => {
    const out = stored(decodeCode(relocateProgram(core, programOf(core, 'types'), profile).insns));
    const task = kernel.find('struct', 'task_struct')!;
    expect([out.get(0), out.get(1)]).toEqual([1n, 0n]);
    expect([out.get(2), out.get(3)]).toEqual([BigInt(kernel.sizeOf(task)), 0n]);
    // path.mnt points to nothing of a name here, list_head.prev is a number; atomic_t is the same.
    expect([out.get(4), out.get(5), out.get(9)]).toEqual([0n, 0n, 1n]);
    expect([out.get(6), out.get(7)]).toEqual([BigInt(task), 0n]);
    expect(out.get(8)).toBe(BigInt(core.btf!.find('struct', 'path')!));
    expect([out.get(10), out.get(11), out.get(12)]).toEqual([1n, 0n, 0n]);
  });

  test('poisons what the kernel does not have', () => {
    const { insns } = relocateProgram(core, programOf(core, 'poisoned'), profile);
    const code = decodeCode(insns);
    const poisoned = [...code.imm.keys()].filter((i) => code.imm[i] === POISON);
    expect(poisoned.map((i) => code.op[i])).toEqual(poisoned.map(() => 0x85));
    // The offset of the missing field, and both halves of the missing value.
    expect(poisoned).toHaveLength(3);
  });

  test('leaves the object alone', () => {
    const before = programOf(core, 'fields').insns.slice();
    relocateProgram(core, programOf(core, 'fields'), profile);
    expect(programOf(core, 'fields').insns).toEqual(before);
  });

  test('refuses when two types of the kernel disagree', () => {
    const types = new BtfBuilder();
    const int = types.int('int', 4, 1);
    types.struct('task_struct', 8, [['pid', int, 0]]);
    types.struct('task_struct', 8, [['pid', int, 32]]);
    const two: KernelProfile = { ...profile, btf: () => types.parse() };
    expect(() => relocateProgram(core, programOf(core, 'fields'), two)).toThrow(FormatError);
    expect(() => relocateProgram(core, programOf(core, 'fields'), two)).toThrow(/ambiguity/);
  });
});

describe('names', () => {
  test.each([
    ['task_struct___new', 'task_struct'],
    ['a___b___c', 'a___b'],
    ['plain', 'plain'],
    ['__sk_buff', '__sk_buff'],
    ['a____b', 'a____b'],
    ['___x', '___x'],
  ])('%s is %s without its flavor', (name, essential) => {
    expect(essentialName(name)).toBe(essential);
  });
});

describe('externs', () => {
  const object = parseObject(fixture('externs.bpf.o'));
  const program = object.programs[0]!;
  const withFunctions = (names: readonly string[]): KernelProfile => {
    const types = new BtfBuilder();
    const int = types.int('int', 4, 1);
    const pointer = types.add('ptr', '', 0);
    const proto = types.add('func_proto', '', int, 2, [
      types.string('a'),
      pointer,
      types.string('b'),
      int,
    ]);
    for (const name of names) types.add('func', name, proto, 1);
    types.add('var', 'kernel_variable', int, 0, [1]);
    types.struct('task_struct', 8, [['pid', int, 32]]);
    return { ...profile, btf: () => types.parse(), modules: [] };
  };

  test('kernel functions and variables get their ids, configuration becomes a map', () => {
    const target = withFunctions(['kernel_function']);
    const { insns, relocations, kconfig } = relocateProgram(object, program, target);
    const code = decodeCode(insns);
    const at = (op: number, src: number): number =>
      [...code.op.keys()].find((i) => code.op[i] === op && code.src[i] === src)!;
    expect(code.imm[at(0x85, 2)]).toBe(target.btf().find('func', 'kernel_function'));
    expect(code.imm[at(0x18, 3)]).toBe(target.btf().find('var', 'kernel_variable'));
    expect(relocations.map(({ map }) => map)).toEqual(['.kconfig', '.kconfig']);
    const values = new DataView(kconfig!.initialValue!.buffer);
    // The 8 bytes of CONFIG_HZ come first, because they are aligned most.
    expect(values.getBigUint64(0, true)).toBe(250n);
    expect(values.getUint8(8)).toBe(1);
    expect(kconfig).toMatchObject({ valueSize: 9, flags: 128, maxEntries: 1 });
  });

  test('weak ones that are missing leave address 0 and a call that must not be reached', () => {
    const code = decodeCode(
      relocateProgram(object, program, withFunctions(['kernel_function'])).insns,
    );
    const calls = [...code.op.keys()].filter((i) => code.op[i] === 0x85 && code.src[i] === 0);
    expect(calls.map((i) => code.imm[i])).toEqual([2_002_000_000 + 5]);
  });

  /** A module with the function and the variable, over a kernel that has neither. */
  const withModule = (name: string): KernelProfile => {
    const types = new BtfBuilder();
    const int = types.int('int', 4, 1);
    const pointer = types.add('ptr', '', 0);
    types.struct('task_struct', 8, [['pid', int, 32]]);
    const base = types.parse();
    const own = new BtfBuilder();
    const at = (text: string) => base.stringsLength + own.string(text);
    const names = [at('kernel_function'), at('kernel_variable')];
    const proto = base.count;
    own.add('func_proto', '', int, 2, [at('a'), pointer, at('b'), int]);
    own.add('func', '', proto, 1);
    own.add('var', '', int, 0, [1]);
    const btf = own.bytes();
    const view = new DataView(btf.buffer);
    // Behind the header and the prototype of 28 bytes: names that count on from the base's.
    names.forEach((offset, i) => view.setUint32(24 + 28 + 12 * i, offset, true));
    const module = { name, btf, kfuncs: {}, destructors: {}, structOps: {} };
    return withModules({ ...profile, btf: () => base, modules: [] }, [module]);
  };

  test('what modules have is named by the place of the module and an id in its BTF', () => {
    const target = withModule('some_module');
    const own = target.modules[0]!.btf();
    const { insns, modules } = relocateProgram(object, program, target);
    expect(modules).toEqual(['some_module']);
    const code = decodeCode(insns);
    const at = (op: number, src: number): number =>
      [...code.op.keys()].find((i) => code.op[i] === op && code.src[i] === src)!;
    const call = at(0x85, 2);
    expect(code.imm[call]).toBe(own.find('func', 'kernel_function'));
    expect(code.off[call]).toBe(1);
    const load = at(0x18, 3);
    expect(code.imm[load]).toBe(own.find('var', 'kernel_variable'));
    expect(code.imm[load + 1]).toBe(1);
  });

  test('the kernel comes before its modules', () => {
    const both = { ...withFunctions(['kernel_function']), modules: withModule('m').modules };
    const { insns, modules } = relocateProgram(object, program, both);
    expect(modules).toEqual([]);
    const code = decodeCode(insns);
    const call = [...code.op.keys()].find((i) => code.op[i] === 0x85 && code.src[i] === 2)!;
    expect(code.off[call]).toBe(0);
  });

  test('others must be there', () => {
    expect(() => relocateProgram(object, program, withFunctions([]))).toThrow(KernelError);
    expect(() => relocateProgram(object, program, withFunctions([]))).toThrow(
      "extern (func ksym) 'kernel_function': not found in kernel or module BTFs",
    );
  });
});
