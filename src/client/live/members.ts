import { isSpecialType } from '../../abi/fields/parse.ts';
import { isChar, isWhole } from '../../btf/decode.ts';
import type { Btf, BtfComposite, BtfDatasec, BtfType } from '../../btf/index.ts';
import type { ReadField } from './memory.ts';

/** How a field is read and written where it is. */
export type FieldKind =
  /** An integer or pointer of 8 bytes: a bigint. */
  | { readonly as: 'long'; readonly signed: boolean }
  /** Something a `DataView` reads at once. */
  | { readonly as: 'plain'; readonly read: ReadField<number | boolean> }
  /** A struct, union or array: a view again. */
  | { readonly as: 'node' }
  /** A lock, timer, list, tree or kptr. */
  | { readonly as: 'special' }
  /** A part of an integer, which the struct around it decodes. */
  | { readonly as: 'bits'; readonly bit: number; readonly width: number }
  /** Everything else (names of enums, text): decoded from a copy. */
  | { readonly as: 'copy' };

/** A member of a struct or a variable of a section: where it is and what it is. */
export interface LiveMember {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly typeId: number;
  readonly kind: FieldKind;
}

const PLAIN: Readonly<Record<string, ReadField<number>>> = {
  u1: (view, at) => view.getUint8(at),
  s1: (view, at) => view.getInt8(at),
  u2: (view, at) => view.getUint16(at, true),
  s2: (view, at) => view.getInt16(at, true),
  u4: (view, at) => view.getUint32(at, true),
  s4: (view, at) => view.getInt32(at, true),
  f4: (view, at) => view.getFloat32(at, true),
  f8: (view, at) => view.getFloat64(at, true),
};
const BOOL: ReadField<boolean> = (view, at) => view.getUint8(at) !== 0;

/** How values of a type are read in place. */
export function fieldKind(btf: Btf, typeId: number): FieldKind {
  if (isSpecialType(btf, typeId)) return { as: 'special' };
  const type = btf.resolved(typeId);
  if (type.kind === 'var') return fieldKind(btf, type.type);
  if (type.kind === 'ptr') return { as: 'long', signed: false };
  if (type.kind === 'int') return intKind(type);
  if (type.kind === 'float') return plain(PLAIN[`f${type.size}`]);
  if (type.kind === 'array') return { as: isChar(btf, type.type) ? 'copy' : 'node' };
  const isNode = type.kind === 'struct' || type.kind === 'union' || type.kind === 'datasec';
  return { as: isNode ? 'node' : 'copy' };
}

function intKind({ size, bits, signed, bool }: Extract<BtfType, { kind: 'int' }>): FieldKind {
  if (bits !== size * 8) return { as: 'copy' };
  if (size === 8) return { as: 'long', signed };
  return plain(
    bool && size === 1 ? BOOL : bool ? undefined : PLAIN[`${signed ? 's' : 'u'}${size}`],
  );
}

const plain = (read: ReadField<number | boolean> | undefined): FieldKind =>
  read ? { as: 'plain', read } : { as: 'copy' };

/** The members of a struct, union or data section, those of members without name among them. */
export function membersOf(btf: Btf, type: BtfComposite | BtfDatasec, from = 0): LiveMember[] {
  if (type.kind === 'datasec') return variablesOf(btf, type);
  return type.members.flatMap((member) => {
    const { name, type: typeId, bitOffset, bitSize } = member;
    const offset = from + Math.floor(bitOffset / 8);
    if (name === '') {
      const inner = btf.resolved(typeId);
      const isInner = inner.kind === 'struct' || inner.kind === 'union';
      return isInner ? membersOf(btf, inner, offset) : [];
    }
    if (bitSize === 0) return [memberAt(btf, name, offset, typeId)];
    const bit = bitOffset % 8;
    const kind = { as: 'bits', bit, width: bitSize } as const;
    return [{ name, offset, size: Math.ceil((bit + bitSize) / 8), typeId, kind }];
  });
}

function memberAt(btf: Btf, name: string, offset: number, typeId: number): LiveMember {
  return { name, offset, size: btf.sizeOf(typeId), typeId, kind: fieldKind(btf, typeId) };
}

/** Variables of which the compiler kept only a part are left out. */
function variablesOf(btf: Btf, section: BtfDatasec): LiveMember[] {
  return section.vars
    .filter((variable) => isWhole(btf, variable))
    .map(({ type, offset }) => memberAt(btf, btf.type(type).name, offset, type));
}
