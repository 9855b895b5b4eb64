import type { Btf, BtfMember, BtfType, CoreRelocationKind } from '../btf/index.ts';
import type { AccessSpec } from './core-spec.ts';
import { CoreError, isEnumKind, isTypeKind } from './core-spec.ts';

/** What a relocation puts into an instruction, or that it cannot (struct bpf_core_relo_res). */
export interface CoreResult {
  /** Value the compiler put there, and the one for this kernel. */
  readonly before: bigint;
  readonly after: bigint;
  /** The instruction must not run. */
  readonly poison: boolean;
  /** The value the compiler put there must be `before`. */
  readonly validate: boolean;
  /** Bytes of the field there and here, when they matter; 0 otherwise. */
  readonly sizeBefore: number;
  readonly sizeAfter: number;
  /** The field changed its size in a way that a load or store cannot follow. */
  readonly badSize: boolean;
}

/** The result when both sides are known (bpf_core_calc_relo); `target` undefined: not found. */
export function coreResult(local: AccessSpec, target: AccessSpec | undefined): CoreResult {
  const { kind } = local;
  if (isTypeKind(kind)) return typeResult(kind, local, target);
  if (isEnumKind(kind)) return enumResult(kind, local, target);
  if (kind === 'field_exists') return plain(1n, target ? 1n : 0n, true);
  const from = fieldValue(kind, local);
  if (!target) return { ...plain(from.value, 0n, from.validate), poison: true };
  const to = fieldValue(kind, target);
  return {
    ...plain(from.value, to.value, from.validate),
    sizeBefore: from.size,
    sizeAfter: to.size,
    badSize:
      from.size !== to.size && !mayResize(local.btf.type(from.type), target.btf.type(to.type)),
  };
}

function plain(before: bigint, after: bigint, validate: boolean): CoreResult {
  const sizes = { sizeBefore: 0, sizeAfter: 0, badSize: false };
  return { before, after, validate, poison: false, ...sizes };
}

/** Pointers and unsigned integers may be read with another width: the upper bits become zero. */
function mayResize(from: BtfType, to: BtfType): boolean {
  if (from.kind === 'ptr' && to.kind === 'ptr') return true;
  const unsigned = (type: BtfType): boolean =>
    type.kind === 'int' && !(type.signed && !type.char && !type.bool);
  return unsigned(from) && unsigned(to);
}

function typeResult(
  kind: CoreRelocationKind,
  local: AccessSpec,
  target: AccessSpec | undefined,
): CoreResult {
  const before = typeValue(kind, local);
  if (kind === 'local_type_id') return plain(before, before, false);
  return plain(before, target ? typeValue(kind, target) : 0n, kind !== 'target_type_id');
}

function typeValue(kind: CoreRelocationKind, { btf, rootId }: AccessSpec): bigint {
  if (kind === 'type_exists' || kind === 'type_matches') return 1n;
  return BigInt(kind === 'type_size' ? btf.sizeOf(rootId) : rootId);
}

function enumResult(
  kind: CoreRelocationKind,
  local: AccessSpec,
  target: AccessSpec | undefined,
): CoreResult {
  if (kind === 'enumval_exists') return plain(1n, target ? 1n : 0n, true);
  const before = enumValue(local);
  if (!target) return { ...plain(before, 0n, true), poison: true };
  return plain(before, enumValue(target), true);
}

function enumValue({ btf, path }: AccessSpec): bigint {
  const { typeId, index } = path[0]!;
  const type = btf.type(typeId);
  if (type.kind !== 'enum' && type.kind !== 'enum64') throw new CoreError('not an enum');
  return BigInt.asUintN(64, BigInt(type.values[index]!.value));
}

interface FieldValue {
  readonly value: bigint;
  readonly validate: boolean;
  /** Bytes and type of the field, for offsets of fields that are no bitfields. */
  readonly size: number;
  readonly type: number;
}

/** One aspect of a field (bpf_core_calc_field_relo). */
function fieldValue(kind: CoreRelocationKind, spec: AccessSpec): FieldValue {
  const { btf, path, bitOffset } = spec;
  const last = path[path.length - 1]!;
  const none = { size: 0, type: 0 };
  if (last.name === undefined) {
    const size = btf.sizeOf(last.typeId);
    if (kind === 'byte_sz') return { value: BigInt(size), validate: true, ...none };
    if (kind !== 'byte_off') throw new CoreError(`'${kind}' of an element`);
    return { value: BigInt(bitOffset >>> 3), validate: true, size, type: last.typeId };
  }
  const struct = btf.type(last.typeId);
  if (!('members' in struct)) throw new CoreError('not a struct');
  const member = struct.members[last.index]!;
  const place = placeOf(btf, member, bitOffset);
  const bitfield = member.bitSize > 0;
  const type = btf.resolve(member.type);
  switch (kind) {
    case 'byte_off': {
      const value = BigInt(place.byteOffset);
      if (bitfield) return { value, validate: false, ...none };
      return { value, validate: true, size: place.byteSize, type };
    }
    case 'byte_sz':
      return { value: BigInt(place.byteSize), validate: !bitfield, ...none };
    case 'signed':
      return { value: isSigned(btf.type(type)) ? 1n : 0n, validate: true, ...none };
    case 'lshift_u64':
      return { value: BigInt(place.leftShift), validate: !bitfield, ...none };
    case 'rshift_u64':
      return { value: BigInt(64 - place.bitSize), validate: true, ...none };
    default:
      throw new CoreError(`relocation '${kind}' is not known`);
  }
}

/** The smallest load that holds the field, and where the field is in it (little-endian). */
function placeOf(
  btf: Btf,
  member: BtfMember,
  bitOffset: number,
): { byteOffset: number; byteSize: number; bitSize: number; leftShift: number } {
  let byteSize = btf.sizeOf(btf.resolve(member.type));
  let byteOffset = bitOffset >>> 3;
  let bitSize = byteSize * 8;
  if (member.bitSize > 0) {
    bitSize = member.bitSize;
    byteOffset = Math.floor(byteOffset / byteSize) * byteSize;
    while (bitOffset + bitSize - byteOffset * 8 > byteSize * 8) {
      if (byteSize >= 8) throw new CoreError('a bitfield that no load of 64 bits holds');
      byteSize *= 2;
      byteOffset = Math.floor((bitOffset >>> 3) / byteSize) * byteSize;
    }
  }
  const leftShift = 64 - (bitOffset + bitSize - byteOffset * 8);
  return { byteOffset, byteSize, bitSize, leftShift };
}

function isSigned(type: BtfType): boolean {
  if (type.kind === 'enum' || type.kind === 'enum64') return type.signed;
  return type.kind === 'int' && type.signed;
}
