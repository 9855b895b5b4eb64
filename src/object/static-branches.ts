import { ByteReader, FormatError } from '../base/index.ts';
import type { ElfRelocation, ElfSection } from '../elf/index.ts';
import { failIn, readRelocations, SHT_PROGBITS, SHT_REL, SHT_RELA } from '../elf/index.ts';
import type { Code } from '../isa/index.ts';
import { BPF_JA, BPF_JMP, BPF_JMP32, INSN_SIZE } from '../isa/index.ts';
import type { CodeSection } from './functions.ts';
import type { Part } from './link.ts';
import type { MapPlaces } from './relocations.ts';
import type { Source } from './source.ts';
import type { StaticBranchSpec } from './types.ts';

/** Where include/beeyard/static_key.h puts a record for each branch. */
export const STATIC_BRANCHES = '.static_branches';

/** u64 each: address of the jump, address it goes to, address of the key, flags. */
const RECORD_SIZE = 32;
const ADDRESSES = ['jump', 'target', 'key'] as const;
const FLAGS = 24;
/** The key takes the jump away. */
const INVERSE = 1n;

/** What linked code and tables have in common: a jump, where it goes, and which kind it is. */
export type StaticBranch = Pick<StaticBranchSpec, 'insn' | 'target' | 'inverse'>;

/** Branches as the table has them, by section of code: instructions count from its start. */
export type StaticBranches = ReadonlyMap<number, readonly StaticBranchSpec[]>;

const JUMP = BPF_JMP | BPF_JA;
const LONG_JUMP = BPF_JMP32 | BPF_JA;

/**
 * Reads the tables of static branches. Throws `FormatError` for one that is cut, has addresses that
 * are not relocated or lead to no instruction or map, or flags that are not known.
 */
export function readStaticBranches(
  source: Source,
  sections: ReadonlyMap<number, CodeSection>,
  maps: MapPlaces,
): StaticBranches {
  const found = new Map<number, StaticBranchSpec[]>();
  for (const table of source.elf.sections) {
    if (table.name !== STATIC_BRANCHES || table.type !== SHT_PROGBITS) continue;
    for (const [home, branch] of readTable({ source, sections, maps, table })) {
      const list = found.get(home) ?? [];
      found.set(home, list);
      list.push(branch);
    }
  }
  return found;
}

interface Table {
  readonly source: Source;
  readonly sections: ReadonlyMap<number, CodeSection>;
  readonly maps: MapPlaces;
  readonly table: ElfSection;
}

function readTable(place: Table): [section: number, StaticBranchSpec][] {
  const { table } = place;
  const { elf } = place.source;
  if (table.data.length % RECORD_SIZE !== 0) {
    failIn(table, table.data.length, `${table.data.length} bytes: no multiple of ${RECORD_SIZE}`);
  }
  const relocations = addressRelocations(place);
  const reader = new ByteReader(table.data, 'ELF', elf.littleEndian);
  const branches: [number, StaticBranchSpec][] = [];
  for (let at = 0; at < table.data.length; at += RECORD_SIZE) {
    const [jump, target, key] = ADDRESSES.map((what, i) =>
      addressAt(place, reader, relocations.get(at + 8 * i), at + 8 * i, what),
    );
    const flags = reader.u64(at + FLAGS);
    if (flags & ~INVERSE) failIn(table, at + FLAGS, `flags 0x${flags.toString(16)} are not known`);
    const insn = insnAt(place, jump!, at);
    const branch = {
      insn,
      target: insnAt(place, target!, at + 8),
      key: keyAt(place, key!, at + 16),
      inverse: flags === INVERSE,
    };
    if (target!.section !== jump!.section) failIn(table, at + 8, 'a jump to another section');
    branches.push([jump!.section, branch]);
  }
  return branches;
}

/** Relocations of the table by their place: one for each address, none of the flags. */
function addressRelocations({ source: { elf }, table }: Table): Map<number, ElfRelocation> {
  const relocations = new Map<number, ElfRelocation>();
  for (const each of elf.sections) {
    if ((each.type !== SHT_REL && each.type !== SHT_RELA) || each.info !== table.index) continue;
    for (const relocation of readRelocations(elf, each)) {
      const { offset } = relocation;
      const isAddress = offset % 8 === 0 && offset % RECORD_SIZE < FLAGS;
      if (!isAddress || relocations.has(offset)) failIn(table, offset, 'a relocation too many');
      relocations.set(offset, relocation);
    }
  }
  return relocations;
}

