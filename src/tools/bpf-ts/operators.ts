import type { Binary, Conditional, Expression, Logical, Node, Unary } from './ast.ts';
import type { Body } from './body.ts';
import { calls, convert, literal, literalAs, mostOf, refuseAbsent, settled } from './convert.ts';
import { factsOf, isUndefined } from './flow.ts';
import type { Expr } from './scope.ts';
import { refuse } from './source-error.ts';
import {
  BOOL,
  cScalar,
  I32,
  I64,
  type IntType,
  intOf,
  isPointer,
  maxOf,
  promoted,
  sameType,
  type Type,
  typeName,
  U32,
  U64,
  widens,
} from './types.ts';

const COMPARISONS: ReadonlySet<string> = new Set(['===', '!==', '<', '<=', '>', '>=']);
const ARITHMETIC: ReadonlySet<string> = new Set(['+', '-', '*', '/', '%', '&', '|', '^']);
const SHIFTS: ReadonlySet<string> = new Set(['<<', '>>', '>>>']);
const INSTEAD: Readonly<Record<string, string>> = {
  '==': 'write ===',
  '!=': 'write !==',
  '**': 'multiply',
  in: 'name the member',
  instanceof: 'types are known when compiling',
  '??': 'check first: if (value === undefined) …',
  typeof: 'types are known when compiling',
  void: 'leave it out',
  delete: 'map entries go with map.delete(key)',
  '+': 'numbers need no conversion',
};

function refuseOperator(node: Node, operator: string): never {
  refuse(node, `the operator ${operator} cannot be compiled to BPF`, INSTEAD[operator]);
}

/** `a op b`. */
export function binary(body: Body, node: Binary): Expr {
  const { operator } = node;
  if (isUndefined(node.left) || isUndefined(node.right)) return comparedWithUndefined(body, node);
  if (!COMPARISONS.has(operator) && !ARITHMETIC.has(operator) && !SHIFTS.has(operator)) {
    refuseOperator(node, operator);
  }
  const left = body.compile(node.left);
  const right = body.compile(node.right);
  return operate(operator, left, right, node);
}

/** `left op right` of compiled operands; also what `x op= y` does. */
export function operate(operator: string, left: Expr, right: Expr, node: Node): Expr {
  if (left.type.kind === 'literal' && right.type.kind === 'literal') {
    return folded(operator, left.type, right.type, node);
  }
  if (SHIFTS.has(operator)) return shift(operator, left, right, node);
  if (left.type.kind === 'verdict' && right.type.kind === 'word') {
    return operate(operator, left, convert(right, left.type, node), node);
  }
  const plain = comparablePlainly(operator, left, right);
  if (plain) return plain;
  const type = commonType(left, right, node);
  const a = operand(left, type, node);
  const b = operand(right, type, node);
  if (operator === '%') return remainder(a, b, type, right);
  if (!COMPARISONS.has(operator)) return arithmetic(operator, a, b, type, right);
  const c = operator.replace('===', '==').replace('!==', '!=');
  return { c: `(${a.c} ${c} ${b.c})`, type: BOOL, ...calls(left, right) };
}

/** Booleans and verdicts are only compared; numbers in network order have bit operators too. */
function comparablePlainly(operator: string, left: Expr, right: Expr): Expr | undefined {
  const { type } = left;
  if (!sameType(type, right.type)) return undefined;
  if (type.kind !== 'be' && type.kind !== 'bool' && type.kind !== 'verdict') return undefined;
  if (operator === '===' || operator === '!==') {
    const c = operator === '===' ? '==' : '!=';
    return { c: `(${left.c} ${c} ${right.c})`, type: BOOL, ...calls(left, right) };
  }
  if (type.kind !== 'be' || !['&', '|', '^'].includes(operator)) return undefined;
  const c = `((${cScalar(type)})(${left.c} ${operator} ${right.c}))`;
  return { c, type, ...calls(left, right) };
}

/** The type both operands are calculated in. */
function commonType(left: Expr, right: Expr, node: Node): IntType {
  for (const { type } of [left, right]) if (type.kind === 'nullable') refuseAbsent(node);
  const a = intOf(left.type);
  const b = intOf(right.type);
  if (!a && !b) refuseMix(left.type, right.type, node);
  if (!a || !b) {
    const other = a ? right.type : left.type;
    if (other.kind !== 'literal') refuseMix(left.type, right.type, node);
    return promoted((a ?? b)!);
  }
  const wide = [promoted(a), promoted(b)].find((type) => widens(a, type) && widens(b, type));
  return wide ?? refuseMix(left.type, right.type, node);
}

function refuseMix(a: Type, b: Type, node: Node): never {
  const [x, y] = [intOf(a), intOf(b)];
  const both = x && y ? promoted(x.bits < y.bits ? y : x).name : undefined;
  const hint = both ? `make them one type: ${both}(…)` : beHint(a, b);
  refuse(node, `${typeName(a)} and ${typeName(b)} cannot be combined`, hint);
}

