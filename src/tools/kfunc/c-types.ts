/** How C spells a kernel function of one's own. */
import {
  intSize,
  type KfuncArg,
  type KfuncInt,
  kfuncSpelling,
  type KfuncStruct,
  type OwnKfunc,
} from '../../abi/index.ts';

/** What a dialect of C calls numbers: the kernel's source 'u32', a header that stands alone not. */
export type IntNames = (int: KfuncInt) => string;

export const kernelInts: IntNames = (int) => int;

const PLAIN = ['', 'char', 'short', '', 'int', '', '', '', 'long long'];

export const plainInts: IntNames = (int) => {
  if (int === 'bool') return '_Bool';
  const name = PLAIN[intSize(int)]!;
  if (int.startsWith('u')) return `unsigned ${name}`;
  return name === 'char' ? 'signed char' : name;
};

/** Name of the struct that stands for memory of fixed length. */
export const bufferStruct = (own: OwnKfunc, index: number): string => `${own.name}_arg${index + 1}`;

function typeOf(own: OwnKfunc, arg: KfuncArg, index: number, ints: IntNames): string {
  if ('int' in arg) return `${ints(arg.int)} `;
  if ('ptr' in arg) return `struct ${arg.ptr} *`;
  if ('string' in arg) return 'const char *';
  return arg.size === undefined ? 'void *' : `struct ${bufferStruct(own, index)} *`;
}

/** 'struct cgroup *my_get(struct task_struct *task, unsigned int id)' */
export function prototypeText(
  own: OwnKfunc,
  ints: IntNames,
  tagOf: (component: number) => string = () => '',
): string {
  const { params } = kfuncSpelling(own);
  const { ret } = own;
  const returns = !ret ? 'void ' : 'int' in ret ? `${ints(ret.int)} ` : `struct ${ret.ptr} *`;
  const list = own.args.map((arg, i) => `${typeOf(own, arg, i, ints)}${params[i]!}${tagOf(i)}`);
  return `${returns}${own.name}(${list.length === 0 ? 'void' : list.join(', ')})`;
}

/** Structs it defines itself, and those of the kernel that it only names. */
export function structTexts(kfuncs: readonly OwnKfunc[], ints: IntNames) {
  const defined = new Map<string, string>();
  const named = new Set<string>();
  for (const own of kfuncs) {
    for (const [name, members] of Object.entries(own.structs ?? {})) {
      defined.set(name, structText(name, members, ints));
    }
    own.args.forEach((arg, i) => {
      if (!('buf' in arg) || arg.size === undefined) return;
      const name = bufferStruct(own, i);
      defined.set(name, `struct ${name} {\n  ${ints('u8')} bytes[${arg.size}];\n};`);
    });
    const results = own.ret && 'ptr' in own.ret ? [own.ret.ptr] : [];
    for (const name of [
      ...own.args.flatMap((arg) => ('ptr' in arg ? [arg.ptr] : [])),
      ...results,
    ]) {
      named.add(name);
    }
  }
  for (const name of defined.keys()) named.delete(name);
  return { defined: [...defined.values()], named: [...named].sort() };
}

function structText(name: string, members: KfuncStruct, ints: IntNames): string {
  const lines = Object.entries(members).map(([member, int]) => `  ${ints(int)} ${member};`);
  return [`struct ${name} {`, ...lines, '};'].join('\n');
}
