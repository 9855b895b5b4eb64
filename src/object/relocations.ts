import { utf8 } from '../base/index.ts';
import type { ElfRelocation, ElfSection, ElfSymbol } from '../elf/index.ts';
import { failIn, readRelocations, SHN_LORESERVE, SHT_REL, SHT_RELA } from '../elf/index.ts';
import { BPF_PSEUDO_CALL, INSN_SIZE, LD_IMM64, CALL } from '../isa/index.ts';
import type { CodeSection } from './functions.ts';
import type { Source } from './source.ts';
import type { ExternSpec, MapSpec } from './types.ts';

/** What an instruction refers to, before programs are put together. */
export type Target =
  | { readonly kind: 'map'; readonly map: string }
  | { readonly kind: 'map_value'; readonly map: string; readonly offset: number }
  | { readonly kind: 'extern'; readonly extern: string; readonly call: boolean }
  /** A function: the section it is in and its first instruction there. */
  | { readonly kind: 'function'; readonly section: number; readonly start: number };

/** Where maps are in the file: what a relocation's symbol and addend are looked up in. */
export interface MapPlaces {
  /** Section → byte in it → name of the map defined there. */
  readonly definitions: ReadonlyMap<number, ReadonlyMap<number, string>>;
  /** Section → the map made from its bytes. */
  readonly data: ReadonlyMap<number, MapSpec>;
}

/** Targets of a section's instructions, by instruction index in the section. */
export type Targets = ReadonlyMap<number, Target>;

/** Resolves the relocations of every section with code. */
export function readTargets(
  source: Source,
  sections: ReadonlyMap<number, CodeSection>,
  maps: MapPlaces,
  externs: ReadonlyMap<string, ExternSpec>,
): Map<number, Targets> {
  const tables = source.elf.sections.flatMap((table) => {
    const home = relocatedSection(table, sections);
    return home ? [[home, readRelocations(source.elf, table)] as const] : [];
  });
  const countsTwice = countsSymbolsTwice(source, tables);
  const bySection = new Map<number, Map<number, Target>>();
  for (const [home, relocations] of tables) {
    const targets = bySection.get(home.section.index) ?? new Map<number, Target>();
    bySection.set(home.section.index, targets);
    for (const relocation of relocations) {
      const place = { source, sections, maps, externs, home, relocation, countsTwice };
      targets.set(relocation.offset / INSN_SIZE, readTarget(place));
    }
  }
  return bySection;
}

function relocatedSection(
  table: ElfSection,
  sections: ReadonlyMap<number, CodeSection>,
): CodeSection | undefined {
  const isTable = table.type === SHT_REL || table.type === SHT_RELA;
  return isTable ? sections.get(table.info) : undefined;
}

/** What a relocation adds to its symbol's address, in bytes. */
function addendOf(place: Place, symbol: ElfSymbol, insn: number): number {
  const { home, relocation } = place;
  if (relocation.addend !== undefined) return relocation.addend;
  const imm = home.code.imm[insn]!;
  const call = home.code.op[insn] === CALL;
  if (place.countsTwice && symbol.type !== 'section') return (call ? imm + 1 : imm) - symbol.value;
  // A call's imm counts instructions from the next one, so a call of the symbol itself has -1.
  return call ? (imm + 1) * INSN_SIZE : imm;
}

/**
 * The assembler of binutils 2.40 (which bpf-gcc 12 uses) puts a global symbol's address into the
 * instruction too, in bytes, though its relocation adds it. True for objects made so: theirs is a
 * comment of GCC, and no relocation of a global symbol has less than the symbol's address in place.
 */
export function countsSymbolsTwice(
  { elf }: Pick<Source, 'elf'>,
  tables: readonly (readonly [CodeSection, readonly ElfRelocation[]])[],
): boolean {
  const comment = elf.sections.find(({ name }) => name === '.comment');
  if (!comment || !utf8(comment.data).includes('GCC: ')) return false;
  return tables.every(([{ code }, relocations]) =>
    relocations.every(({ offset, symbol: index, addend }) => {
      const symbol = elf.symbols[index]!;
      const insn = Math.floor(offset / INSN_SIZE);
      const inPlace = code.imm[insn]! + (code.op[insn] === CALL ? 1 : 0);
      return addend === undefined && (symbol.type === 'section' || inPlace >= symbol.value);
    }),
  );
}

/** One relocation and all it may refer to. */
interface Place {
  readonly source: Source;
  readonly sections: ReadonlyMap<number, CodeSection>;
  readonly maps: MapPlaces;
  readonly externs: ReadonlyMap<string, ExternSpec>;
  readonly home: CodeSection;
  readonly relocation: ElfRelocation;
  readonly countsTwice: boolean;
}

function fail(place: Place, reason: string): never {
  return failIn(place.home.section, place.relocation.offset, reason);
}

function readTarget(place: Place): Target {
  const { home, relocation, source } = place;
  if (relocation.offset % INSN_SIZE !== 0) fail(place, 'relocation inside an instruction');
  const insn = relocation.offset / INSN_SIZE;
  const op = home.code.op[insn]!;
  if (op !== CALL && op !== LD_IMM64)
    fail(place, `relocation of an instruction 0x${op.toString(16)}`);
  if (op === LD_IMM64 && insn + 1 >= home.code.length) fail(place, 'half an ld_imm64');
  const symbol = source.elf.symbols[relocation.symbol]!;
  if (symbol.section === 0) return externTarget(place, symbol, op === CALL);
  if (symbol.section >= SHN_LORESERVE) {
    fail(
      place,
      `'${symbol.name}' is in no section (a global without initial value in a .c of C89?)`,
    );
  }
  return op === CALL ? calledFunction(place, symbol, insn) : loadedAddress(place, symbol, insn);
}

function externTarget(place: Place, symbol: ElfSymbol, call: boolean): Target {
  if (!place.externs.has(symbol.name)) fail(place, `nothing defines '${symbol.name}'`);
  return { kind: 'extern', extern: symbol.name, call };
}

function calledFunction(place: Place, symbol: ElfSymbol, insn: number): Target {
  if (place.home.code.src[insn] !== BPF_PSEUDO_CALL) {
    fail(place, `call of '${symbol.name}' is not a bpf call`);
  }
  const offset = symbol.value + addendOf(place, symbol, insn);
  return functionTarget(place, symbol, offset / INSN_SIZE);
}

function functionTarget(place: Place, symbol: ElfSymbol, start: number): Target {
  if (!place.sections.has(symbol.section)) fail(place, `'${symbol.name}' is not code`);
  if (!Number.isInteger(start)) fail(place, `'${symbol.name}' is inside an instruction`);
  return { kind: 'function', section: symbol.section, start };
}

function loadedAddress(place: Place, symbol: ElfSymbol, insn: number): Target {
  const offset = symbol.value + addendOf(place, symbol, insn);
  if (place.sections.has(symbol.section)) return functionTarget(place, symbol, offset / INSN_SIZE);
  const definitions = place.maps.definitions.get(symbol.section);
  if (definitions) {
    const map = definitions.get(offset);
    return map !== undefined
      ? { kind: 'map', map }
      : fail(place, `no map starts at byte ${offset}`);
  }
  const data = place.maps.data.get(symbol.section);
  if (data) return { kind: 'map_value', map: data.name, offset };
  const section = place.source.elf.sections[symbol.section]!;
  return fail(place, `'${symbol.name}' is in section ${section.name}, which becomes no map`);
}
