/** From which kernel on an object loads, what it needs for that, and what no standard has. */
import {
  constants,
  firstVersion,
  helperName,
  isExtensionMap,
  KERNEL_VERSIONS,
  type KernelProfile,
  mapTypeName,
  versionCodeOf,
} from '../../abi/index.ts';
import { KernelError } from '../../base/index.ts';
import { type ConformanceGroup, decodeCode, insnInfo, insnSlots } from '../../isa/index.ts';
import { lineOf, type MapSpec, type ObjectFile, type ProgramSpec } from '../../object/index.ts';
import { verifierInput, verify } from '../../verifier/index.ts';
import { groupsOf } from '../conformance/suite.ts';
import { type Requirement, requirementsOf } from '../matrix/requirements.ts';

/** Where something stands. */
export interface Place {
  readonly program?: string;
  readonly map?: string;
  readonly insn?: number;
  readonly function?: string;
  readonly source?: { readonly file: string; readonly line: number; readonly text: string };
}

/** A feature of Linux, the first place that needs it, and the version it came with. */
export interface CompatNeed extends Requirement {
  readonly place: Place;
}

/** Something that RFC 9669 does not have, and where it is first used. */
export interface BeyondStandard {
  readonly kind: 'instruction' | 'helper' | 'kfunc' | 'kernel_symbol' | 'kconfig' | 'core' | 'map';
  readonly name: string;
  /** How many places use it. */
  readonly uses: number;
  readonly place: Place;
}

/** What a kernel whose rules are known makes of a program. */
export interface ExactVerdict {
  readonly kernel: string;
  readonly verdict: 'accepted' | 'rejected';
  readonly reason?: string;
}

/** One program. */
export interface ProgramCompat {
  readonly program: string;
  /** First version it loads on; undefined: no kernel that is known loads it. */
  readonly lowest: string | undefined;
  /**
   * Set where the features are older than the first kernel that is known to load it: some version
   * from `lowest` up to this one is the first.
   */
  readonly atMost?: string;
  readonly verdicts: readonly ExactVerdict[];
  /** Newest first. */
  readonly needs: readonly CompatNeed[];
  readonly groups: readonly ConformanceGroup[];
  readonly beyond: readonly BeyondStandard[];
}

/** An object: it loads where all programs do that are loaded by default, and all maps. */
export interface ObjectCompat {
  readonly lowest: string | undefined;
  readonly atMost?: string;
  readonly groups: readonly ConformanceGroup[];
  readonly programs: readonly ProgramCompat[];
  /** What its maps and types need, newest first. */
  readonly needs: readonly CompatNeed[];
  /** Maps of types that only beeyard has: no Linux makes them. */
  readonly unknown: readonly string[];
  /** What libbpf takes out of its types for kernels that are older: nothing is lost by it. */
  readonly replaced: readonly CompatNeed[];
}

const FIRST = '3.18';

/**
 * Holds an object against the tables of first versions and, on kernels whose rules are known
 * (`profiles` by version), against their verifiers.
 *
 * @example
 * compatOf(object, profiles, 'firewall').lowest; // '5.8'
 */
export function compatOf(
  object: ObjectFile,
  profiles: ReadonlyMap<string, KernelProfile>,
  objectName = '',
): ObjectCompat {
  const programs = object.programs.map((program) =>
    programCompat(object, program, profiles, objectName),
  );
  const needs = object.maps.filter(({ autocreate }) => autocreate !== false).flatMap(mapNeeds);
  const loaded = programs.filter((_, i) => object.programs[i]!.autoload !== false);
  const unknown = object.maps
    .filter(({ typeId }) => isExtensionMap(typeId))
    .map(({ name }) => name);
  const possible = unknown.length === 0 && loaded.every(({ lowest }) => lowest !== undefined);
  const versions = [...loaded.map(({ lowest }) => lowest ?? FIRST), ...needs.map((n) => n.since)];
  const lowest = possible ? newest(versions) : undefined;
  const most = newest([FIRST, ...loaded.flatMap(({ atMost }) => atMost ?? [])]);
  const unsure = lowest !== undefined && versionCodeOf(most) > versionCodeOf(lowest);
  const groups = new Set(programs.flatMap((one) => one.groups));
  return {
    lowest,
    ...(unsure && { atMost: most }),
    groups: [...groups],
    programs,
    needs: sorted(needs),
    unknown,
    replaced: sorted(typeNeeds(object)),
  };
}

const newest = (versions: readonly string[]): string =>
  versions.reduce((a, b) => (versionCodeOf(b) > versionCodeOf(a) ? b : a), FIRST);

const sorted = <Need extends Requirement>(needs: readonly Need[]): Need[] =>
  needs.toSorted((a, b) => versionCodeOf(b.since) - versionCodeOf(a.since));

interface Answer extends ExactVerdict {
  readonly requirements: readonly Requirement[];
}

function programCompat(
  object: ObjectFile,
  program: ProgramSpec,
  profiles: ReadonlyMap<string, KernelProfile>,
  objectName: string,
): ProgramCompat {
  const answers = KERNEL_VERSIONS.toSorted((a, b) => versionCodeOf(a) - versionCodeOf(b)).flatMap(
    (kernel) => {
      const profile = profiles.get(kernel);
      return profile ? [ask(object, program, kernel, profile, objectName)] : [];
    },
  );
  const first = answers.findIndex(({ verdict }) => verdict === 'accepted');
  // A program may do without on older kernels what it uses on newer ones: the oldest tells best.
  const best = answers[first] ?? answers.at(-1);
  const needs = (best?.requirements ?? []).map((one) => ({
    ...one,
    place: placeOf(program, one.insn),
  }));
  const features = newest(needs.filter(({ weak }) => !weak).map(({ since }) => since));
  const refuser = first > 0 ? answers[first - 1]! : undefined;
  const bound = best && refuser && versionCodeOf(refuser.kernel) >= versionCodeOf(features);
  const lowest =
    versionCodeOf(features) > versionCodeOf(best?.kernel ?? features) ? best!.kernel : features;
  return {
    program: program.name,
    lowest: first < 0 ? undefined : bound ? after(refuser.kernel) : lowest,
    ...(bound && { atMost: best.kernel }),
    verdicts: answers.map(verdictOf),
    needs: sorted(needs),
    groups: groupsOf(decodeCode(program.insns)),
    beyond: beyondOf(object, program),
  };
}

