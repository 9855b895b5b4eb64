import { FormatError } from '../../base/index.ts';
import { parseBtf, parseBtfExt } from '../../btf/index.ts';
import type { ElfFile, ElfSection } from '../../elf/index.ts';
import {
  EM_BPF,
  ET_REL,
  failIn,
  parseElf,
  SHT_NOBITS,
  SHT_PROGBITS,
  SHT_REL,
  SHT_STRTAB,
  SHT_SYMTAB,
} from '../../elf/index.ts';
import { within } from '../source.ts';
import { checkInput } from './check-input.ts';
import { readDatasecs } from './datasecs.ts';
import type { Input, InputSection, LinkInput } from './input.ts';
import { newSection } from './input.ts';
import { inFile } from './link-error.ts';

const SHT_LLVM_ADDRSIG = 0x6fff4c03;

/** Reads an input and checks all that can be checked without the others. */
export function readInput({ name, bytes }: LinkInput): Input {
  return inFile(name, () => {
    const elf = parseElf(bytes);
    checkKind(elf);
    const sections = elf.sections.map((section) => describe(section));
    const symbolTable = findSymbolTable(elf);
    checkInput(elf, sections);
    const types = readTypes(elf);
    const input: Input = {
      name,
      elf,
      ...types,
      symbolTable,
      sections,
      symbolIds: new Uint32Array(elf.symbols.length),
      typeIds: new Uint32Array(types.btf?.count ?? 0),
    };
    inTypes(input, () => readDatasecs(input, sections));
    return input;
  });
}

function checkKind(elf: ElfFile): void {
  if (elf.machine !== EM_BPF) {
    throw new FormatError('ELF', 18, `machine ${elf.machine} is not BPF (${EM_BPF})`);
  }
  if (elf.type !== ET_REL) {
    throw new FormatError('ELF', 16, `type ${elf.type} is not a relocatable object (${ET_REL})`);
  }
}

function findSymbolTable(elf: ElfFile): ElfSection {
  const tables = elf.sections.filter(({ type }) => type === SHT_SYMTAB);
  if (tables.length > 1) failIn(tables[1]!, 0, 'a second symbol table is not supported');
  if (!tables[0]) throw new FormatError('ELF', 0, 'the file has no symbol table');
  return tables[0];
}

function describe(section: ElfSection): InputSection {
  return newSection(section.name, roleOf(section), section);
}

function roleOf(section: ElfSection): InputSection['role'] {
  if (isDropped(section)) return 'dropped';
  switch (section.type) {
    case SHT_PROGBITS:
    case SHT_NOBITS:
      return 'data';
    case SHT_REL:
      return 'relocations';
    default:
      return failIn(section, 0, `sections of type ${section.type} are not known in BPF objects`);
  }
}

/** What the output has its own of, or nobody reads there: tables, DWARF, an empty `.text`. */
function isDropped({ index, name, type, size }: ElfSection): boolean {
  if (index === 0 || [SHT_STRTAB, SHT_SYMTAB, SHT_LLVM_ADDRSIG].includes(type)) return true;
  if (name === '.text' && type === SHT_PROGBITS && size === 0) return true;
  const about = name.startsWith('.rel') ? name.slice('.rel'.length) : name;
  return about.startsWith('.debug_') || about === '.BTF' || about === '.BTF.ext';
}

/** Runs `read`, whose errors are about places in the input's BTF. */
export function inTypes<T>({ btfSection }: Input, read: () => T): T {
  return btfSection ? within(btfSection, read) : read();
}

function readTypes(elf: ElfFile): Pick<Input, 'btf' | 'btfSection' | 'ext'> {
  const own = (name: string): ElfSection | undefined =>
    elf.sections.find((section) => section.name === name && section.type === SHT_PROGBITS);
  const btfSection = own('.BTF');
  const btf = btfSection && within(btfSection, () => parseBtf(btfSection.data));
  const section = own('.BTF.ext');
  if (section && !btf) failIn(section, 0, 'there is no .BTF for it');
  const ext = section && btf && within(section, () => parseBtfExt(section.data, btf));
  return { btf, btfSection, ext };
}
