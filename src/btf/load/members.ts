import type { RawMember, RawRecord } from './raw.ts';

/** An int of whole bytes, all of them (btf_type_int_is_regular). */
export function isRegularInt({ extra }: RawRecord): boolean {
  const word = extra[0]!;
  const bits = word & 0xff;
  return ((word >>> 16) & 0xff) === 0 && [8, 16, 32, 64, 128].includes(bits);
}

const OUTSIDE = 'Member exceeds struct_size';

/**
 * What is wrong with a member of that type in its struct, or undefined. `size` is that of the type;
 * modifiers are followed already.
 */
export function memberProblem(
  owner: RawRecord,
  member: RawMember,
  type: RawRecord,
  size: number,
): string | undefined {
  switch (type.kind) {
    case 'int':
      return owner.flag
        ? flaggedInt(owner, member, type)
        : fits(owner, member.bitOffset + ((type.extra[0]! >>> 16) & 0xff), type.extra[0]! & 0xff);
    case 'enum':
    case 'enum64':
      return owner.flag ? flaggedEnum(owner, member) : wholeBytes(owner, member, size);
    case 'float':
      return member.bitSize > 0 ? 'Invalid member bitfield_size' : floatPlace(owner, member, size);
    case 'ptr':
    case 'array':
    case 'struct':
    case 'union':
      if (member.bitSize > 0) return 'Invalid member bitfield_size';
      return wholeBytes(owner, member, size);
    default:
      return `Unsupported check_${owner.flag ? 'kflag_' : ''}member`;
  }
}

/** Bits of an int: with those before them in their first byte, no more than 128 are copied. */
function fits(owner: RawRecord, bit: number, bits: number): string | undefined {
  if (bit > 0xffff_ffff) return 'bits_offset exceeds U32_MAX';
  const copied = bits + (bit % 8);
  if (copied > 128) return 'nr_copy_bits exceeds 128';
  return Math.floor(bit / 8) + Math.ceil(copied / 8) > owner.value ? OUTSIDE : undefined;
}

function flaggedInt(owner: RawRecord, member: RawMember, type: RawRecord): string | undefined {
  if (!isRegularInt(type)) return 'Invalid member base type';
  const all = type.extra[0]! & 0xff;
  if (member.bitSize === 0 && member.bitOffset % 8 !== 0) return 'Invalid member offset';
  if (member.bitSize > all) return 'Invalid member bitfield_size';
  return fits(owner, member.bitOffset, member.bitSize || all);
}

/** Bit fields of enums have up to 32 bits, whatever the size of the enum. */
function flaggedEnum(owner: RawRecord, member: RawMember): string | undefined {
  if (member.bitSize === 0 && member.bitOffset % 8 !== 0) return 'Member is not byte aligned';
  if (member.bitSize > 32) return 'Invalid member bitfield_size';
  const end = Math.ceil((member.bitOffset + (member.bitSize || 32)) / 8);
  return end > owner.value ? OUTSIDE : undefined;
}

function wholeBytes(owner: RawRecord, member: RawMember, size: number): string | undefined {
  if (member.bitOffset % 8 !== 0) return 'Member is not byte aligned';
  return member.bitOffset / 8 + size > owner.value ? OUTSIDE : undefined;
}

function floatPlace(owner: RawRecord, member: RawMember, size: number): string | undefined {
  if (member.bitOffset % (8 * Math.min(8, size)) !== 0) return 'Member is not properly aligned';
  return member.bitOffset / 8 + size > owner.value ? OUTSIDE : undefined;
}
