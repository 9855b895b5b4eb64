import type { ElfSymbol } from '../../elf/index.ts';
import { CALL } from '../../isa/index.ts';
import { insnOf, isCode, type PlacedRelocation, type Subject } from './subject.ts';
import type { RelocationCount } from './types.ts';

/** ELF's names for relocations of BPF (linux/Documentation/bpf/llvm_reloc.rst). */
const TYPES: Readonly<Record<number, string>> = {
  0: 'R_BPF_NONE',
  1: 'R_BPF_64_64',
  2: 'R_BPF_64_ABS64',
  3: 'R_BPF_64_ABS32',
  4: 'R_BPF_64_NODYLD32',
  10: 'R_BPF_64_32',
};

/** Relocations by section, kind and type; those of debug sections are left out. */
export function countRelocations(subject: Subject): RelocationCount[] {
  const counts = new Map<string, { row: Omit<RelocationCount, 'count'>; count: number }>();
  for (const placed of subject.relocations) {
    if (/^\.(debug|eh_frame)/.test(placed.home.name)) continue;
    const { type: number } = placed.relocation;
    const row = {
      section: placed.home.name,
      kind: relocationKind(placed, subject),
      type: TYPES[number] ?? `type ${number}`,
    };
    const key = `${row.section}\0${row.kind}\0${row.type}`;
    const known = counts.get(key);
    if (known) known.count++;
    else counts.set(key, { row, count: 1 });
  }
  return [...counts.values()].map(({ row, count }) => ({ ...row, count }));
}

/** What a relocation puts in. */
function relocationKind(placed: PlacedRelocation, subject: Subject): string {
  const { home, symbol } = placed;
  if (home.name.startsWith('.BTF')) return 'types';
  if (!isCode(home)) return symbol.type === 'function' ? 'program' : dataKind(home.name);
  if (symbol.section === 0) return externKind(symbol, subject);
  const target = subject.elf.sections[symbol.section];
  if (!target) return 'nowhere';
  if (isCode(target)) {
    const call = subject.code.get(home.index)?.op[insnOf(placed)] === CALL;
    return call ? 'call' : 'function address';
  }
  return target.name === '.maps' || target.name === 'maps' ? 'map' : 'global';
}

const dataKind = (section: string): string => (section === '.maps' ? 'inner map' : 'address');

const EXTERN_KINDS = { ksym_function: 'kfunc', ksym_variable: 'ksym', kconfig: 'kconfig' } as const;

function externKind({ name }: ElfSymbol, { object }: Subject): string {
  const extern = object?.externs.find((one) => one.name === name);
  return extern ? EXTERN_KINDS[extern.kind] : 'undefined';
}