const verdictOf = ({ kernel, verdict, reason }: Answer): ExactVerdict => ({
  kernel,
  verdict,
  ...(reason !== undefined && { reason }),
});

/** The release behind a version. */
function after(version: string): string {
  const [major, minor] = version.split('.');
  return `${major}.${Number(minor) + 1}`;
}

function ask(
  object: ObjectFile,
  program: ProgramSpec,
  kernel: string,
  profile: KernelProfile,
  objectName: string,
): Answer {
  try {
    const input = verifierInput(object, program, profile, { objectName });
    const { ok, facts, reason, errnoName } = verify(input, profile, { portable: true });
    const requirements = requirementsOf(object, program, input, ok ? facts.seen : undefined);
    if (ok) return { kernel, verdict: 'accepted', requirements };
    const words = reason?.text.split('\n')[0] ?? errnoName ?? '';
    return { kernel, verdict: 'rejected', reason: words, requirements };
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return { kernel, verdict: 'rejected', reason: error.message, requirements: [] };
  }
}

function placeOf(program: ProgramSpec, insn: number | undefined): Place {
  if (insn === undefined) return { program: program.name };
  const line = lineOf(program.lines, insn);
  const source = line && { file: line.file, line: line.line, text: line.text.trim() };
  const { name } = program.functions.findLast(({ start }) => start <= insn)!;
  return { program: program.name, insn, function: name, ...(source && { source }) };
}

/** Type and flags of a map: libbpf makes every map of an object, used or not. */
function mapNeeds(map: MapSpec): CompatNeed[] {
  const place = { map: map.name };
  const needs: CompatNeed[] = [];
  const type = mapTypeName(map.typeId);
  const since = type === undefined ? undefined : firstVersion('map_type', type);
  if (since) needs.push({ kind: 'map_type', name: type!, since, place });
  for (const name of FLAGS) {
    // libbpf maps global variables into memory only where the kernel can.
    if (map.dataSection && name === 'MMAPABLE') continue;
    if ((map.flags & Number(constants[`BPF_F_${name}`])) === 0) continue;
    needs.push({ kind: 'map_flag', name, since: firstVersion('map_flag', name)!, place });
  }
  return map.inner ? [...needs, ...mapNeeds({ ...map.inner, name: map.name })] : needs;
}

const FLAGS = [
  'NO_PREALLOC',
  'NO_COMMON_LRU',
  'NUMA_NODE',
  'RDONLY',
  'WRONLY',
  'STACK_BUILD_ID',
  'ZERO_SEED',
  'RDONLY_PROG',
  'WRONLY_PROG',
  'CLONE',
  'MMAPABLE',
  'PRESERVE_ELEMS',
  'INNER_MAP',
  'LINK',
  'SEGV_ON_FAULT',
  'NO_USER_CONV',
] as const;

function typeNeeds({ btf }: ObjectFile): CompatNeed[] {
  const kinds = new Set(btf?.types.map(({ kind }) => kind));
  return [...kinds].flatMap((name) => {
    const since = firstVersion('btf_kind', name);
    return since ? [{ kind: 'btf_kind', name, since, place: {} } as const] : [];
  });
}

/** What a program uses that RFC 9669 leaves to platforms, each with its first place. */
function beyondOf(object: ObjectFile, program: ProgramSpec): BeyondStandard[] {
  const found = new Map<string, BeyondStandard>();
  const add = (kind: BeyondStandard['kind'], name: string, insn: number) => {
    const key = `${kind} ${name}`;
    const uses = (found.get(key)?.uses ?? 0) + 1;
    const place = found.get(key)?.place ?? placeOf(program, insn);
    found.set(key, { kind, name, uses, place });
  };
  const code = decodeCode(program.insns);
  for (let insn = 0; insn < code.length; insn += insnSlots(code, insn)) {
    const info = insnInfo(code.op[insn]!, code.off[insn], code.src[insn], code.imm[insn]);
    if (info?.linux) add('instruction', info.name, insn);
    if (info?.kind !== 'call_helper') continue;
    if (program.relocations.some((one) => one.insn === insn && one.kind === 'extern')) continue;
    const id = code.imm[insn]!;
    add('helper', helperName(id) === undefined ? `#${id}` : `bpf_${helperName(id)}`, insn);
  }
  for (const relocation of program.relocations) {
    const { insn, kind } = relocation;
    if (kind === 'map' || kind === 'map_value') {
      const map = object.maps.find(({ name }) => name === relocation.map);
      add('map', map?.dataSection ? 'global variables' : (map?.type ?? 'of unknown type'), insn);
    } else {
      const extern = object.externs.find(({ name }) => name === relocation.extern);
      add(EXTERNS[extern?.kind ?? 'ksym_variable'], relocation.extern, insn);
    }
  }
  for (const { insn, kind } of program.coreRelocations) add('core', kind, insn);
  return [...found.values()];
}

const EXTERNS = {
  ksym_function: 'kfunc',
  ksym_variable: 'kernel_symbol',
  kconfig: 'kconfig',
} as const;
