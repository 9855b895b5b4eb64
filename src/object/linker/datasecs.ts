import type { Btf, BtfDatasec, BtfSectionVar } from '../../btf/index.ts';
import type { ElfSymbol } from '../../elf/index.ts';
import type { Input, InputSection } from './input.ts';
import { newSection } from './input.ts';

/**
 * Joins the datasecs of BTF with the sections of that name, and puts the places of global variables
 * into them, which compilers leave to the linker. Datasecs without a section get one that exists in
 * BTF only: it keeps the externs of `.ksyms` and `.kconfig` together.
 */
export function readDatasecs(input: Input, sections: InputSection[]): void {
  const { btf, elf } = input;
  if (!btf) return;
  const objects = new Map<string, ElfSymbol>();
  for (const symbol of elf.symbols) {
    const key = `${symbol.section} ${symbol.name}`;
    if (symbol.type === 'object' && !objects.has(key)) objects.set(key, symbol);
  }
  const byName = new Map<string, InputSection>();
  for (const section of sections) if (!byName.has(section.name)) byName.set(section.name, section);
  for (const type of btf.types) {
    // Externs without a section of their own are resolved here, not by the kernel.
    if (type.kind !== 'datasec' || type.name === '.extern') continue;
    let section = byName.get(type.name);
    if (!section) {
      section = newSection(type.name, 'data', undefined);
      sections.push(section);
      byName.set(type.name, section);
    }
    section.datasec = placed(btf, type, objects, section.elf?.index ?? 0);
  }
}

function placed(
  btf: Btf,
  datasec: BtfDatasec,
  objects: ReadonlyMap<string, ElfSymbol>,
  section: number,
): BtfDatasec {
  const vars = datasec.vars.map((variable): BtfSectionVar => {
    const type = btf.type(variable.type);
    if (type.kind !== 'var' || type.linkage !== 'global') return variable;
    const symbol = objects.get(`${section} ${type.name}`);
    if (!symbol) {
      btf.fail(datasec.id, `variable '${type.name}' of '${datasec.name}' has no symbol there`);
    }
    return { ...variable, offset: symbol.value };
  });
  return { ...datasec, vars };
}
