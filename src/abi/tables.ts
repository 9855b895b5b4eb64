/**
 * The generated tables of a kernel. Those of 6.12 are whole; an older kernel's package of facts
 * holds what differs, which is laid over them.
 */
import { rawProgramTypes, rawSelectors } from './generated/6.12/availability.ts';
import type { RawProgramType, RawSelector } from './generated/6.12/availability.ts';
import { btfSets } from './generated/6.12/btf-sets.ts';
import { enums } from './generated/6.12/enums.ts';
import { helperNames } from './generated/6.12/helpers.ts';
import { kptrDestructors, rawKfuncSets, type RawKfuncSet } from './generated/6.12/kfuncs.ts';
import { type RawMapType, rawMapTypes } from './generated/6.12/map-ops.ts';
import { rawPrototypes, type RawPrototype } from './generated/6.12/prototypes.ts';

type Table<T> = Readonly<Record<string, T>>;

/** Numbers below these are known to a kernel. */
export interface EnumCounts {
  readonly programTypes: number;
  readonly mapTypes: number;
  readonly attachTypes: number;
}

/** What can differ from kernel to kernel. */
export interface KernelTables {
  /** Helper ids are below it. */
  readonly helperCount: number;
  readonly counts: EnumCounts;
  /** Helper prototypes by the kernel's variable name. */
  readonly prototypes: Table<RawPrototype>;
  /** Functions that hand them out. */
  readonly selectors: Table<RawSelector>;
  /** By BPF_PROG_TYPE_* name. */
  readonly programTypes: Table<RawProgramType>;
  /** By BPF_MAP_TYPE_* name. */
  readonly mapTypes: Table<RawMapType>;
  readonly kfuncSets: Table<RawKfuncSet>;
  /** Program types (BPF_PROG_TYPE_* names) that share kernel functions; undefined: as 6.12's. */
  readonly kfuncHooks: readonly (readonly string[])[] | undefined;
  /** Kernel struct a map value may own → function that releases it. */
  readonly kptrDestructors: Table<string>;
  /** Sets of functions (or structs) by the kernel's variable name. */
  readonly btfSets: Table<readonly string[]>;
}

/** Rows that are other than the newest kernel's; null: not there. */
type Changes<T> = Table<T | null>;

/** An older kernel's differences: src/abi/generated/VERSION/tables.ts. */
export interface OlderTables
  extends Omit<
    KernelTables,
    'prototypes' | 'selectors' | 'programTypes' | 'mapTypes' | 'kfuncHooks'
  > {
  readonly prototypes: Changes<RawPrototype>;
  readonly selectors: Changes<RawSelector>;
  readonly programTypes: Changes<RawProgramType>;
  readonly mapTypes: Changes<RawMapType>;
  readonly kfuncHooks: readonly (readonly string[])[];
}

/** The tables of Linux 6.12. */
export const newestTables: KernelTables = {
  helperCount: helperNames.length,
  counts: {
    programTypes: enums.bpf_prog_type.__MAX_BPF_PROG_TYPE,
    mapTypes: enums.bpf_map_type.__MAX_BPF_MAP_TYPE,
    attachTypes: enums.bpf_attach_type.__MAX_BPF_ATTACH_TYPE,
  },
  prototypes: rawPrototypes,
  selectors: rawSelectors,
  programTypes: rawProgramTypes,
  mapTypes: rawMapTypes,
  kfuncSets: rawKfuncSets,
  kfuncHooks: undefined,
  kptrDestructors,
  btfSets,
};

function changed<T>(table: Table<T>, changes: Changes<T>): Table<T> {
  const rows = Object.entries<T | null>({ ...table, ...changes });
  return Object.fromEntries(rows.filter((row): row is [string, T] => row[1] !== null));
}

/** The whole tables of an older kernel. */
export function tablesOf(older: OlderTables): KernelTables {
  return {
    ...older,
    prototypes: changed(newestTables.prototypes, older.prototypes),
    selectors: changed(newestTables.selectors, older.selectors),
    programTypes: changed(newestTables.programTypes, older.programTypes),
    mapTypes: changed(newestTables.mapTypes, older.mapTypes),
  };
}

const memberSets = new WeakMap<readonly string[], ReadonlySet<string>>();

/** True if the kernel's set of that name holds the function (or struct). */
export function inKernelSet(
  { btfSets: sets }: KernelTables,
  name: string,
  member: string,
): boolean {
  const list = sets[name];
  if (!list) return false;
  let members = memberSets.get(list);
  if (!members) memberSets.set(list, (members = new Set(list)));
  return members.has(member);
}
