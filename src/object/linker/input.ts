import type { Btf, BtfDatasec, BtfExt } from '../../btf/index.ts';
import type { ElfFile, ElfSection, ElfSymbol } from '../../elf/index.ts';
import { SYMBOL_SIZE } from '../../elf/index.ts';
import type { OutputSection } from './output.ts';

/** An object to link, and what to call it in messages. */
export interface LinkInput {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A section of an input on its way into the output. */
export interface InputSection {
  readonly name: string;
  /** Undefined if only BTF knows it: `.ksyms`, `.kconfig`, a `.maps` of extern maps. */
  readonly elf: ElfSection | undefined;
  /** Data and code are merged, relocations rewritten; the rest is made anew or left out. */
  readonly role: 'data' | 'relocations' | 'dropped';
  /** What BTF says is in it, with the places symbols give. */
  datasec: BtfDatasec | undefined;
  /** The section it became part of. */
  output: OutputSection | undefined;
  /** Where its bytes start in `output`. */
  offset: number;
  /** Its bytes in the output, a copy that relocations change. */
  bytes: Uint8Array | undefined;
  /** The output holds the same bytes already (`license`, `version`). */
  duplicate: boolean;
}

/** An input taken apart. */
export interface Input {
  readonly name: string;
  readonly elf: ElfFile;
  readonly btf: Btf | undefined;
  /** The section `btf` was read from. */
  readonly btfSection: ElfSection | undefined;
  readonly ext: BtfExt | undefined;
  readonly symbolTable: ElfSection;
  /** By ELF index, then those that only BTF knows; 0 is the null section. */
  readonly sections: readonly InputSection[];
  /** Input symbol → output symbol; 0 where it has none. */
  readonly symbolIds: Uint32Array;
  /** Input type → output type; 0 where it has none. */
  readonly typeIds: Uint32Array;
}

/** A section that no output section has taken yet. */
export function newSection(
  name: string,
  role: InputSection['role'],
  elf: ElfSection | undefined,
): InputSection {
  return {
    name,
    elf,
    role,
    datasec: undefined,
    output: undefined,
    offset: 0,
    bytes: undefined,
    duplicate: false,
  };
}

/** Where a symbol stands in the file, for messages. */
export function symbolPlace({ symbolTable }: Input, { index }: ElfSymbol): number {
  return symbolTable.offset + index * SYMBOL_SIZE;
}
