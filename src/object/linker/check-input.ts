import type { ElfFile, ElfSection, ElfSymbol } from '../../elf/index.ts';
import { failIn, SHF_EXECINSTR, SHN_LORESERVE, SHT_SYMTAB, SYMBOL_SIZE } from '../../elf/index.ts';
import { INSN_SIZE } from '../../isa/index.ts';
import type { InputSection } from './input.ts';

/** Larger alignments would make the output mostly holes. */
const MAX_ALIGN = 1 << 20;

/** Refuses an ELF file that libbpf's linker takes for broken (`linker_sanity_check_elf`). */
export function checkInput(elf: ElfFile, sections: readonly InputSection[]): void {
  for (const { elf: section, role } of sections) {
    if (!section || section.index === 0 || section.name.startsWith('.debug_')) continue;
    if (section.name === '') failIn(section, 0, `section ${section.index} has no name`);
    if (!isAlignment(section.align)) failIn(section, 0, `an alignment of ${section.align}`);
    if (role === 'data') checkData(section);
    if (role === 'relocations') checkRelocations(elf, section);
    if (section.type === SHT_SYMTAB) checkSymbols(elf, section);
  }
}

function isAlignment(align: number): boolean {
  return align <= MAX_ALIGN && (align & (align - 1)) === 0;
}

function checkData(section: ElfSection): void {
  if (section.flags & SHF_EXECINSTR && section.size % INSN_SIZE !== 0) {
    failIn(section, 0, `${section.size} bytes of code: no multiple of ${INSN_SIZE}`);
  }
  if (section.size > 0xffff_ffff) failIn(section, 0, `${section.size} bytes are absurd`);
}

function checkRelocations(elf: ElfFile, table: ElfSection): void {
  if (elf.sections[table.link]?.type !== SHT_SYMTAB) {
    failIn(table, 0, `section ${table.link}, which it names, is not the symbol table`);
  }
  const target = elf.sections[table.info];
  if (!target || table.info === 0) failIn(table, 0, `it is for section ${table.info}`);
  if (table.name !== `.rel${target.name}`) {
    failIn(table, 0, `relocations of ${target.name} must be called .rel${target.name}`);
  }
}

function checkSymbols(elf: ElfFile, table: ElfSection): void {
  for (const symbol of elf.symbols) {
    const wrong = symbol.index === 0 ? undefined : wrongSymbol(symbol, elf);
    if (wrong === undefined) continue;
    const name = symbol.name ? ` '${symbol.name}'` : '';
    failIn(table, symbol.index * SYMBOL_SIZE, `symbol ${symbol.index}${name} ${wrong}`);
  }
}

function wrongSymbol(symbol: ElfSymbol, elf: ElfFile): string | undefined {
  const { binding, visibility, type, section, value, size } = symbol;
  if (binding === 'other') return 'is neither local, global nor weak';
  if (type === 'other') return 'is of a type that BPF objects do not have';
  if (visibility !== 'default' && visibility !== 'hidden') {
    return `is ${visibility}; only default and hidden visibility are supported`;
  }
  if (section === 0) {
    const plain = type === 'none' && binding !== 'local' && value === 0 && size === 0;
    return plain ? undefined : 'is undefined and still has a type, a place or a size';
  }
  if (type === 'section' && (value !== 0 || section >= SHN_LORESERVE)) {
    return 'stands for a section and not for its start';
  }
  const home = section < SHN_LORESERVE ? elf.sections[section]!.size : Number.MAX_SAFE_INTEGER;
  return value > home ? 'is outside of its section' : undefined;
}
