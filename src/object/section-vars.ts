import type { Btf, BtfDatasec, BtfSectionVar, BtfType } from '../btf/index.ts';
import type { ElfFile, ElfSymbol } from '../elf/index.ts';

/**
 * Compilers leave the size of a datasec and the places of global variables in it to the linker: in
 * the file they are 0. This fills them in from the section headers and the symbols. Variables that
 * are hidden become static, as libbpf has it.
 */
export function placeSectionVars(btf: Btf, elf: ElfFile): Btf {
  const globals = globalsByName(elf);
  const placed = new Map<number, BtfType>();
  for (const type of btf.types) {
    if (type.kind !== 'datasec' || type.name === '.kconfig' || type.name === '.ksyms') continue;
    const section = elf.sections.find(({ name }) => name === type.name);
    if (!section) continue;
    placed.set(type.id, placeIn(btf, type, section.size, globals, section.index));
    for (const { type: id } of type.vars) {
      const variable = btf.type(id);
      const hidden = variable.kind === 'var' && isHidden(globals.get(variable.name));
      if (hidden) placed.set(id, { ...variable, linkage: 'static' });
    }
  }
  return placed.size > 0 ? btf.replace(placed) : btf;
}

const isHidden = (symbol: ElfSymbol | undefined): boolean =>
  symbol?.visibility === 'hidden' || symbol?.visibility === 'internal';

function globalsByName(elf: ElfFile): Map<string, ElfSymbol> {
  const globals = new Map<string, ElfSymbol>();
  for (const symbol of elf.symbols) {
    if (symbol.binding !== 'local' && symbol.section !== 0) globals.set(symbol.name, symbol);
  }
  return globals;
}

function placeIn(
  btf: Btf,
  datasec: BtfDatasec,
  size: number,
  globals: ReadonlyMap<string, ElfSymbol>,
  section: number,
): BtfDatasec {
  const vars = datasec.vars.map((variable): BtfSectionVar => {
    const { kind, name } = btf.type(variable.type);
    const symbol = kind === 'var' ? globals.get(name) : undefined;
    return symbol?.section === section ? { ...variable, offset: symbol.value } : variable;
  });
  vars.sort((a, b) => a.offset - b.offset);
  return { ...datasec, size: datasec.size || size, vars };
}