function beHint(a: Type, b: Type): string | undefined {
  const type = a.kind === 'be' ? a : b;
  if (type.kind !== 'be') return undefined;
  const [to, from] = type.bits === 16 ? ['ntohs', 'htons'] : ['ntohl', 'htonl'];
  return `use ${to}() of the one or ${from}() of the other`;
}

function operand(expr: Expr, type: IntType, node: Node): Expr {
  if (expr.type.kind === 'literal') return literalAs(expr.type.value, expr.type.big, type, node);
  return convert(expr, type, node);
}

const unsignedOf = (type: IntType): IntType => (type.bits === 64 ? U64 : U32);
export const signedOf = (type: IntType): IntType => (type.bits === 64 ? I64 : I32);

/** Wraps around in both signs; division by zero gives 0 and a remainder the dividend, as in BPF. */
function arithmetic(operator: string, a: Expr, b: Expr, type: IntType, right: Expr): Expr {
  const c = arithmeticC(operator, a.c, b.c, type, right);
  return { c, type, ...calls(a, b), ...limitOf(operator, a, b, type) };
}

/** By a written number the rest is smaller than that; by any other it may be the dividend. */
function remainder(a: Expr, b: Expr, type: IntType, right: Expr): Expr {
  const by = right.type.kind === 'literal' ? right.type.value : 0n;
  const result = arithmetic('%', a, b, type, right);
  return by > 0n && !type.signed ? { ...result, most: by - 1n } : result;
}

/** How large a result can be, where less than its type allows. */
function limitOf(operator: string, a: Expr, b: Expr, type: IntType): Pick<Expr, 'most'> {
  const [x, y] = [mostOf(a), mostOf(b)];
  if (x === undefined || y === undefined) return {};
  const most = LIMITS[operator]?.(x, y);
  return most === undefined || most > maxOf(type) ? {} : { most };
}

const LIMITS: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  '&': (a, b) => (a < b ? a : b),
  '+': (a, b) => a + b,
  '*': (a, b) => a * b,
  '/': (a) => a,
};

function arithmeticC(op: string, a: string, b: string, type: IntType, right: Expr): string {
  if (op === '/' || op === '%') {
    const constant = right.type.kind === 'literal' && right.type.value !== 0n && !type.signed;
    return constant
      ? `(${a} ${op} ${b})`
      : `beeyard_${op === '/' ? 'div' : 'mod'}_${type.name}(${a}, ${b})`;
  }
  if (!type.signed || op === '&' || op === '|' || op === '^') return `(${a} ${op} ${b})`;
  const u = cScalar(unsignedOf(type));
  return `((${cScalar(type)})((${u})${a} ${op} (${u})${b}))`;
}

/** Counts are taken modulo the width, as BPF (and JavaScript) do. */
function shift(operator: string, left: Expr, right: Expr, node: Node): Expr {
  const value = settled(left, node);
  const from = intOf(value.type);
  const count = settled(right, node);
  if (!from || !intOf(count.type)) refuseMix(left.type, right.type, node);
  const type = promoted(from);
  if (operator === '>>>' && type.signed) {
    refuse(node, `>>> of ${type.name}`, `write ${unsignedOf(type).name}(…) >> …`);
  }
  if (right.type.kind === 'literal' && (right.type.value < 0n || right.type.value >= type.bits)) {
    refuse(node, `a shift by ${right.type.value} of ${type.bits} bits`);
  }
  const a = convert(value, type, node).c;
  const by =
    right.type.kind === 'literal' ? `${right.type.value}` : `(${count.c} & ${type.bits - 1})`;
  const largest = mostOf(value);
  const by_ = right.type.kind === 'literal' ? right.type.value : 0n;
  const shorter = operator !== '<<' && largest !== undefined ? { most: largest >> by_ } : {};
  const rest = { type, ...calls(left, right), ...shorter };
  if (operator !== '<<') return { c: `(${a} >> ${by})`, ...rest };
  if (!type.signed) return { c: `(${a} << ${by})`, ...rest };
  return { c: `((${cScalar(type)})((${cScalar(unsignedOf(type))})${a} << ${by}))`, ...rest };
}

type Written = Extract<Type, { kind: 'literal' }>;

const FOLD: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >> b,
};
const COMPARE: Readonly<Record<string, (a: bigint, b: bigint) => boolean>> = {
  '===': (a, b) => a === b,
  '!==': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};
/** Written numbers beyond this are a mistake. */
const LARGEST = 1n << 64n;

/** Two written numbers: calculated here, exactly. */
function folded(operator: string, a: Written, b: Written, node: Node): Expr {
  if (a.big !== b.big) refuseMix(a, b, node);
  const compare = COMPARE[operator];
  if (compare) return { c: compare(a.value, b.value) ? '1' : '0', type: BOOL };
  if ((operator === '/' || operator === '%') && b.value === 0n) refuse(node, 'a division by zero');
  if (SHIFTS.has(operator) && (b.value < 0n || b.value > 63n))
    refuse(node, `a shift by ${b.value}`);
  const value = FOLD[operator === '>>>' ? '>>' : operator]!(a.value, b.value);
  if (value > LARGEST || value < -LARGEST) refuse(node, 'this number needs more than 64 bits');
  return literal(value, a.big);
}

