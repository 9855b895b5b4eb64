import { annotated, mustDescribe } from './annotations.ts';
import type { Call, Declarator, Expression } from './ast.ts';
import { elementsOf, propertiesOf } from './construct.ts';
import { convert, settled } from './convert.ts';
import type { FileContext } from './body.ts';
import type { Expr } from './scope.ts';
import { refuse } from './source-error.ts';
import { cStorage, isAggregate, type Type, typeName } from './types.ts';

interface Declared {
  readonly expr: Expr;
  /** Its declaration; undefined for what exists only while compiling. */
  readonly c?: string;
}

/** `let total: u64 = 0n` is a global variable, `const LIMIT: u32 = 5` a number with a type. */
export function scalarGlobal(
  node: Declarator,
  name: string,
  mutable: boolean,
  value: Expr,
  file: FileContext,
): Declared {
  const { typeAnnotation } = node.id;
  const init = node.init!;
  const wanted = typeAnnotation && annotated(typeAnnotation, file.scope, file.types);
  const given = wanted ? convert(value, wanted, init) : settled(value, init);
  if (!isConstant(value) || isAggregate(given.type) || given.type.kind === 'nullable') {
    refuse(init, 'a number known when compiling is wanted', 'memory is declared with data(Type)');
  }
  const constant = constantOf(value);
  const known = constant === undefined ? {} : { constant };
  if (!mutable) return { expr: { c: given.c, type: given.type, ...known } };
  const c = `${cStorage(given.type, name)} = ${given.c};`;
  return { expr: { c: name, type: given.type, place: true }, c };
}

const constantOf = (expr: Expr): bigint | undefined =>
  expr.type.kind === 'literal' ? expr.type.value : expr.constant;

const isConstant = (expr: Expr): boolean =>
  constantOf(expr) !== undefined || (expr.type.kind === 'bool' && /^[01]$/.test(expr.c));

/**
 * `rodata(u32, 5)`: the loader may set it before the program is loaded; the program reads it.
 * `data(State)`: memory that lives as long as the program.
 */
export function globalVariable(
  name: string,
  section: 'rodata' | 'data',
  node: Call,
  file: FileContext,
  constant: (node: Expression) => Expr,
): Declared {
  const [described, init, more] = node.arguments;
  if (more) refuse(more, `${section}() takes a type and a value`);
  const type = mustDescribe(described, file.scope, node);
  const value = init ? staticValue(init, type, constant) : isAggregate(type) ? '{}' : '0';
  const readOnly = section === 'rodata';
  const qualifier = readOnly ? 'const volatile ' : '';
  const fixed = 'rodata is set by the loader and read by the program';
  const expr: Expr = {
    c: name,
    type,
    place: true,
    ...(readOnly ? { fixed, volatile: true } : {}),
  };
  return { expr, c: `${qualifier}${cStorage(type, name)} = ${value};` };
}

/** An initialiser: everything in it is known when compiling. */
function staticValue(node: Expression, type: Type, constant: (node: Expression) => Expr): string {
  if (type.kind === 'struct' && node.type === 'ObjectExpression') {
    const members = propertiesOf(node, type).map(({ name, value, node: at }) => {
      const field = type.fields.get(name);
      if (!field) refuse(at, `${type.name} has no member '${name}'`);
      return `.${field.c ?? name} = ${staticValue(value, field.type, constant)}`;
    });
    return `{${members.join(', ')}}`;
  }
  if (type.kind === 'array' && node.type === 'ArrayExpression') {
    return `{${elementsOf(node, type)
      .map((one) => staticValue(one, type.element, constant))
      .join(', ')}}`;
  }
  const value = constant(node);
  if (!isConstant(value)) refuse(node, `${typeName(type)} known when compiling is wanted`);
  return convert(value, type, node).c;
}
