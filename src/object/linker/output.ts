import { FormatError } from '../../base/index.ts';
import type {
  BtfSectionVar,
  CoreRelocation,
  FuncInfo,
  LineInfo,
  NewBtfType,
} from '../../btf/index.ts';
import type { ElfSection, NewSymbol } from '../../elf/index.ts';
import { alignUp, SHN_LORESERVE, SHT_NOBITS, StringTable } from '../../elf/index.ts';
import type { Input } from './input.ts';

/** Sections that are there from the start: `.strtab` is 1, `.symtab` 2. */
export const STRTAB_INDEX = 1;
export const SYMTAB_INDEX = 2;

/** What an output section is in ELF; those of externs only exist in BTF. */
interface ElfPart {
  readonly index: number;
  readonly nameOffset: number;
  readonly type: number;
  readonly flags: number;
  readonly entrySize: number;
  align: number;
  link: number;
  info: number;
}

/** A variable or function in a datasec of the output; it moves when another definition counts. */
export type SectionEntry = { -readonly [K in keyof BtfSectionVar]: BtfSectionVar[K] };

/** A section of the output. */
export class OutputSection {
  readonly name: string;
  elf: ElfPart | undefined;
  size = 0;
  /** Output symbol that stands for the section, or 0. */
  symbol = 0;
  /** A datasec of this name is to be written. */
  described = false;
  readonly vars = new Set<SectionEntry>();
  readonly functions: FuncInfo[] = [];
  readonly lines: LineInfo[] = [];
  readonly coreRelocations: CoreRelocation[] = [];
  readonly #chunks: { readonly offset: number; readonly bytes: Uint8Array }[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** Index in the file, 0 for a section that only BTF knows. */
  get index(): number {
    return this.elf?.index ?? 0;
  }

  /** Appends `size` bytes (none in the file if `bytes` is undefined); returns where they start. */
  append(size: number, align: number, bytes: Uint8Array | undefined): number {
    const elf = this.elf!;
    elf.align = Math.max(elf.align, align, 1);
    const offset = alignUp(this.size, elf.align);
    if (bytes) this.#chunks.push({ offset, bytes });
    this.size = offset + size;
    return offset;
  }

  /** Its bytes; for SHT_NOBITS their number. */
  contents(): Uint8Array | number {
    if (this.elf?.type === SHT_NOBITS) return this.size;
    const bytes = new Uint8Array(this.size);
    for (const chunk of this.#chunks) bytes.set(chunk.bytes, chunk.offset);
    return bytes;
  }
}

/** A symbol of the output; it changes while definitions are found. */
export type OutputSymbol = { -readonly [K in keyof NewSymbol]: NewSymbol[K] };

/** A name that all inputs share. */
export interface GlobalSymbol {
  readonly name: string;
  readonly id: number;
  readonly symbol: OutputSymbol;
  /** Where it is, or for externs the section that BTF lists them in (`.ksyms`). */
  section: OutputSection | undefined;
  extern: boolean;
  weak: boolean;
  /** The type its first or (better) its defining input gives it. */
  type: { readonly input: Input; readonly id: number };
  /** Id of its var or func in the output, 0 before it is there. */
  typeId: number;
  /** The type of the last definition has not replaced the one in the output yet. */
  stale: boolean;
  /** Its entry in the datasec of its section. */
  entry: SectionEntry | undefined;
}

/** The object that is being put together. */
export class Output {
  readonly littleEndian: boolean;
  readonly strings = new StringTable();
  readonly symbols: OutputSymbol[] = [];
  readonly globals = new Map<string, GlobalSymbol>();
  /** By id; `void` is first. */
  readonly types: NewBtfType[] = [{ kind: 'void', name: '' }];
  /** Strings of BTF in the order in which libbpf's linker meets them. */
  readonly texts = new Set<string>();
  readonly #sections = new Map<string, OutputSection>();
  #nextIndex = SYMTAB_INDEX + 1;
  #room: number;

  /** `room`: the most bytes the sections may take together. */
  constructor(littleEndian: boolean, room: number) {
    this.littleEndian = littleEndian;
    this.#room = room;
    this.strings.add('.strtab');
    this.strings.add('.symtab');
  }

  /** In the order they were first met. */
  get sections(): Iterable<OutputSection> {
    return this.#sections.values();
  }

  section(name: string): OutputSection | undefined {
    return this.#sections.get(name);
  }

  addSection(name: string): OutputSection {
    const section = new OutputSection(name);
    this.#sections.set(name, section);
    return section;
  }

  /** Gives a section its place in the file. */
  makeReal(section: OutputSection, like: ElfSection): void {
    const index = this.#nextIndex++;
    if (index + 2 >= SHN_LORESERVE) throw new FormatError('link', 0, 'too many sections in all');
    section.size = 0;
    section.elf = {
      index,
      nameOffset: this.strings.add(like.name),
      type: like.type,
      flags: like.flags,
      entrySize: like.entrySize,
      align: like.align,
      link: 0,
      info: 0,
    };
  }

  /** Takes `size` bytes off what the output may hold. */
  reserve(size: number): void {
    this.#room -= size;
    if (this.#room < 0) throw new FormatError('link', 0, 'the output would dwarf its inputs');
  }

  /** Adds a type, whose ids are those of the output. */
  addType(type: NewBtfType): void {
    this.types.push(type);
    this.texts.add(type.name);
    for (const { name } of namedParts(type)) this.texts.add(name);
  }

  /** Adds a symbol and returns its index. */
  addSymbol(symbol: OutputSymbol): number {
    return this.symbols.push(symbol);
  }
}

function namedParts(type: NewBtfType): readonly { readonly name: string }[] {
  switch (type.kind) {
    case 'struct':
    case 'union':
      return type.members;
    case 'enum':
    case 'enum64':
      return type.values;
    case 'func_proto':
      return type.params;
    default:
      return [];
  }
}