export function unary(body: Body, node: Unary): Expr {
  const { operator } = node;
  if (operator === '!') return { c: `(!${condition(body, node.argument)})`, type: BOOL };
  if (operator !== '-' && operator !== '~') refuseOperator(node, operator);
  const value = body.compile(node.argument);
  if (value.type.kind === 'literal') {
    return literal(operator === '-' ? -value.type.value : ~value.type.value, value.type.big);
  }
  const from = intOf(value.type);
  if (!from) refuse(node, `${operator} of ${typeName(value.type)}`);
  const type = promoted(from);
  if (operator === '~') return { c: `(~${convert(value, type, node).c})`, type, ...calls(value) };
  if (!type.signed) {
    refuse(
      node,
      `- of ${typeName(value.type)}, which has no sign`,
      `write ${signedOf(type).name}(…)`,
    );
  }
  return operate('-', literal(0n, type.bits === 64), value, node);
}

function comparedWithUndefined(body: Body, node: Binary): Expr {
  const other = isUndefined(node.left) ? node.right : node.left;
  if (node.operator !== '===' && node.operator !== '!==') refuseOperator(node, node.operator);
  const value = body.compile(other);
  if (value.type.kind !== 'nullable' && !isPointer(value.type)) {
    refuse(node, `${typeName(value.type)} is never undefined`);
  }
  const c = node.operator === '===' ? '==' : '!=';
  const at = value.place ? `&${value.c}` : value.c;
  return { c: `(${at} ${c} NULL)`, type: BOOL, ...calls(value) };
}

/** `a && b`, `a || b` of booleans. */
export function logical(body: Body, node: Logical): Expr {
  if (node.operator === '??') refuseOperator(node, '??');
  const { left, right } = bothSides(body, node, (side) => {
    const value = body.compile(side);
    if (value.type.kind === 'bool') return value.c;
    refuse(
      side,
      `${node.operator} of ${typeName(value.type)} gives no boolean`,
      'compare it, or write … ? … : …',
    );
  });
  return { c: `(${left} ${node.operator} ${right})`, type: BOOL, calls: true };
}

/** The right side is reached only when the left one came out as the operator needs. */
function bothSides(body: Body, node: Logical, side: (node: Expression) => string) {
  const left = side(node.left);
  const before = body.flow;
  body.flow = before.with(factsOf(node.left, node.operator === '&&', body));
  const right = body.mark(node.right) + side(node.right);
  body.flow = before;
  return { left, right };
}

/** A test: booleans, numbers other than 0, and what is not undefined. */
export function condition(body: Body, node: Expression): string {
  if (node.type === 'LogicalExpression' && node.operator !== '??') {
    const { left, right } = bothSides(body, node, (side) => condition(body, side));
    return `(${left} ${node.operator} ${right})`;
  }
  if (node.type === 'UnaryExpression' && node.operator === '!') {
    return `(!${condition(body, node.argument)})`;
  }
  const value = body.compile(node);
  const { type } = value;
  if (type.kind === 'literal') return type.value === 0n ? '0' : '1';
  if (type.kind === 'bool') return value.c;
  if (type.kind === 'nullable' || isPointer(type))
    return value.place ? `(&${value.c} != NULL)` : `(${value.c} != NULL)`;
  if (intOf(type)) return `(${value.c} != 0)`;
  refuse(node, `${typeName(type)} is no condition`);
}

/** `test ? a : b`. */
export function conditional(body: Body, node: Conditional, expected?: Type): Expr {
  const test = condition(body, node.test);
  const before = body.flow;
  const branch = (side: Expression, truth: boolean) => {
    body.flow = before.with(factsOf(node.test, truth, body));
    const mark = body.mark(side);
    const value = body.compile(side, expected);
    return expected ? { mark, value: convert(value, expected, side) } : { mark, value };
  };
  const yes = branch(node.consequent, true);
  const no = branch(node.alternate, false);
  body.flow = before;
  const type = expected ?? branchType(yes.value, no.value, node);
  const a = convert(yes.value, type, node.consequent);
  const b = convert(no.value, type, node.alternate);
  const stack = a.stack || b.stack ? { stack: true } : {};
  const [x, y] = [mostOf(a), mostOf(b)];
  const most = x === undefined || y === undefined ? {} : { most: x > y ? x : y };
  return {
    c: `(${test} ? ${yes.mark}${a.c} : ${no.mark}${b.c})`,
    type,
    ...stack,
    ...most,
    calls: true,
  };
}

function branchType(a: Expr, b: Expr, node: Node): Type {
  if (sameType(a.type, b.type)) return a.type;
  if (a.type.kind === 'literal' && b.type.kind === 'literal') return settled(a, node).type;
  if (a.type.kind === 'undefined') return { kind: 'nullable', inner: b.type };
  if (b.type.kind === 'undefined') return { kind: 'nullable', inner: a.type };
  if (a.type.kind === 'nullable' || b.type.kind === 'nullable') {
    return a.type.kind === 'nullable' ? a.type : b.type;
  }
  return commonType(a, b, node);
}
