import type { KernelTypes } from '../abi/modules.ts';
import type { Btf, BtfType } from '../btf/index.ts';

/** What separates a name from its flavor: 'task_struct___new' is a view of 'task_struct'. */
const FLAVOR = /[^_]___[^_]/g;

/** The name without its flavor (bpf_core_essential_name_len). */
export function essentialName(name: string): string {
  let end = -1;
  FLAVOR.lastIndex = 0;
  for (let match = FLAVOR.exec(name); match; match = FLAVOR.exec(name)) {
    end = match.index;
    FLAVOR.lastIndex = match.index + 1;
  }
  return end < 0 ? name : name.slice(0, end + 1);
}

/** Kinds that may stand for each other: an enum of 32 and one of 64 bits (btf_kind_core_compat). */
export function sameKind(a: BtfType, b: BtfType): boolean {
  return a.kind === b.kind || (isEnum(a) && isEnum(b));
}

export const isEnum = (type: BtfType): boolean => type.kind === 'enum' || type.kind === 'enum64';

const NAMED = new Set<BtfType['kind']>(['int', 'struct', 'union', 'enum', 'enum64', 'typedef']);
NAMED.add('fwd').add('func').add('var').add('datasec').add('float').add('decl_tag');

/** A type of the kernel or of a module that a local type may mean. */
export interface Candidate {
  readonly btf: Btf;
  readonly id: number;
}

/** By local type; every search of one kernel shares the table. */
const tables = new WeakMap<Btf, Map<string, readonly number[]>>();

/**
 * The kernel's types with the name and kind of a local type, flavors on both sides aside; if it has
 * none, those of its modules (bpf_core_find_cands).
 */
export function candidatesOf(kernel: KernelTypes, local: BtfType): readonly Candidate[] {
  if (!NAMED.has(local.kind)) return [];
  const found = ownCandidates(kernel.btf(), local);
  if (found.length > 0) return found;
  return kernel.modules.flatMap((module) => ownCandidates(module.btf(), local));
}

function ownCandidates(btf: Btf, local: BtfType): Candidate[] {
  let table = tables.get(btf);
  if (!table) tables.set(btf, (table = new Map()));
  const name = essentialName(local.name);
  const key = `${isEnum(local) ? 'enum' : local.kind} ${name}`;
  let found = table.get(key);
  if (!found) table.set(key, (found = search(btf, local, name)));
  return found.map((id) => ({ btf, id }));
}

function search(btf: Btf, local: BtfType, name: string): number[] {
  const kinds = isEnum(local) ? (['enum', 'enum64'] as const) : ([local.kind] as const);
  const found = kinds.flatMap((kind) => btf.findAll(kind, name));
  return found.filter((id) => id >= btf.firstOwnId).sort((a, b) => a - b);
}
