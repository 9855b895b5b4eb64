import { FormatError, utf8 } from '../../base/index.ts';
import { type Btf, type BtfExt, parseBtf, parseBtfExt } from '../../btf/index.ts';
import {
  EM_BPF,
  type ElfFile,
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
  parseElf,
  readRelocations,
  SHF_EXECINSTR,
  SHT_PROGBITS,
  SHT_REL,
  SHT_RELA,
} from '../../elf/index.ts';
import { type Code, decodeCode, INSN_SIZE } from '../../isa/index.ts';
import { type ObjectFile, parseObject } from '../../object/index.ts';
import { finding } from './codes.ts';
import type { Finding } from './types.ts';

/** A relocation with what it changes and what it names. */
export interface PlacedRelocation {
  readonly table: ElfSection;
  /** The section it changes. */
  readonly home: ElfSection;
  readonly relocation: ElfRelocation;
  readonly symbol: ElfSymbol;
}

/** An object on the doctor's table: every layer that can be read, read on its own. */
export interface Subject {
  readonly elf: ElfFile;
  readonly symbols: readonly ElfSymbol[];
  /** Code by section index. */
  readonly code: ReadonlyMap<number, Code>;
  readonly relocations: readonly PlacedRelocation[];
  readonly btf: Btf | undefined;
  readonly ext: BtfExt | undefined;
  /** The whole object, if it can be read as one. */
  readonly object: ObjectFile | undefined;
  readonly license: string;
  /** What could not be read. */
  readonly broken: readonly Finding[];
}

/** Takes the bytes apart, as far as it goes. Throws `FormatError` for what is no ELF64 file. */
export function examine(bytes: Uint8Array): Subject {
  const elf = parseElf(bytes);
  const broken: Finding[] = [];
  const attempt = <T>(read: () => T, failed: (error: FormatError) => Finding): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      broken.push(failed(error));
      return undefined;
    }
  };
  const unreadable = ({ message }: FormatError) => finding('unreadable', '', message);
  const symbols = attempt(() => elf.symbols, unreadable) ?? [];
  const whole = symbols.length > 0 || !elf.sections.some(isTable);
  const relocations = whole ? (attempt(() => relocationsOf(elf), unreadable) ?? []) : [];
  const code = codeOf(elf, broken);
  const data = (name: string) => elf.sections.find((one) => one.name === name)?.data;
  const types = data('.BTF');
  const btf = types && attempt(() => parseBtf(types), brokenBtf);
  const info = data('.BTF.ext');
  const ext = btf && info && attempt(() => parseBtfExt(info, btf), brokenExt);
  const object = elf.machine === EM_BPF ? attempt(() => parseObject(bytes), unreadable) : undefined;
  const license = object?.license ?? licenseOf(data('license'));
  return { elf, symbols, code, relocations, btf, ext, object, license, broken };
}

/** The licence of an object that cannot be read as a whole. */
const licenseOf = (data: Uint8Array | undefined): string =>
  data ? utf8(data).split('\0')[0]! : '';

const isTable = ({ type }: ElfSection): boolean => type === SHT_REL || type === SHT_RELA;

const brokenBtf = ({ message }: FormatError): Finding =>
  finding('broken-btf', '.BTF', message, { says: 'Error loading ELF section .BTF: -22.' });

const brokenExt = ({ message }: FormatError): Finding => {
  const says = 'Error loading ELF section .BTF.ext: -22. Ignored and continue.';
  return finding('broken-btf-ext', '.BTF.ext', message, { says });
};

function relocationsOf(elf: ElfFile): PlacedRelocation[] {
  return elf.sections.filter(isTable).flatMap((table) => {
    const home = elf.sections[table.info];
    if (!home || home.index === 0) return [];
    return readRelocations(elf, table).map((relocation) => {
      return { table, home, relocation, symbol: elf.symbols[relocation.symbol]! };
    });
  });
}

export const isCode = ({ type, flags, size }: ElfSection): boolean =>
  type === SHT_PROGBITS && (flags & SHF_EXECINSTR) !== 0 && size > 0;

function codeOf(elf: ElfFile, broken: Finding[]): Map<number, Code> {
  const code = new Map<number, Code>();
  for (const section of elf.sections.filter(isCode)) {
    const { name, data } = section;
    const rest = data.length % INSN_SIZE;
    if (rest > 0) broken.push(finding('code-size', name, `'${name}' has ${data.length} bytes`));
    code.set(section.index, decodeCode(data.subarray(0, data.length - rest), elf.littleEndian));
  }
  return code;
}

/** The instruction a relocation changes. */
export const insnOf = ({ relocation }: PlacedRelocation): number =>
  Math.floor(relocation.offset / INSN_SIZE);

/** Name of what a relocation is about, for people. */
export function symbolName({ elf }: Subject, symbol: ElfSymbol): string {
  return symbol.name || (elf.sections[symbol.section]?.name ?? `symbol ${symbol.index}`);
}

/** Name of the function whose instruction a relocation changes. */
export function functionAt({ symbols }: Subject, { home, relocation }: PlacedRelocation): string {
  const { offset } = relocation;
  const found = symbols.find(
    ({ type, section, value, size }) =>
      type === 'function' && section === home.index && value <= offset && offset < value + size,
  );
  return found?.name ?? home.name;
}
