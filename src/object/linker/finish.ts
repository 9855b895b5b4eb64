import type { BtfExt } from '../../btf/index.ts';
import { BtfBuilder, dedupBtf, writeBtfExt } from '../../btf/index.ts';
import type { NewSection } from '../../elf/index.ts';
import {
  EM_BPF,
  encodeSymbols,
  SHF_STRINGS,
  SHT_PROGBITS,
  SHT_STRTAB,
  SHT_SYMTAB,
  SYMBOL_SIZE,
  writeElf,
} from '../../elf/index.ts';
import type { Output, OutputSection } from './output.ts';
import { STRTAB_INDEX } from './output.ts';

/** The bytes of the linked object. */
export function finish(output: Output): Uint8Array {
  const merged = [...output.sections].filter(({ elf }) => elf).map(sectionOf);
  const types = typeSections(output);
  const symbols = encodeSymbols(output.symbols, output.littleEndian);
  const sections = [
    table(output.strings.add('.strtab'), SHT_STRTAB, SHF_STRINGS, 1, output.strings.toBytes()),
    {
      ...table(output.strings.add('.symtab'), SHT_SYMTAB, 0, 8, symbols),
      link: STRTAB_INDEX,
      entrySize: SYMBOL_SIZE,
    },
    ...merged,
    ...types,
  ];
  return writeElf({
    littleEndian: output.littleEndian,
    machine: EM_BPF,
    sections,
    names: STRTAB_INDEX,
  });
}

function sectionOf(section: OutputSection): NewSection {
  const { nameOffset, type, flags, entrySize, align, link, info } = section.elf!;
  return { nameOffset, type, flags, entrySize, align, link, info, data: section.contents() };
}

function table(
  nameOffset: number,
  type: number,
  flags: number,
  align: number,
  data: Uint8Array,
): NewSection {
  return { nameOffset, type, flags, link: 0, info: 0, align, entrySize: 0, data };
}

/** `.BTF` and, if there is anything to say in it, `.BTF.ext`. */
function typeSections(output: Output): NewSection[] {
  if (output.types.length === 1) return [];
  const all = new BtfBuilder({ littleEndian: output.littleEndian });
  for (const type of output.types.slice(1)) all.add(type);
  addDatasecs(output, all);
  const ext = extOf(output);
  const { btf, ids } = dedupBtf(all.build());
  const builder = new BtfBuilder({ littleEndian: output.littleEndian });
  // libbpf collects the strings before it drops types: the order shows.
  for (const text of output.texts) builder.addString(text);
  for (const type of btf.types.slice(1)) builder.add(type);
  const extBytes = writeBtfExt(withTypes(ext, ids), builder);
  const section = (name: string, bytes: Uint8Array): NewSection =>
    table(output.strings.add(name), SHT_PROGBITS, 0, 8, bytes);
  const types = section('.BTF', builder.toBytes());
  const isEmpty = ext.functions.length + ext.lines.length + ext.coreRelocations.length === 0;
  return isEmpty ? [types] : [types, section('.BTF.ext', extBytes)];
}

function addDatasecs(output: Output, builder: BtfBuilder): void {
  for (const { name, size, vars, described } of output.sections) {
    if (!described) continue;
    output.texts.add(name);
    builder.add({ kind: 'datasec', name, size, vars: [...vars] });
  }
}

/** What was collected by section, section after section. */
function extOf(output: Output): BtfExt {
  const sections = [...output.sections];
  return {
    functions: sections.flatMap(({ functions }) => functions),
    lines: sections.flatMap(({ lines }) => lines),
    coreRelocations: sections.flatMap(({ coreRelocations }) => coreRelocations),
  };
}

function withTypes(ext: BtfExt, ids: Uint32Array): BtfExt {
  return {
    functions: ext.functions.map((each) => ({ ...each, type: ids[each.type]! })),
    lines: ext.lines,
    coreRelocations: ext.coreRelocations.map((each) => ({ ...each, type: ids[each.type]! })),
  };
}
