import type { Call, Expression, Node, TypeAnnotation, TypeNode } from './ast.ts';
import { NAMED_TYPES } from './builtins.ts';
import { refuseSyntax } from './refused.ts';
import type { Scope } from './scope.ts';
import { refuse } from './source-error.ts';
import {
  BOOL,
  type Field,
  intOf,
  nullable,
  type Type,
  typeName,
  UNDEFINED,
  VOID,
} from './types.ts';

/** Types that annotations may name: imported ones, aliases, enums. */
export type TypeNames = ReadonlyMap<string, Type>;

const KEYWORDS: Readonly<Record<string, Type>> = {
  TSVoidKeyword: VOID,
  TSUndefinedKeyword: UNDEFINED,
  TSBooleanKeyword: BOOL,
};

/** The type an annotation means. */
export function annotated(node: TypeAnnotation, scope: Scope, names: TypeNames): Type {
  return typeOf(node.typeAnnotation, scope, names);
}

export function typeOf(node: TypeNode, scope: Scope, names: TypeNames): Type {
  switch (node.type) {
    case 'TSVoidKeyword':
    case 'TSUndefinedKeyword':
    case 'TSBooleanKeyword':
      return KEYWORDS[node.type]!;
    case 'TSUnionType':
      return union(node.types, node, scope, names);
    case 'TSTypeReference':
      return reference(node, scope, names);
    default:
      return refuseSyntax(node);
  }
}

function union(types: readonly TypeNode[], node: Node, scope: Scope, names: TypeNames): Type {
  const all = types.map((one) => typeOf(one, scope, names));
  const rest = all.filter((type) => type.kind !== 'undefined');
  const inner = rest[0];
  if (all.length !== 2 || rest.length !== 1 || !inner) {
    refuse(node, 'only unions with undefined can be compiled to BPF', 'write T | undefined');
  }
  if (!['struct', 'array', 'ref'].includes(inner.kind)) {
    refuse(node, `a variable of ${typeName(inner)} cannot hold undefined`, 'only references can');
  }
  return nullable(inner);
}

type Reference = Extract<TypeNode, { type: 'TSTypeReference' }>;

function reference(node: Reference, scope: Scope, names: TypeNames): Type {
  const { typeName: id, typeArguments } = node;
  if (id.type !== 'Identifier') refuse(node, 'qualified type names cannot be compiled to BPF');
  const argument = typeArguments?.params[0];
  if (id.name === 'Ref' && argument) return refType(typeOf(argument, scope, names), node);
  if (id.name === 'Of') return instance(argument, node, scope);
  const found = names.get(id.name);
  if (!found) {
    const hint = NAMED_TYPES.has(id.name) ? "import it from 'beeyard/bpf'" : 'write Of<typeof …>';
    refuse(node, `there is no type '${id.name}' here`, hint);
  }
  if (typeArguments) refuse(node, `${id.name} takes no type arguments`);
  return found;
}

function refType(target: Type, node: Node): Type {
  if (!intOf(target) && target.kind !== 'be')
    refuse(node, `a Ref of ${typeName(target)}`, 'a Ref is to a number');
  return { kind: 'ref', target };
}

function instance(argument: TypeNode | undefined, node: Node, scope: Scope): Type {
  if (argument?.type !== 'TSTypeQuery' || argument.exprName.type !== 'Identifier') {
    refuse(node, 'Of takes the type of a declared struct or array', 'write Of<typeof Event>');
  }
  const symbol = scope.get(argument.exprName.name, argument);
  if (symbol.kind === 'type') return symbol.type;
  refuse(argument, `'${argument.exprName.name}' is no type`, 'declare it with struct({ … })');
}

/** The type an expression describes: `u8`, `Event`, `u8.array(16)`, `u8.bits(4)`. */
export function described(node: Expression, scope: Scope): Field | undefined {
  if (node.type === 'Identifier') {
    const symbol = scope.find(node.name);
    return symbol?.kind === 'type' ? { type: symbol.type } : undefined;
  }
  if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression') return undefined;
  const { callee } = node;
  const element = described(callee.object, scope);
  if (!element || callee.property.type !== 'Identifier' || callee.computed) return undefined;
  const length = lengthOf(node, scope);
  if (callee.property.name === 'array') return arrayType(element, length, node);
  if (callee.property.name === 'bits') return bitField(element.type, length, node);
  refuse(
    callee.property,
    `a type has no '${callee.property.name}'`,
    'there are array() and bits()',
  );
}

/** Larger arrays cannot be a map's value, nor part of one. */
const MOST_BYTES = 1 << 20;

function arrayType(element: Field, length: number, node: Node): Field {
  if (element.bits !== undefined) refuse(node, 'an array of bit fields');
  if (length < 1 || length > MOST_BYTES) refuse(node, `an array of ${length} elements`);
  return { type: { kind: 'array', element: element.type, length } };
}

function bitField(type: Type, bits: number, node: Node): Field {
  if (type.kind !== 'int' || type.signed)
    refuse(node, `bits of ${typeName(type)}`, 'use u8 to u64');
  if (bits < 1 || bits > type.bits) refuse(node, `${bits} bits of ${type.name}`);
  return { type, bits };
}

function lengthOf(node: Call, scope: Scope): number {
  const [argument] = node.arguments;
  if (argument?.type === 'Literal' && typeof argument.value === 'number') return argument.value;
  const symbol = argument?.type === 'Identifier' ? scope.find(argument.name) : undefined;
  const type = symbol?.kind === 'value' ? symbol.expr.type : undefined;
  if (type?.kind === 'literal' && !type.big) return Number(type.value);
  refuse(argument ?? node, 'a length is a number known when compiling', 'write u8.array(16)');
}

/** The type an expression must describe. */
export function mustDescribe(node: Expression | undefined, scope: Scope, parent: Node): Type {
  const field = node && described(node, scope);
  if (field && field.bits === undefined) return field.type;
  refuse(node ?? parent, 'a type is wanted here', 'u32, a struct, u8.array(16)');
}
