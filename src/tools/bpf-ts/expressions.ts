import type { Expression } from './ast.ts';
import type { Body } from './body.ts';
import { call } from './calls.ts';
import { constructed } from './construct.ts';
import { literal, refuseAbsent } from './convert.ts';
import { binary, conditional, logical, unary } from './operators.ts';
import { identifier, member } from './places.ts';
import { refuseSyntax } from './refused.ts';
import type { Expr } from './scope.ts';
import { refuse } from './source-error.ts';
import { BOOL, isAggregate, type Type } from './types.ts';

/** Compiles an expression; `expected` gives a type to `{ … }` and `[ … ]`. */
export function expression(body: Body, node: Expression, expected?: Type): Expr {
  switch (node.type) {
    case 'Identifier':
      return identifier(body, node);
    case 'Literal':
      return written(node);
    case 'UnaryExpression':
      return unary(body, node);
    case 'BinaryExpression':
      return binary(body, node);
    case 'LogicalExpression':
      return logical(body, node);
    case 'ConditionalExpression':
      return conditional(body, node, expected);
    case 'MemberExpression':
      return member(body, node);
    case 'CallExpression':
      return call(body, node);
    case 'TSNonNullExpression':
      return asserted(body, node.expression);
    case 'ObjectExpression':
    case 'ArrayExpression':
      if (expected && isAggregate(expected)) return constructed(body, expected, node);
      return refuse(node, 'which struct is meant here is not known', 'write Event({ … })');
    case 'AssignmentExpression':
    case 'UpdateExpression':
      return refuse(
        node,
        'assignments inside expressions cannot be compiled to BPF',
        'write a statement',
      );
    default:
      return refuseSyntax(node);
  }
}

type LiteralNode = Extract<Expression, { type: 'Literal' }>;

function written(node: LiteralNode): Expr {
  const { value, raw } = node;
  if (node.bigint !== undefined) return literal(BigInt(node.bigint), true);
  if (typeof value === 'boolean') return { c: value ? '1' : '0', type: BOOL };
  if (typeof value === 'string') return { c: '', type: { kind: 'word', word: value } };
  if (typeof value !== 'number') {
    refuse(node, `${value === null ? 'null' : 'a regular expression'} cannot be compiled to BPF`);
  }
  const hex = /^0[xob]/i.test(raw);
  if (!hex && !/^[\d_]+$/.test(raw)) {
    refuse(node, 'fractions and exponents cannot be compiled to BPF', 'BPF has integers only');
  }
  if (!Number.isSafeInteger(value)) refuse(node, `${raw} is not exact`, `write ${raw}n`);
  return literal(BigInt(value), false);
}

/** `value!`: the author says it is there, the verifier decides. */
function asserted(body: Body, node: Expression): Expr {
  const value = body.compile(node);
  if (value.type.kind === 'undefined') refuseAbsent(node);
  return value.type.kind === 'nullable' ? { ...value, type: value.type.inner } : value;
}
