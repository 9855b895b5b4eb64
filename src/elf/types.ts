/** An ELF64 file taken apart; what its sections mean is for others to say. */
export interface ElfFile {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  /** e_type: 1 relocatable, 2 executable, 3 shared. */
  readonly type: number;
  /** e_machine: 247 is BPF. */
  readonly machine: number;
  readonly flags: number;
  readonly entry: bigint;
  /** By section index; 0 is the null section. */
  readonly sections: readonly ElfSection[];
  /**
   * By symbol index, from the first symbol table; 0 is the null symbol. Read at the first use,
   * which throws `FormatError` if they are broken.
   */
  readonly symbols: readonly ElfSymbol[];
}

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** SHT_* */
  readonly type: number;
  /** SHF_* bits (the low 32; no higher one is in use). */
  readonly flags: number;
  readonly address: bigint;
  /** Where its bytes are in the file. */
  readonly offset: number;
  /** Bytes in memory; more than `data` holds only for SHT_NOBITS. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entrySize: number;
  /** Its bytes in the file, a view and no copy; empty for SHT_NOBITS. */
  readonly data: Uint8Array;
}

export interface ElfSymbol {
  readonly index: number;
  readonly name: string;
  /** In relocatable files the byte in its section. Exact up to 2^53: see `address`. */
  readonly value: number;
  /** The value in full, for files whose symbols are addresses (a kernel's are above 2^63). */
  readonly address: bigint;
  readonly size: number;
  readonly type: ElfSymbolType;
  readonly binding: 'local' | 'global' | 'weak' | 'other';
  readonly visibility: 'default' | 'internal' | 'hidden' | 'protected';
  /** Section index, 0 for undefined, 0xfff1 absolute, 0xfff2 common. */
  readonly section: number;
}

export type ElfSymbolType = 'none' | 'object' | 'function' | 'section' | 'file' | 'other';

export interface ElfRelocation {
  /** Place of its record in the file, for messages. */
  readonly at: number;
  /** Byte in the target section to change. */
  readonly offset: number;
  readonly type: number;
  readonly symbol: number;
  /** Undefined for SHT_REL: the addend is what stands at `offset`. */
  readonly addend: number | undefined;
}

/** Words by their number in a symbol's `st_info` and `st_other`. */
export const SYMBOL_TYPES: readonly ElfSymbolType[] = [
  'none',
  'object',
  'function',
  'section',
  'file',
];
export const BINDINGS = ['local', 'global', 'weak'] as const;
export const VISIBILITIES = ['default', 'internal', 'hidden', 'protected'] as const;

export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHF_WRITE = 1;
export const SHF_ALLOC = 2;
export const SHF_EXECINSTR = 4;
export const SHF_STRINGS = 32;
/** Section indices from here on are not indices. */
export const SHN_LORESERVE = 0xff00;
export const EM_BPF = 247;
/** e_type of relocatable objects. */
export const ET_REL = 1;
