import { EM_BPF, type ElfSymbol, SHN_LORESERVE } from '../../../elf/index.ts';
import { CALL } from '../../../isa/index.ts';
import { finding } from '../codes.ts';
import {
  functionAt,
  insnOf,
  isCode,
  type PlacedRelocation,
  type Subject,
  symbolName,
} from '../subject.ts';
import type { Finding } from '../types.ts';
import type { Check } from './check.ts';

/** Functions compilers call by themselves, with what helps against that. */
const LIBRARY: Readonly<Record<string, string>> = {
  memcpy: 'use __builtin_memcpy with a constant size up to 1024 bytes (no -fno-builtin), or a loop',
  memset: 'use __builtin_memset with a constant size up to 1024 bytes (no -fno-builtin), or a loop',
  memmove: 'BPF has none: copy with a loop, or use __builtin_memcpy on what does not overlap',
  memcmp: 'clang calls it unless sizes are small and constant: compare with a loop',
  strlen: 'use bpf_probe_read_kernel_str or a bounded loop',
  strcmp: 'use bpf_strncmp',
  strncmp: 'use bpf_strncmp',
  printf: 'use bpf_printk',
  abort: 'return instead; __builtin_trap and undefined behaviour become it',
  __bswapsi2: 'gcc 12 has no byte swap: shift and mask (<beeyard/net.h> does), or use clang',
  __bswapdi2: 'gcc 12 has no byte swap: shift and mask, or use clang',
  __multi3: '128-bit arithmetic has no instruction: use 64 bits',
  __divdi3: 'signed division needs -mcpu=v4: divide unsigned numbers',
  __moddi3: 'signed division needs -mcpu=v4: divide unsigned numbers',
};

/** Undefined symbols must be externs of the kernel (bpf_object__collect_externs). */
export const checkUndefined: Check = ({ subject }) => {
  if (subject.elf.machine !== EM_BPF) return [];
  return subject.symbols
    .filter(({ index, section, binding }) => index > 0 && section === 0 && binding !== 'local')
    .flatMap((symbol) => undefinedSymbol(symbol, subject));
};

function undefinedSymbol({ name, index, type }: ElfSymbol, subject: Subject): Finding[] {
  const used = subject.relocations.some(({ relocation }) => relocation.symbol === index);
  if (!used && name === '') return [];
  const id = externId(name, subject);
  const section = id === undefined ? undefined : sectionOf(id, subject);
  if (section === '.ksyms' || section === '.kconfig') return [];
  if (section !== undefined) {
    const says = `unrecognized extern section '${section}'`;
    const message = `extern '${name}' is declared in '${section}'`;
    return [finding('extern-section', name, message, { says })];
  }
  if (!subject.btf && type === 'none' && !used) return [];
  const says = externWords(name, id, subject);
  const called = isCalled(index, subject);
  const fix = Object.hasOwn(LIBRARY, name) ? { fix: LIBRARY[name]! } : {};
  return called
    ? [
        finding('undefined-function', name, `'${name}' is called, and nothing defines it`, {
          says,
          ...fix,
        }),
      ]
    : [finding('undefined-symbol', name, `nothing defines '${name}'`, { says })];
}

function externWords(name: string, id: number | undefined, { btf }: Subject): string {
  if (!btf) return 'BTF is required, but is missing or corrupted.';
  if (id === undefined) return `failed to find BTF for extern '${name}': -2`;
  return `failed to find BTF for extern '${name}' [${id}] section: -2`;
}

function externId(name: string, { btf }: Subject): number | undefined {
  const ids = [...(btf?.findAll('func', name) ?? []), ...(btf?.findAll('var', name) ?? [])];
  return ids.find((id) => {
    const type = btf!.type(id);
    return (type.kind === 'func' || type.kind === 'var') && type.linkage === 'extern';
  });
}

function sectionOf(id: number, { btf }: Subject): string | undefined {
  for (const type of btf!.types) {
    if (type.kind === 'datasec' && type.vars.some((one) => one.type === id)) return type.name;
  }
  return undefined;
}

function isCalled(index: number, { relocations, code }: Subject): boolean {
  return relocations.some((placed) => {
    if (placed.relocation.symbol !== index) return false;
    return code.get(placed.home.index)?.op[insnOf(placed)] === CALL;
  });
}

/** Code may refer to .text, maps and data sections, and to nothing else. */
export const checkTargets: Check = ({ subject }) => {
  const { relocations, elf, object } = subject;
  const found = new Map<string, Finding>();
  const data = new Set(object?.maps.flatMap((map) => (map.dataSection ? [map.name] : [])));
  for (const placed of relocations) {
    const { home, symbol } = placed;
    if (!isCode(home) || symbol.section === 0) continue;
    if (symbol.section >= SHN_LORESERVE) {
      found.set(symbol.name, commonSymbol(placed, relocations));
      continue;
    }
    const target = elf.sections[symbol.section]!.name;
    if (isCode(elf.sections[symbol.section]!) || becomesMap(target) || data.has(target)) continue;
    const caller = functionAt(subject, placed);
    const name = symbolName(subject, symbol);
    const says = `prog '${caller}': bad map relo against '${name}' in section '${target}'`;
    const message = `'${caller}' refers to '${name}' in '${target}', which becomes no map`;
    found.set(target, finding('data-unmapped', target, message, { says }));
  }
  return [...found.values()];
};

function commonSymbol(placed: PlacedRelocation, all: readonly PlacedRelocation[]): Finding {
  const { table, symbol } = placed;
  const place = all.filter((one) => one.table === table).indexOf(placed);
  const says =
    `sec '${table.name}': corrupted symbol #${symbol.index} pointing to invalid section ` +
    `#${symbol.section} for relo #${place}`;
  const message = `'${symbol.name}' is in no section: it has no initial value, and no place yet`;
  return finding('common-symbol', symbol.name, message, { says });
}

const becomesMap = (name: string): boolean =>
  /^\.(data|rodata|bss)(\.|$)/.test(name) || ['.maps', 'maps', '.addr_space.1'].includes(name);
