import type { ArrayLiteral, Expression, Node, ObjectLiteral } from './ast.ts';
import type { Body } from './body.ts';
import { checkBits, convert } from './convert.ts';
import { refuseSyntax } from './refused.ts';
import type { Expr } from './scope.ts';
import { refuse } from './source-error.ts';
import {
  type ArrayType,
  type Field,
  isAggregate,
  type StructType,
  type Type,
  typeName,
} from './types.ts';

/** What fills memory made by `Event({ … })`: all bytes are zero first. */
export function fill(
  body: Body,
  place: string,
  type: Type,
  values: Expression | undefined,
): string[] {
  const zero = `__builtin_memset(&${place}, 0, sizeof(${place}))`;
  return [zero, ...(values ? members(body, place, type, values) : [])];
}

/** An unnamed value as an expression: a pointer to memory of the enclosing block. */
export function constructed(body: Body, type: Type, values: Expression | undefined): Expr {
  const place = body.temp(type);
  const parts = fill(body, place, type, values);
  return { c: `(${parts.join(', ')}, &${place})`, type, stack: true, calls: true };
}

function members(body: Body, place: string, type: Type, values: Expression): string[] {
  if (values.type === 'ObjectExpression' && type.kind === 'struct') {
    return propertiesOf(values, type).flatMap(({ name, value, node }) => {
      const field = type.fields.get(name);
      if (!field) refuse(node, `${type.name} has no member '${name}'`);
      return assigned(body, `${place}.${field.c ?? name}`, field, value);
    });
  }
  if (values.type === 'ArrayExpression' && type.kind === 'array') {
    return elementsOf(values, type).flatMap((value, i) =>
      assigned(body, `${place}[${i}]`, { type: type.element }, value),
    );
  }
  return copy(body, place, type, values);
}

function assigned(body: Body, place: string, field: Field, value: Expression): string[] {
  const { type, bits } = field;
  if (isAggregate(type)) return members(body, place, type, value);
  const mark = body.mark(value);
  const given = body.compile(value, type);
  if (bits !== undefined) checkBits(given, bits, value);
  return [`${place} = ${mark}${convert(given, type, value).c}`];
}

function copy(body: Body, place: string, type: Type, value: Expression): string[] {
  const source = convert(body.compile(value, type), type, value);
  return [`__builtin_memcpy(&${place}, ${source.c}, sizeof(${place}))`];
}

/** The members of `{ … }`, each at most once. */
export function propertiesOf(
  node: ObjectLiteral,
  owner: Pick<StructType, 'name'>,
): { name: string; value: Expression; node: Node }[] {
  const seen = new Set<string>();
  return node.properties.map((property) => {
    if (property.type !== 'Property') refuseSyntax(property);
    const { key, computed, kind, method } = property;
    if (computed || kind !== 'init' || method || key.type !== 'Identifier') {
      refuse(property, `${owner.name} takes members by name only`, 'write { name: value }');
    }
    if (seen.has(key.name)) refuse(property, `'${key.name}' is there twice`);
    seen.add(key.name);
    return { name: key.name, value: property.value, node: property };
  });
}

export function elementsOf(node: ArrayLiteral, type: ArrayType): readonly Expression[] {
  const { elements } = node;
  if (elements.length > type.length)
    refuse(node, `${elements.length} elements for ${typeName(type)}`);
  return elements.map((element) => element ?? refuse(node, 'holes in an array', 'write 0'));
}
