import { FormatError, KernelError } from '../base/index.ts';
import {
  type Btf,
  type BtfComposite,
  type BtfDatasec,
  type BtfInput,
  encodeValue,
} from '../btf/index.ts';
import type { MapSpec, ObjectFile } from '../object/index.ts';

/** A global variable of an object: where it is and its type. */
export interface GlobalVariable {
  readonly name: string;
  /** Name of the data section's map. */
  readonly map: string;
  readonly offset: number;
  readonly size: number;
  readonly typeId: number;
  /** May only be set before loading. */
  readonly constant: boolean;
}

/** Every global variable the object's BTF knows, by name. */
export function globalsOf(object: ObjectFile): Map<string, GlobalVariable> {
  const found = new Map<string, GlobalVariable>();
  const { btf } = object;
  if (!btf) return found;
  for (const map of object.maps) {
    if (!map.dataSection || !map.valueTypeId) continue;
    const section = btf.resolved(map.valueTypeId);
    if (section.kind !== 'datasec') continue;
    for (const one of variablesOf(btf, section, map)) found.set(one.name, one);
  }
  return found;
}

function variablesOf(btf: Btf, section: BtfDatasec, map: MapSpec): GlobalVariable[] {
  return section.vars.map(({ type, offset, size }) => ({
    name: btf.type(type).name,
    map: map.name,
    offset,
    size,
    typeId: type,
    constant: map.dataSection === 'rodata',
  }));
}

/**
 * Writes a value over the one in `image`. Of a struct only the members that are given change.
 * Throws FormatError for members that do not exist and values that do not fit.
 */
export function patchValue(
  btf: Btf,
  typeId: number,
  value: BtfInput,
  image: Uint8Array,
  offset: number,
): void {
  const type = btf.resolved(typeId);
  if (type.kind === 'var') return patchValue(btf, type.type, value, image, offset);
  const isObject =
    typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array);
  if (!isObject || type.kind !== 'struct') {
    // No longer than the type: items of a flexible array would go over what stands behind.
    const room = new Uint8Array(btf.sizeOf(typeId));
    image.set(encodeValue(btf, typeId, value, room), offset);
    return;
  }
  for (const [name, inner] of Object.entries(value as Readonly<Record<string, BtfInput>>)) {
    const member = memberNamed(btf, type, name);
    if (!member) {
      const list = type.members.map((one) => one.name).join(', ');
      throw new FormatError('value', offset, `there is no member '${name}' (there are: ${list})`);
    }
    patchValue(btf, member.type, inner, image, offset + member.offset);
  }
}

/** A member that starts at a byte, also of unnamed structs inside. */
function memberNamed(
  btf: Btf,
  type: BtfComposite,
  name: string,
): { readonly type: number; readonly offset: number } | undefined {
  for (const member of type.members) {
    const offset = member.bitOffset / 8;
    if (member.name === name && member.bitSize === 0) return { type: member.type, offset };
    const inner = member.name === '' ? btf.resolved(member.type) : undefined;
    if (inner?.kind !== 'struct' && inner?.kind !== 'union') continue;
    const found = memberNamed(btf, inner, name);
    if (found) return { type: found.type, offset: offset + found.offset };
  }
  return undefined;
}

/**
 * The maps of an object with global variables set: what stands in their first bytes when they are
 * created. Throws KernelError ENOENT for names that do not exist, FormatError for values that do
 * not fit the variable's type.
 */
export function withGlobals(
  object: ObjectFile,
  values: Readonly<Record<string, BtfInput>>,
): readonly MapSpec[] {
  const names = Object.keys(values);
  if (names.length === 0) return object.maps;
  const known = globalsOf(object);
  const images = new Map<string, Uint8Array>();
  for (const name of names) {
    const one = known.get(name);
    if (!one) {
      const list = [...known.keys()].join(', ') || 'none';
      const text = `the object has no global variable '${name}' (it has: ${list})`;
      throw new KernelError('ENOENT', 2, text);
    }
    const image = images.get(one.map) ?? imageOf(object, one.map);
    images.set(one.map, image);
    patchValue(object.btf!, one.typeId, values[name]!, image, one.offset);
  }
  return object.maps.map((map) => {
    const initialValue = images.get(map.name);
    return initialValue ? { ...map, initialValue } : map;
  });
}

function imageOf(object: ObjectFile, name: string): Uint8Array {
  const map = object.maps.find((one) => one.name === name)!;
  const image = new Uint8Array(map.valueSize);
  if (map.initialValue) image.set(map.initialValue);
  return image;
}