interface Address {
  readonly section: number;
  readonly offset: number;
}

function addressAt(
  { source: { elf }, table }: Table,
  reader: ByteReader,
  relocation: ElfRelocation | undefined,
  at: number,
  what: string,
): Address {
  if (!relocation) return failIn(table, at, `no relocation of the ${what}`);
  const symbol = elf.symbols[relocation.symbol]!;
  const addend = relocation.addend ?? Number(BigInt.asIntN(64, reader.u64(at)));
  return { section: symbol.section, offset: symbol.value + addend };
}

function insnAt({ sections, table }: Table, { section, offset }: Address, at: number): number {
  const home = sections.get(section);
  if (!home) return failIn(table, at, 'an address that is not in code');
  const inside = offset >= 0 && offset < home.section.size;
  if (!inside || offset % INSN_SIZE !== 0) failIn(table, at, `no instruction at byte ${offset}`);
  return offset / INSN_SIZE;
}

function keyAt({ maps, table }: Table, { section, offset }: Address, at: number): string {
  const key = maps.definitions.get(section)?.get(offset);
  return key ?? failIn(table, at, 'the key is no map');
}

/**
 * The branches of a program's functions, where they have come to stand. Throws `FormatError` for
 * more than `most`, and for one that leaves its function.
 */
export function linkedBranches(
  branches: StaticBranches,
  parts: readonly Part[],
  most: number,
): StaticBranchSpec[] {
  const linked: StaticBranchSpec[] = [];
  for (const { fn, start } of parts) {
    const { section } = fn.home;
    for (const branch of branches.get(section.index) ?? []) {
      const insn = branch.insn - fn.start;
      const target = branch.target - fn.start;
      if (insn < 0 || insn >= fn.size) continue;
      if (target < 0 || target >= fn.size) {
        failIn(section, 8 * branch.insn, `a static branch leaves '${fn.name}'`);
      }
      linked.push({ ...branch, insn: start + insn, target: start + target });
      if (linked.length > most)
        throw new FormatError('ELF', 0, 'programs repeat too many branches');
    }
  }
  return linked.sort((a, b) => a.insn - b.insn);
}

/**
 * Why these branches cannot be those of this code, if they cannot (Linux would answer EINVAL): each
 * must be a jump, with no registers, that goes nowhere, or to its target if it is an inverse one.
 */
export function staticBranchProblem(
  code: Code,
  branches: readonly StaticBranch[],
): string | undefined {
  const seen = new Set<number>();
  for (const branch of branches) {
    const problem = seen.has(branch.insn) ? 'is there twice' : problemOf(code, branch);
    if (problem) return `static branch at instruction ${branch.insn} ${problem}`;
    seen.add(branch.insn);
  }
  return undefined;
}

function problemOf(code: Code, { insn, target, inverse }: StaticBranch): string | undefined {
  const isPlace = (at: number): boolean => Number.isInteger(at) && at >= 0 && at < code.length;
  if (!isPlace(insn)) return 'is outside of the program';
  if (!isPlace(target)) return `goes to instruction ${target}, outside of the program`;
  const op = code.op[insn];
  if (op !== JUMP && op !== LONG_JUMP) return 'is not a jump';
  const [off, imm] = [code.off[insn]!, code.imm[insn]!];
  const distance = target - insn - 1;
  const [taken, other] = op === JUMP ? [off, imm] : [imm, off];
  if (code.dst[insn] !== 0 || code.src[insn] !== 0 || other !== 0) return 'uses reserved fields';
  if (inverse) return taken === distance ? undefined : 'does not jump to its target';
  if (taken !== 0) return 'jumps while its key is off';
  const fits = op === LONG_JUMP || (distance >= -0x8000 && distance <= 0x7fff);
  return fits ? undefined : 'cannot reach its target';
}

/** Writes the jump of a branch as it is while its key is `on`. */
export function patchStaticBranch(
  code: Pick<Code, 'op' | 'off' | 'imm'>,
  { insn, target, inverse }: StaticBranch,
  on: boolean,
): void {
  const distance = on === inverse ? 0 : target - insn - 1;
  if (code.op[insn] === LONG_JUMP) code.imm[insn] = distance;
  else code.off[insn] = distance;
}
