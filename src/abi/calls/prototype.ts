/** What contracts and checks ask of the types in BTF prototypes. */
import { FormatError } from '../../base/index.ts';
import {
  type Btf,
  type BtfComposite,
  type BtfFuncProto,
  type BtfType,
  declareC,
} from '../../btf/index.ts';

/** Structs within structs that are looked into for memory arguments. */
const MAX_NESTING = 4;

/** Integers and enums (btf_type_is_scalar). */
export const isScalarType = (type: BtfType): boolean =>
  type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64';

export const isStructOrUnion = (type: BtfType): type is BtfComposite =>
  type.kind === 'struct' || type.kind === 'union';

/**
 * A struct of numbers, also within structs and arrays (__btf_type_is_scalar_struct). `tooDeep` is
 * called when it is none because it has too many structs within structs.
 */
export function isScalarStruct(btf: Btf, type: BtfType, tooDeep: () => void, depth = 0): boolean {
  if (!isStructOrUnion(type)) return false;
  return type.members.every((member) => {
    const inner = btf.resolved(member.type);
    if (isStructOrUnion(inner)) {
      if (depth < MAX_NESTING - 1) return isScalarStruct(btf, inner, tooDeep, depth + 1);
      tooDeep();
      return false;
    }
    if (inner.kind === 'array') return inner.count > 0 && isScalarType(btf.resolved(inner.type));
    return isScalarType(inner);
  });
}

/** The prototype of the function with this id, or undefined if it is no function. */
export function protoOf(btf: Btf, id: number): BtfFuncProto | undefined {
  if (id <= 0 || id >= btf.count) return undefined;
  const func = btf.type(id);
  const proto = func.kind === 'func' ? btf.type(func.type) : undefined;
  return proto?.kind === 'func_proto' ? proto : undefined;
}

/** A type as C writes it: 'struct task_struct *'; its name alone if it cannot be written. */
export function typeText(btf: Btf, id: number): string {
  try {
    return declareC(btf, id).trim();
  } catch (error) {
    if (error instanceof FormatError) return btf.type(id).name;
    throw error;
  }
}

/** Bytes of a type, or undefined for what has no size. */
export function sizeOrNone(btf: Btf, id: number): number | undefined {
  try {
    return btf.sizeOf(id);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
