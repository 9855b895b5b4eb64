import { ByteReader, FormatError, utf8 } from '../base/index.ts';
import type { Btf } from '../btf/index.ts';
import { parseBtf } from '../btf/index.ts';
import { isElf, parseElf } from '../elf/index.ts';
import { encodeCode } from '../isa/index.ts';
import { readExterns } from './externs.ts';
import type { ObjectFunction } from './functions.ts';
import { readCodeSections, readFunctions } from './functions.ts';
import { DebugInfo } from './lines.ts';
import { FunctionIndex, linkProgram } from './link.ts';
import { readMaps } from './maps.ts';
import { readTargets } from './relocations.ts';
import { sectionMeaning } from './sections.ts';
import type { Source } from './source.ts';
import { readSource, sectionNamed, within } from './source.ts';
import { linkedBranches, readStaticBranches, type StaticBranches } from './static-branches.ts';
import type { ObjectFile, ProgramSpec } from './types.ts';

/**
 * All programs of an object together have no more instructions, lines and relocations than this,
 * those of functions they share repeated: or a part of the file's size, where that is more.
 */
const MAX_INSNS = 1 << 20;
const MAX_RECORDS = 1 << 18;

/**
 * Reads a BPF object: programs with their subprograms put behind them, maps, globals, externs,
 * types and source lines, as libbpf would load them. Objects of clang 14 to 19 and of bpf-gcc 12
 * are read; big-endian ones too (instructions in host order, data as it is).
 *
 * Throws `FormatError` with the offset in the file for anything that is not such an object.
 *
 * @example
 * const object = parseObject(await readFile('firewall.bpf.o'));
 * object.programs.map(({ name, type }) => `${name}: ${type}`);
 */
export function parseObject(bytes: Uint8Array): ObjectFile {
  const source = readSource(bytes);
  const sections = readCodeSections(source);
  const functions = readFunctions(source, sections);
  const externs = readExterns(source);
  const types = sectionNamed(source.elf, '.BTF');
  const maps = types ? within(types, () => readMaps(source)) : readMaps(source);
  const targets = readTargets(source, sections, maps.places, externs);
  const index = new FunctionIndex(functions, targets);
  const branches = readStaticBranches(source, sections, maps.places);
  noteUnhandled(source);
  return {
    littleEndian: source.elf.littleEndian,
    license: readLicense(source),
    version: readVersion(source),
    programs: readPrograms(source, functions, index, branches),
    maps: maps.specs,
    btf: source.btf,
    externs: [...externs.values()],
    notes: source.notes,
  };
}

/**
 * The types in a file as the compiler left them: a BPF object, any other ELF file with a `.BTF`
 * section, or raw BTF such as `/sys/kernel/btf/vmlinux`. `base` is for split BTF.
 */
export function parseBtfFile(bytes: Uint8Array, base?: Btf): Btf {
  if (!isElf(bytes)) return parseBtf(bytes, base);
  const section = sectionNamed(parseElf(bytes), '.BTF');
  if (!section) throw new FormatError('ELF', 0, 'the file has no .BTF section');
  return within(section, () => parseBtf(section.data, base));
}

function readLicense({ elf }: Source): string {
  const bytes = sectionNamed(elf, 'license')?.data ?? new Uint8Array(0);
  const end = bytes.indexOf(0);
  return utf8(end < 0 ? bytes : bytes.subarray(0, end));
}

function readVersion({ elf }: Source): number {
  const section = sectionNamed(elf, 'version');
  if (!section) return 0;
  return within(section, () => new ByteReader(section.data, 'version', elf.littleEndian).u32(0));
}

function noteUnhandled({ elf, notes }: Source): void {
  for (const section of elf.sections) {
    if (/^\.rela?\.(data|rodata|bss)(\.|$)/.test(section.name) && section.size > 0) {
      notes.push(`${section.name}: addresses in initial values of globals are not filled in`);
    }
  }
}

function readPrograms(
  source: Source,
  functions: readonly ObjectFunction[],
  index: FunctionIndex,
  branches: StaticBranches,
): ProgramSpec[] {
  const debug = new DebugInfo(source);
  const callbacks = exceptionCallbacks(source);
  const size = source.elf.bytes.length;
  let insnsLeft = Math.max(MAX_INSNS, size >> 2);
  let recordsLeft = Math.max(MAX_RECORDS, size >> 4);
  return entryPoints(functions).map((main) => {
    const callback = callbacks.get(main.name);
    const extra = functions.filter((fn) => isText(fn) && fn.name === callback);
    const { code, parts, relocations } = linkProgram(main, index, extra, insnsLeft);
    insnsLeft -= code.length;
    const lines = debug.lines(parts, recordsLeft);
    recordsLeft -= lines.length;
    const coreRelocations = debug.coreRelocations(parts, recordsLeft);
    recordsLeft -= coreRelocations.length;
    const staticBranches = linkedBranches(branches, parts, recordsLeft);
    recordsLeft -= staticBranches.length;
    return {
      name: main.name,
      section: main.home.section.name,
      ...sectionMeaning(main.home.section.name),
      ...(main.home.section.name.startsWith('?') && { autoload: false as const }),
      insns: encodeCode(code),
      functions: debug.functions(parts, extra[0]),
      relocations,
      lines,
      described: debug.describes(parts),
      coreRelocations,
      ...(staticBranches.length > 0 && { staticBranches }),
    };
  });
}

const isText = (fn: ObjectFunction): boolean => fn.home.section.name === '.text';

/**
 * Functions one can load: those in sections of their own. What is in `.text` are subprograms,
 * unless there is nothing else (then the object is a bare function, as test suites make them).
 */
function entryPoints(functions: readonly ObjectFunction[]): ObjectFunction[] {
  const visible = functions.filter((fn) => !fn.local);
  const named = visible.filter((fn) => !isText(fn));
  return named.length > 0 ? named : visible;
}

const EXCEPTION_CALLBACK = 'exception_callback:';

/**
 * Program → function to run when it throws, from declaration tags; none if several are named, which
 * the verifier refuses.
 */
function exceptionCallbacks({ btf }: Source): Map<string, string | undefined> {
  const callbacks = new Map<string, string | undefined>();
  for (const type of btf?.types ?? []) {
    if (type.kind !== 'decl_tag' || !type.name.startsWith(EXCEPTION_CALLBACK)) continue;
    const { name } = btf!.type(type.type);
    const callback = type.name.slice(EXCEPTION_CALLBACK.length);
    callbacks.set(name, callbacks.has(name) ? undefined : callback);
  }
  return callbacks;
}
