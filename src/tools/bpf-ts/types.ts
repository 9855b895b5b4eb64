/** The types of the language: what a value is, how C writes it, what fits where. */

export interface IntType {
  readonly kind: 'int';
  readonly name: string;
  readonly bits: 8 | 16 | 32 | 64;
  readonly signed: boolean;
}
/** A number in network byte order: compared and converted, never calculated with. */
export interface BigEndianType {
  readonly kind: 'be';
  readonly name: string;
  readonly bits: 16 | 32;
}
export interface EnumType {
  readonly kind: 'enum';
  readonly name: string;
  readonly members: ReadonlyMap<string, bigint>;
}
export interface Field {
  readonly type: Type;
  /** Width of a bit field. */
  readonly bits?: number;
  /** Its path in C, where that is not its name. */
  readonly c?: string;
}
export interface StructType {
  readonly kind: 'struct';
  readonly name: string;
  readonly fields: ReadonlyMap<string, Field>;
}
export interface ArrayType {
  readonly kind: 'array';
  readonly element: Type;
  readonly length: number;
}
/** A place in a map or packet that holds a number: `.value`. */
export interface RefType {
  readonly kind: 'ref';
  readonly target: Type;
}
export interface NullableType {
  readonly kind: 'nullable';
  readonly inner: Type;
}
/** A number written in the source: exact, until it gets the type of what it meets. */
export interface LiteralType {
  readonly kind: 'literal';
  readonly value: bigint;
  /** Written with n: for 64 bits only. */
  readonly big: boolean;
}
/** A string literal: a verdict or a flag by name. */
export interface WordType {
  readonly kind: 'word';
  readonly word: string;
}
/** What a program answers, by name. */
export interface VerdictType {
  readonly kind: 'verdict';
  readonly name: string;
  readonly words: ReadonlyMap<string, number>;
}
/** A program's argument. */
export interface ContextType {
  readonly kind: 'context';
  readonly name: string;
  readonly struct: string;
  readonly fields: ReadonlyMap<string, { readonly type: Type; readonly writable: boolean }>;
}
export type Type =
  | IntType
  | BigEndianType
  | EnumType
  | StructType
  | ArrayType
  | RefType
  | NullableType
  | LiteralType
  | WordType
  | VerdictType
  | ContextType
  | { readonly kind: 'bool' | 'void' | 'undefined' };

const int = (name: string, bits: IntType['bits'], signed: boolean): IntType => ({
  kind: 'int',
  name,
  bits,
  signed,
});

export const U8 = int('u8', 8, false);
export const U16 = int('u16', 16, false);
export const U32 = int('u32', 32, false);
export const U64 = int('u64', 64, false);
export const I8 = int('i8', 8, true);
export const I16 = int('i16', 16, true);
export const I32 = int('i32', 32, true);
export const I64 = int('i64', 64, true);
export const BE16: BigEndianType = { kind: 'be', name: 'be16', bits: 16 };
export const BE32: BigEndianType = { kind: 'be', name: 'be32', bits: 32 };
export const BOOL: Type = { kind: 'bool' };
export const VOID: Type = { kind: 'void' };
export const UNDEFINED: Type = { kind: 'undefined' };

export const INTS: ReadonlyMap<string, IntType> = new Map(
  [U8, U16, U32, U64, I8, I16, I32, I64].map((type) => [type.name, type]),
);
export const BIG_ENDIANS: ReadonlyMap<string, BigEndianType> = new Map(
  [BE16, BE32].map((type) => [type.name, type]),
);

export const minOf = (type: IntType): bigint => (type.signed ? -(1n << BigInt(type.bits - 1)) : 0n);
export const maxOf = (type: IntType): bigint =>
  (1n << BigInt(type.signed ? type.bits - 1 : type.bits)) - 1n;

/** Held by reference: a variable of it is a pointer in C. */
export function isAggregate(type: Type): type is StructType | ArrayType {
  return type.kind === 'struct' || type.kind === 'array';
}

/** What can be absent. */
export function isPointer(type: Type): boolean {
  return isAggregate(type) || type.kind === 'ref' || type.kind === 'context';
}

/** A variable of it refers to memory and copies none. */
export const isReference = (type: Type): boolean => type.kind === 'nullable' || isPointer(type);

