/** What values own, by name: for drawings and JSON. */
import type { Btf, BtfValue } from '../btf/index.ts';
import { decodeOwner, decodeReadable } from '../client/index.ts';
import type { KernelMap, OwnedField, OwningValue, TreeNode } from '../kernel/index.ts';

/** An object that something owns, decoded, and what it owns itself. */
export interface ShownObject {
  readonly value: BtfValue;
  readonly owns: readonly ShownField[];
  /** In a tree: where it is. */
  readonly node?: TreeNode;
}

/** A list, tree or kptr of a value. */
export interface ShownField {
  /** 'queue', 'boxes[2]', 'inner.root'. */
  readonly name: string;
  readonly kind: Exclude<OwnedField['kind'], 'plain'>;
  readonly type: string;
  readonly objects: readonly ShownObject[];
}

/** A value of a map and what it owns. */
export interface ShownValue {
  readonly key: BtfValue;
  readonly owns: readonly ShownField[];
}

/** The values of a map that own something, in the map's order. */
export function ownersIn(
  map: KernelMap,
  btf: Btf | undefined,
  keys: Iterable<Uint8Array>,
): ShownValue[] {
  const { keyTypeId, valueTypeId } = map.spec;
  if (!btf || valueTypeId === 0 || !map.owned) return [];
  return [...keys].flatMap((key) => {
    const value = map.owned!(key);
    const owns = value ? fieldsOf(btf, valueTypeId, value) : [];
    const isEmpty = owns.every(({ objects }) => objects.length === 0);
    return isEmpty ? [] : [{ key: decodeReadable(btf, keyTypeId, key), owns }];
  });
}

/** True if values of the map can own objects at all. */
export function mayOwn(map: KernelMap, keys: Iterable<Uint8Array>): boolean {
  for (const key of keys) {
    const fields = map.owned?.(key)?.fields ?? [];
    return fields.some(({ kind }) => kind !== 'plain');
  }
  return false;
}

function fieldsOf(btf: Btf, typeId: number, { fields }: OwningValue): ShownField[] {
  return fields.flatMap(({ kind, offset, typeId: type, objects, nodes }) => {
    if (kind === 'plain') return [];
    const shown = objects.map((object, i): ShownObject => {
      const one = { value: plainValue(btf, type, object), owns: fieldsOf(btf, type, object) };
      return nodes ? { ...one, node: nodes[i]! } : one;
    });
    const name = pathAt(btf, typeId, offset);
    return [{ name, kind, type: btf.type(type).name, objects: shown }];
  });
}

/** An object without its special fields. */
function plainValue(btf: Btf, typeId: number, { data, fields }: OwningValue): BtfValue {
  const plain = fields.map((field) => ({ ...field, kind: 'plain' as const, objects: [] }));
  return decodeOwner(btf, typeId, { data, fields: plain }, decodeReadable);
}

/** The member at an offset, as C would say it. */
function pathAt(btf: Btf, typeId: number, offset: number): string {
  const type = btf.resolved(typeId);
  if (type.kind === 'array') {
    const size = btf.sizeOf(type.type);
    return `[${Math.floor(offset / size)}]${pathAt(btf, type.type, offset % size)}`;
  }
  const found =
    type.kind === 'datasec'
      ? type.vars.findLast((one) => one.offset <= offset)
      : type.kind === 'struct' && !type.name.startsWith('bpf_')
        ? type.members.findLast(({ bitOffset }) => bitOffset / 8 <= offset)
        : undefined;
  if (!found) return type.kind === 'var' ? pathAt(btf, type.type, offset) : '';
  const isVariable = !('bitOffset' in found);
  const name = isVariable ? btf.type(found.type).name : found.name;
  const inner = pathAt(btf, found.type, offset - (isVariable ? found.offset : found.bitOffset / 8));
  return `${name}${name && inner && !inner.startsWith('[') ? '.' : ''}${inner}`;
}
