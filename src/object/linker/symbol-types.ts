import type { Btf, BtfFunc, BtfVar } from '../../btf/index.ts';

/** What BTF says about a global name. */
export interface NamedType {
  /** Its var or func. */
  readonly id: number;
  /** The datasec that lists it, or undefined (functions, and externs to be resolved here). */
  readonly datasec: string | undefined;
  /** Another type of that name that it could be as well. */
  readonly rival: number | undefined;
}

/** Variables and functions that other objects may see or have to define. */
export function isShared(type: { readonly kind: string }): type is BtfVar | BtfFunc {
  return (
    (type.kind === 'var' || type.kind === 'func') && (type as BtfVar | BtfFunc).linkage !== 'static'
  );
}

/**
 * The types of global names. What a datasec lists goes first; functions, and externs without an
 * annotation, are in none.
 */
export function readSymbolTypes(btf: Btf): Map<string, NamedType> {
  const free = new Map<string, number>();
  const listed = new Map<string, NamedType>();
  for (const type of btf.types) {
    if (isShared(type)) free.set(type.name, type.id);
    if (type.kind !== 'datasec') continue;
    for (const { type: id } of type.vars) {
      const each = btf.type(id);
      if (!isShared(each) || listed.has(each.name)) continue;
      const before = free.get(each.name);
      const rival = before !== undefined && before !== id ? before : undefined;
      listed.set(each.name, { id, datasec: type.name, rival });
    }
  }
  const types = new Map<string, NamedType>();
  for (const [name, id] of free) types.set(name, { id, datasec: undefined, rival: undefined });
  for (const [name, type] of listed) types.set(name, type);
  return types;
}
