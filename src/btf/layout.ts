import type { Btf } from './btf.ts';
import type { BtfComposite } from './types.ts';

/** Sizes in BTF are 32-bit numbers; an array that is larger cannot be meant. */
const MAX_SIZE = 0xffff_ffff;
const POINTER_SIZE = 8;
const MAX_DIMENSIONS = 256;

/** Bytes a value of type `id` takes. Throws `FormatError` for types without size. */
export function sizeOf(btf: Btf, id: number): number {
  let elements = 1;
  let type = btf.resolved(id);
  for (let depth = 0; type.kind === 'array'; depth++) {
    if (depth > MAX_DIMENSIONS) btf.fail(id, 'types are nested too deep');
    elements *= type.count;
    type = btf.resolved(type.type);
  }
  if (type.kind === 'var') return elements * sizeOf(btf, type.type);
  const size = type.kind === 'ptr' ? POINTER_SIZE : 'size' in type ? type.size : undefined;
  if (size === undefined) btf.fail(id, `${type.kind} '${type.name}' has no size`);
  if (size * elements > MAX_SIZE)
    btf.fail(id, `${size} bytes times ${elements} elements is absurd`);
  return size * elements;
}

/** Alignment in bytes of type `id` by the C rules of a 64-bit machine. */
export function alignOf(btf: Btf, id: number): number {
  const type = btf.resolved(id);
  switch (type.kind) {
    case 'ptr':
      return POINTER_SIZE;
    case 'int':
    case 'enum':
    case 'enum64':
    case 'float':
      return Math.min(type.size, POINTER_SIZE) || 1;
    case 'array':
      return btf.alignOf(type.type);
    case 'var':
      return btf.alignOf(type.type);
    case 'struct':
    case 'union':
      return alignOfComposite(btf, type);
    default:
      return btf.fail(id, `${type.kind} '${type.name}' has no alignment`);
  }
}

function alignOfComposite(btf: Btf, type: BtfComposite): number {
  return isPacked(btf, type) ? 1 : memberAlign(btf, type);
}

function memberAlign(btf: Btf, type: BtfComposite): number {
  return type.members.reduce((largest, { type: id }) => Math.max(largest, btf.alignOf(id)), 1);
}

/**
 * True if the layout shows that the type was packed: a member is off its alignment, or the size is
 * no multiple of the largest one.
 */
export function isPacked(btf: Btf, type: BtfComposite): boolean {
  const offAlign = type.members.some(
    ({ type: id, bitOffset, bitSize }) => bitSize === 0 && bitOffset % (8 * btf.alignOf(id)) !== 0,
  );
  return offAlign || type.size % memberAlign(btf, type) !== 0;
}
