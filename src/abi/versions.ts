/** Which kernel a feature needs. */
import {
  attachTypeVersions,
  helperVersions,
  kfuncVersions,
  mapFlagVersions,
  mapTypeVersions,
  programTypeVersions,
  type VersionTable,
} from './version-tables.ts';

/** What a feature is. */
export type FeatureKind =
  | 'program_type'
  | 'attach_type'
  | 'map_type'
  | 'map_flag'
  | 'helper'
  | 'kfunc'
  | 'instruction'
  | 'flag'
  | 'btf_kind';

/** Instructions that older kernels do not know, or do not take from a loader. */
export const instructionVersions = {
  'call of a function of its own': '4.16',
  'jump on less': '4.14',
  '32-bit jump': '5.1',
  'more than 4096 instructions': '5.2',
  'address of a global variable': '5.2',
  loop: '5.3',
  'address of a kernel symbol': '5.10',
  'atomic operation with a result': '5.12',
  'address of a function': '5.13',
  'call of a kernel function': '5.13',
  'map by its place': '5.14',
  'sign extension': '6.6',
  'signed division': '6.6',
  'byte swap': '6.6',
  'jump over a 32-bit distance': '6.6',
  may_goto: '6.9',
  'cast between address spaces': '6.9',
} as const;

/** Kinds of BTF types. libbpf takes those that a kernel does not know out of what it loads. */
export const btfKindVersions = {
  float: '5.13',
  decl_tag: '5.16',
  type_tag: '5.17',
  enum64: '6.0',
} as const;

/** Flags a program is loaded with. */
export const flagVersions = { sleepable: '5.10', frags: '5.18' } as const;

function byName(table: VersionTable): ReadonlyMap<string, string> {
  const rows = Object.entries(table);
  return new Map(
    rows.flatMap(([version, names]) => names.split(' ').map((name) => [name, version] as const)),
  );
}

const TABLES: Readonly<Record<FeatureKind, ReadonlyMap<string, string>>> = {
  program_type: byName(programTypeVersions),
  attach_type: byName(attachTypeVersions),
  map_type: byName(mapTypeVersions),
  map_flag: byName(mapFlagVersions),
  helper: byName(helperVersions),
  kfunc: byName(kfuncVersions),
  instruction: new Map(Object.entries(instructionVersions)),
  flag: new Map(Object.entries(flagVersions)),
  btf_kind: new Map(Object.entries(btfKindVersions)),
};

/**
 * The first version with a feature, as upstream counts; undefined if it is not in the tables.
 *
 * @example
 * firstVersion('helper', 'loop'); // '5.17'
 */
export function firstVersion(kind: FeatureKind, name: string): string | undefined {
  return TABLES[kind].get(name);
}

/** Names that the table of a kind has. */
export function versionedNames(kind: FeatureKind): readonly string[] {
  return [...TABLES[kind].keys()];
}