export const nullable = (inner: Type): Type =>
  inner.kind === 'nullable' ? inner : { kind: 'nullable', inner };

/** What a map or packet gives for a value of this type: numbers are behind a Ref. */
export const referenceTo = (type: Type): Type =>
  isAggregate(type) ? type : { kind: 'ref', target: type };

/** As TypeScript writes it, for messages. */
export function typeName(type: Type): string {
  switch (type.kind) {
    case 'bool':
      return 'boolean';
    case 'array':
      return `${typeName(type.element)}.array(${type.length})`;
    case 'ref':
      return `Ref<${typeName(type.target)}>`;
    case 'nullable':
      return `${typeName(type.inner)} | undefined`;
    case 'literal':
      return type.big ? `${type.value}n` : String(type.value);
    case 'word':
      return `'${type.word}'`;
    case 'void':
    case 'undefined':
      return type.kind;
    default:
      return type.name;
  }
}

export function sameType(a: Type, b: Type): boolean {
  if (a.kind === 'array' && b.kind === 'array') {
    return a.length === b.length && sameType(a.element, b.element);
  }
  if (a.kind === 'ref' && b.kind === 'ref') return sameType(a.target, b.target);
  if (a.kind === 'nullable' && b.kind === 'nullable') return sameType(a.inner, b.inner);
  if (a.kind === 'literal' || a.kind === 'word') return false;
  return a.kind === b.kind && typeName(a) === typeName(b);
}

/** The integer an enum's members are calculated with. */
export function intOf(type: Type): IntType | undefined {
  if (type.kind === 'int') return type;
  if (type.kind !== 'enum') return undefined;
  return [...type.members.values()].some((value) => value < 0n) ? I32 : U32;
}

/** Every value of `from` is a value of `to`, and TypeScript has them as the same kind of number. */
export function widens(from: IntType, to: IntType): boolean {
  if ((from.bits === 64) !== (to.bits === 64)) return false;
  return minOf(from) >= minOf(to) && maxOf(from) <= maxOf(to);
}

/** Calculations happen in 32 or 64 bits; narrower numbers are widened and keep their sign. */
export function promoted(type: IntType): IntType {
  if (type.bits >= 32) return type;
  return type.signed ? I32 : U32;
}

const C_INTS: Readonly<Record<string, string>> = {
  u8: '__u8',
  u16: '__u16',
  u32: '__u32',
  u64: '__u64',
  i8: '__s8',
  i16: '__s16',
  i32: '__s32',
  i64: '__s64',
  be16: '__be16',
  be32: '__be32',
};

/** The C type of a scalar. */
export function cScalar(type: Type): string {
  switch (type.kind) {
    case 'int':
    case 'be':
      return C_INTS[type.name]!;
    case 'enum':
      return `enum ${type.name}`;
    case 'bool':
      return '_Bool';
    case 'verdict':
      return 'int';
    default:
      return 'void';
  }
}

/** C's declaration of memory that holds the value itself. */
export function cStorage(type: Type, name: string): string {
  if (type.kind === 'array') return cStorage(type.element, `${name}[${type.length}]`);
  if (type.kind === 'struct') return `struct ${type.name} ${name}`;
  return `${cScalar(type)} ${name}`;
}

/** C's declaration of a variable: memory held by reference is a pointer. */
export function cVariable(type: Type, name: string): string {
  switch (type.kind) {
    case 'nullable':
      return cVariable(type.inner, name);
    case 'struct':
      return `struct ${type.name} *${name}`;
    case 'array':
      return cStorage(type, `(*${name})`);
    case 'ref':
      return `${cScalar(type.target)} *${name}`;
    case 'context':
      return `struct ${type.struct} *${name}`;
    default:
      return `${cScalar(type)} ${name}`;
  }
}

/** A number as C writes it, of exactly this type. */
export function cNumber(value: bigint, type: IntType): string {
  if (type.bits < 32) return `((${cScalar(type)})${value})`;
  const suffix = (type.signed ? '' : 'U') + (type.bits === 64 ? 'LL' : '');
  if (type.signed && value === minOf(type)) return `(-${maxOf(type)}${suffix} - 1)`;
  return value < 0n ? `(${value}${suffix})` : `${value}${suffix}`;
}
