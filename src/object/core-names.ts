import { checkComplete, type KernelTypes } from '../abi/modules.ts';
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
  /** Name of the module that has it; undefined: the kernel itself. */
  readonly module: string | undefined;
}

/** What was looked up in a BTF; every search of one kernel shares it. */
interface Lookups {
  /** Ids by kind and essential name of the local type. */
  readonly found: Map<string, readonly number[]>;
  /** Names with a flavor, by what is essential of them. */
  readonly flavors: ReadonlyMap<string, readonly string[]>;
}

const lookups = new WeakMap<Btf, Lookups>();

function lookupsOf(btf: Btf): Lookups {
  let known = lookups.get(btf);
  if (!known) lookups.set(btf, (known = { found: new Map(), flavors: flavorsIn(btf) }));
  return known;
}

function flavorsIn(btf: Btf): Map<string, string[]> {
  const flavors = new Map<string, string[]>();
  for (const name of btf.stringsWith('___')) {
    const essential = essentialName(name);
    if (essential === name) continue;
    const names = flavors.get(essential) ?? [];
    if (!names.includes(name)) flavors.set(essential, [...names, name]);
  }
  return flavors;
}

/**
 * The kernel's types with the name and kind of a local type, flavors on both sides aside; if it has
 * none, those of its modules (bpf_core_find_cands).
 */
export function candidatesOf(kernel: KernelTypes, local: BtfType): readonly Candidate[] {
  if (!NAMED.has(local.kind)) return [];
  const found = ownCandidates(kernel.btf(), local, undefined);
  if (found.length > 0) return found;
  const others = kernel.modules.flatMap((module) =>
    ownCandidates(module.btf(), local, module.name),
  );
  if (others.length === 0) checkComplete(kernel, local.kind, essentialName(local.name));
  return others;
}

function ownCandidates(btf: Btf, local: BtfType, module: string | undefined): Candidate[] {
  const { found, flavors } = lookupsOf(btf);
  const name = essentialName(local.name);
  const key = `${isEnum(local) ? 'enum' : local.kind} ${name}`;
  let ids = found.get(key);
  if (!ids) found.set(key, (ids = search(btf, local, [name, ...(flavors.get(name) ?? [])])));
  return ids.map((id) => ({ btf, id, module }));
}

function search(btf: Btf, local: BtfType, names: readonly string[]): number[] {
  const kinds = isEnum(local) ? (['enum', 'enum64'] as const) : ([local.kind] as const);
  const found = kinds.flatMap((kind) => names.flatMap((name) => btf.findAll(kind, name)));
  return found.filter((id) => id >= btf.firstOwnId).sort((a, b) => a - b);
}
