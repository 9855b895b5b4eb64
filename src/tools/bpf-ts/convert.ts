import type { Node } from './ast.ts';
import type { Expr } from './scope.ts';
import { refuse } from './source-error.ts';
import {
  cNumber,
  cScalar,
  I32,
  I64,
  type IntType,
  intOf,
  isPointer,
  maxOf,
  minOf,
  sameType,
  type Type,
  typeName,
  U32,
  U64,
  widens,
} from './types.ts';

/** An expression that is a number written in the source, or folded from such. */
export function literal(value: bigint, big: boolean): Expr {
  return { c: String(value), type: { kind: 'literal', value, big } };
}

/** The C pointer to what is held by reference. */
export function pointer(expr: Expr, node: Node): string {
  if (expr.volatile) {
    refuse(
      node,
      'a whole rodata value cannot be passed on: the loader may still change it',
      'read its members one by one',
    );
  }
  return expr.place ? `&${expr.c}` : expr.c;
}

/** An implicit conversion: only where every value fits. Throws Refusal otherwise. */
export function convert(expr: Expr, to: Type, node: Node): Expr {
  const { type: from } = expr;
  if (to.kind === 'nullable') return convertNullable(expr, to.inner, node);
  if (sameType(from, to)) {
    return isPointer(to) ? { ...expr, c: pointer(expr, node), place: false } : expr;
  }
  if (from.kind === 'nullable' && sameType(from.inner, to)) refuseAbsent(node);
  if (from.kind === 'literal' && to.kind === 'int')
    return literalAs(from.value, from.big, to, node);
  const source = intOf(from);
  if (source && to.kind === 'int' && widens(source, to)) return cast(expr, to);
  if (from.kind === 'word' && to.kind === 'verdict') return verdict(from.word, to, node);
  refuse(
    node,
    `this is ${typeName(from)}, and ${typeName(to)} is wanted`,
    conversionHint(from, to),
  );
}

/** The same value where it fits; what is known of its size stays known then. */
function cast(expr: Expr, to: IntType): Expr {
  const most = mostOf(expr);
  const kept = most !== undefined && most <= maxOf(to) ? { most } : {};
  return { c: `((${cScalar(to)})${expr.c})`, type: to, ...calls(expr), ...kept };
}

/** The largest value a number that is never negative can have; undefined for others. */
export function mostOf(expr: Expr): bigint | undefined {
  const { type, constant, most, bits } = expr;
  const known = type.kind === 'literal' ? type.value : (constant ?? most);
  if (known !== undefined) return known < 0n ? undefined : known;
  if (bits !== undefined) return (1n << BigInt(bits)) - 1n;
  if (type.kind === 'bool') return 1n;
  const int = type.kind === 'int' ? type : undefined;
  return int && !int.signed ? maxOf(int) : undefined;
}

export const calls = (...exprs: readonly Expr[]): { calls?: true } =>
  exprs.some((expr) => expr.calls) ? { calls: true } : {};

function convertNullable(expr: Expr, inner: Type, node: Node): Expr {
  const type: Type = { kind: 'nullable', inner };
  if (expr.type.kind === 'undefined') return { c: 'NULL', type };
  if (sameType(expr.type, type)) return expr;
  return { ...convert(expr, inner, node), type };
}

export function refuseAbsent(node: Node): never {
  refuse(node, 'this may be undefined', 'check it first: if (!value) return …');
}

function verdict(word: string, to: Type & { kind: 'verdict' }, node: Node): Expr {
  const value = to.words.get(word);
  if (value !== undefined) return { c: String(value), type: to };
  refuse(node, `'${word}' is no ${to.name}`, `there are ${[...to.words.keys()].join(', ')}`);
}

/** A written number as a value of `type`. */
export function literalAs(value: bigint, big: boolean, type: IntType, node: Node): Expr {
  if (big !== (type.bits === 64)) {
    const right = type.bits === 64 ? `${value}n` : `${value}`;
    refuse(node, `${type.name} is written ${right}`, '64-bit numbers end with n, others do not');
  }
  if (value < minOf(type) || value > maxOf(type)) {
    refuse(node, `${value} does not fit ${type.name} (${minOf(type)} to ${maxOf(type)})`);
  }
  return { c: cNumber(value, type), type, constant: value };
}

/** A written number must fit a bit field; others are cut off. */
export function checkBits(value: Expr, bits: number, node: Node): void {
  const { type } = value;
  if (type.kind !== 'literal' || (type.value >= 0n && type.value < 1n << BigInt(bits))) return;
  refuse(node, `${type.value} does not fit ${bits} bits`);
}

function conversionHint(from: Type, to: Type): string | undefined {
  if (from.kind === 'be') return `turn it first: ${from.bits === 16 ? 'ntohs' : 'ntohl'}(…)`;
  if (to.kind === 'be') return `turn it first: ${to.bits === 16 ? 'htons' : 'htonl'}(…)`;
  if (to.kind === 'int' && (intOf(from) || from.kind === 'bool')) return `write ${to.name}(…)`;
  if (to.kind === 'ref') return 'a Ref comes from map.get() or packet.read()';
  return undefined;
}

/** `u32(x)`: cut off or extended as C does. */
export function converted(expr: Expr, to: IntType, node: Node): Expr {
  const { type: from } = expr;
  if (from.kind === 'literal') {
    const value = to.signed
      ? BigInt.asIntN(to.bits, from.value)
      : BigInt.asUintN(to.bits, from.value);
    return { c: cNumber(value, to), type: to, constant: value };
  }
  if (intOf(from) || from.kind === 'bool' || from.kind === 'be') {
    return cast(expr, to);
  }
  if (from.kind === 'nullable') refuseAbsent(node);
  refuse(node, `${typeName(from)} is no number: ${to.name}() cannot convert it`);
}

/** A number that nothing gives a type: u32 or u64, i32 or i64 if it is negative. */
export function settled(expr: Expr, node: Node): Expr {
  const { type } = expr;
  if (type.kind !== 'literal') return expr;
  const negative = type.value < 0n;
  const chosen = type.big ? (negative ? I64 : U64) : negative ? I32 : U32;
  return literalAs(type.value, type.big, chosen, node);
}
