/** Kernel functions of one's own as a module of the kernel: split BTF, sets with flags. */
import { KernelError } from '../../base/index.ts';
import { type Btf, BtfBuilder } from '../../btf/index.ts';
import { enums } from '../generated/6.12/enums.ts';
import type { RawKfuncSet } from '../generated/6.12/kfuncs.ts';
import type { ModuleData } from '../modules.ts';
import { programTypeId } from '../names.ts';
import { isBuffer, isNumber, isObject, kfuncSpelling } from './kfunc.ts';
import type { KfuncArg, KfuncInt, KfuncStruct, OwnKfunc } from './types.ts';

/** Words for program types that sections have. */
const ALIASES: Readonly<Record<string, string>> = {
  tc: 'sched_cls',
  tcx: 'sched_cls',
  iter: 'tracing',
  fentry: 'tracing',
  fexit: 'tracing',
  tp_btf: 'tracing',
};

/** BPF_PROG_TYPE_* words of program types and operations; BPF_PROG_TYPE_UNSPEC for all. */
export function programTypesOf({ name, programs }: OwnKfunc): string[] {
  if (programs === undefined) return ['BPF_PROG_TYPE_UNSPEC'];
  const words = programs.map((word) => {
    const type = word.includes('.') ? 'struct_ops' : (ALIASES[word] ?? word);
    const id = programTypeId(type);
    const found = Object.entries(enums.bpf_prog_type).find(([, number]) => number === id);
    if (id !== undefined && found) return found[0];
    throw new KernelError('EINVAL', 22, `kfunc '${name}': there are no programs '${word}'`);
  });
  return [...new Set(words)];
}

/**
 * What a kernel with these functions has loaded besides: give it to `withModules`. `base` is the
 * kernel's BTF; a struct that neither it nor the definition has is a KernelError ENOENT.
 */
export function kfuncModule(
  base: Btf,
  kfuncs: readonly OwnKfunc[],
  name = 'own_kfuncs',
): ModuleData {
  const types = new ModuleTypes(base);
  const sets: Record<string, RawKfuncSet> = {};
  for (const own of kfuncs) {
    if (Object.hasOwn(sets, `${own.name}_ids`)) {
      throw new KernelError('EEXIST', 17, `kfunc '${own.name}' is there twice`);
    }
    const { flags } = kfuncSpelling(own);
    sets[`${own.name}_ids`] = {
      programs: programTypesOf(own),
      kfuncs: { [own.name]: [types.addFunction(own), flags] },
    };
  }
  return { name, kfuncs: sets, destructors: {}, structOps: {}, btf: types.bytes() };
}

/** Bytes of a number. */
export const intSize = (int: KfuncInt): number => (int === 'bool' ? 1 : Number(int.slice(1)) / 8);

class ModuleTypes {
  readonly #base: Btf;
  readonly #builder: BtfBuilder;
  readonly #structs = new Map<string, number>();

  constructor(base: Btf) {
    this.#base = base;
    this.#builder = new BtfBuilder({ base });
  }

  bytes(): Uint8Array {
    return this.#builder.toBytes();
  }

  /** Id of the FUNC. */
  addFunction(own: OwnKfunc): number {
    const { params, tags } = kfuncSpelling(own);
    const { ret } = own;
    const returns = !ret ? 0 : 'int' in ret ? this.#int(ret.int) : this.#pointer(own, ret.ptr);
    const proto = this.#builder.add({
      kind: 'func_proto',
      name: '',
      returns,
      params: own.args.map((arg, i) => ({ name: params[i]!, type: this.#argument(own, arg, i) })),
    });
    const id = this.#builder.add({
      kind: 'func',
      name: own.name,
      type: proto,
      linkage: 'static',
    });
    for (const [component, tag] of [[-1, 'bpf_kfunc'] as const, ...tags]) {
      this.#builder.add({ kind: 'decl_tag', name: tag, type: id, component });
    }
    return id;
  }

  #argument(own: OwnKfunc, arg: KfuncArg, index: number): number {
    if (isNumber(arg)) return this.#int(arg.int);
    if (isObject(arg)) return this.#pointer(own, arg.ptr);
    if (isBuffer(arg))
      return this.#add(arg.size === undefined ? 0 : this.#bytes(own, arg.size, index));
    const char = this.#base.find('int', 'char') ?? 0;
    return this.#add(this.#builder.add({ kind: 'const', name: '', type: char }));
  }

  #add(pointee: number): number {
    return this.#builder.add({ kind: 'ptr', name: '', type: pointee });
  }

  #pointer(own: OwnKfunc, struct: string): number {
    return this.#add(this.#struct(own, struct));
  }

  #int(int: KfuncInt): number {
    const id = this.#base.find('typedef', int);
    if (id === undefined) throw new KernelError('ENOENT', 2, `the kernel has no type '${int}'`);
    return id;
  }

  #struct(own: OwnKfunc, name: string): number {
    const kernel = this.#base.find('struct', name);
    const members = own.structs?.[name];
    if (kernel !== undefined && members) {
      const text = `kfunc '${own.name}': the kernel has a struct ${name} of its own`;
      throw new KernelError('EEXIST', 17, text);
    }
    const known = kernel ?? this.#structs.get(name);
    if (known !== undefined) return known;
    if (!members) {
      const text = `kfunc '${own.name}': neither the kernel nor 'structs' has struct ${name}`;
      throw new KernelError('ENOENT', 2, text);
    }
    return this.#define(name, members);
  }

  #define(name: string, struct: KfuncStruct): number {
    let offset = 0;
    let align = 1;
    const members = Object.entries(struct).map(([member, int]) => {
      const size = intSize(int);
      align = Math.max(align, size);
      const bitOffset = Math.ceil(offset / size) * size * 8;
      offset = bitOffset / 8 + size;
      return { name: member, type: this.#int(int), bitOffset, bitSize: 0 };
    });
    const size = Math.ceil(offset / align) * align;
    const id = this.#builder.add({ kind: 'struct', name, size, members });
    this.#structs.set(name, id);
    return id;
  }

  /** Memory of fixed length is a struct of so many bytes. */
  #bytes(own: OwnKfunc, size: number, index: number): number {
    const name = `${own.name}_arg${index + 1}`;
    const known = this.#structs.get(name);
    if (known !== undefined) return known;
    const indexType = this.#base.find('int', 'unsigned int') ?? this.#int('u32');
    const array = this.#builder.add({
      kind: 'array',
      name: '',
      type: this.#int('u8'),
      indexType,
      count: size,
    });
    const members = [{ name: 'bytes', type: array, bitOffset: 0, bitSize: 0 }];
    const id = this.#builder.add({ kind: 'struct', name, size, members });
    this.#structs.set(name, id);
    return id;
  }
}
