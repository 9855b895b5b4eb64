import { type Btf, type BtfValue, decodeValue } from '../btf/index.ts';
import type { OwnedField, OwningValue } from '../kernel/index.ts';

type Holder = Record<string | number, BtfValue>;

/**
 * A value with what it owns in place of its special fields: lists and trees are arrays of their
 * objects in order, a kptr is its object, a per-CPU one an array with one for each CPU, a timer or
 * work that is initialised { armed, expires }, in nanoseconds of the machine's clock. Locks, nodes,
 * reference counts, empty kptrs and those to objects of the kernel are left out.
 */
export function decodeOwner(
  btf: Btf,
  typeId: number,
  { data, fields }: OwningValue,
  decode: Decode = decodeValue,
): BtfValue {
  const value = decode(btf, typeId, data);
  for (const field of fields) {
    place(btf, typeId, field.offset, value as Holder, () => ownedValue(btf, field, decode));
  }
  return value;
}

type Decode = (btf: Btf, typeId: number, bytes: Uint8Array) => BtfValue;
/** What a field owns, or undefined if there is nothing to show. */
type Owned = () => BtfValue | undefined;

/** Puts what a field owns to where it is in the value of a type. */
function place(btf: Btf, typeId: number, offset: number, value: Holder, field: Owned): void {
  const type = btf.resolved(typeId);
  if (type.kind === 'array') {
    const size = btf.sizeOf(type.type);
    descend(btf, type.type, offset % size, value, Math.floor(offset / size), field);
  } else if (type.kind === 'datasec') {
    const found = type.vars.find((one) => offset >= one.offset && offset < one.offset + one.size);
    const variable = found && btf.type(found.type);
    if (!found || variable?.kind !== 'var') return;
    descend(btf, variable.type, offset - found.offset, value, variable.name, field);
  } else if (type.kind === 'struct') {
    const member = type.members.findLast(({ bitOffset }) => bitOffset / 8 <= offset);
    if (!member) return;
    const inner = offset - member.bitOffset / 8;
    if (member.name === '') place(btf, member.type, inner, value, field);
    else descend(btf, member.type, inner, value, member.name, field);
  }
}

function descend(
  btf: Btf,
  typeId: number,
  offset: number,
  value: Holder,
  key: string | number,
  field: Owned,
): void {
  const { kind, name } = btf.resolved(typeId);
  const inside = kind === 'array' || (kind === 'struct' && !name.startsWith('bpf_'));
  if (inside) {
    place(btf, typeId, offset, value[key] as Holder, field);
    return;
  }
  const owned = field();
  if (owned === undefined) delete value[key];
  else value[key] = owned;
}

function ownedValue(
  btf: Btf,
  { kind, typeId, objects, timer }: OwnedField,
  decode: Decode,
): BtfValue | undefined {
  if (timer) {
    const { armed, expires } = timer;
    return expires === undefined ? { armed } : { armed, expires };
  }
  if (kind === 'plain') return undefined;
  const values = objects.map((object) => decodeOwner(btf, typeId, object, decode));
  return kind === 'kptr' ? values[0] : values;
}
