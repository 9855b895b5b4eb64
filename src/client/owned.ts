import { type Btf, type BtfValue, decodeValue } from '../btf/index.ts';
import { localKptr } from '../abi/fields/kptr.ts';
import { FieldError, parseFields } from '../abi/fields/parse.ts';
import { BPF_GRAPH_ROOT, MAP_FIELDS } from '../abi/fields/types.ts';
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

/**
 * A list or tree in a value that `get` gave: reading it reads the objects it owns at that time.
 *
 * ```ts
 * maps['.bss.queue'].get(0).queue.toArray(); // [{ address, dropped, bytes, … }, …], least first
 * ```
 */
export class OwnedList<T = BtfValue> implements Iterable<T> {
  readonly #read: () => T[];

  constructor(read: () => T[]) {
    this.#read = read;
  }

  /** Its objects in order, as `get` decodes values: nodes and other special fields are zeros. */
  toArray(): T[] {
    return this.#read();
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.toArray()[Symbol.iterator]();
  }
}

/** Offsets of the lists and trees in values of a type. */
export function rootsIn(btf: Btf, typeId: number, size: number): readonly number[] {
  const type = btf.resolved(typeId);
  if (type.kind !== 'struct' && type.kind !== 'datasec') return [];
  try {
    const fields = parseFields(btf, type.id, MAP_FIELDS, size, localKptr)?.fields ?? [];
    return fields.filter((field) => field.type & BPF_GRAPH_ROOT).map(({ offset }) => offset);
  } catch (error) {
    if (error instanceof FieldError) return [];
    throw error;
  }
}

/** Puts an `OwnedList` to where a decoded value has a list or tree. */
export function placeLists(
  btf: Btf,
  typeId: number,
  value: BtfValue,
  roots: readonly number[],
  read: () => OwningValue | undefined,
): BtfValue {
  for (const offset of roots) {
    const list = new OwnedList(() => {
      const field = read()?.fields.find((one) => one.offset === offset);
      return (field?.objects ?? []).map((object) => decodeObject(btf, field!.typeId, object));
    });
    place(btf, typeId, offset, value as Holder, () => list as unknown as BtfValue);
  }
  return value;
}

function decodeObject(btf: Btf, typeId: number, object: OwningValue): BtfValue {
  const isRoot = ({ kind }: OwnedField) => kind === 'list' || kind === 'tree';
  const roots = object.fields.filter(isRoot).map(({ offset }) => offset);
  return placeLists(btf, typeId, decodeValue(btf, typeId, object.data), roots, () => object);
}
