import type { Assignment, Expression, Identifier, Member, Node, Update } from './ast.ts';
import type { Body } from './body.ts';
import {
  calls,
  checkBits,
  convert,
  converted,
  literal,
  mostOf,
  pointer,
  refuseAbsent,
} from './convert.ts';
import { isGlobal, isUndefined, smaller } from './flow.ts';
import { operate } from './operators.ts';
import { refuseSyntax } from './refused.ts';
import type { Expr, Local } from './scope.ts';
import { refuse } from './source-error.ts';
import {
  type ArrayType,
  type ContextType,
  type EnumType,
  intOf,
  isAggregate,
  type StructType,
  type Type,
  typeName,
  U32,
  UNDEFINED,
} from './types.ts';

/** A name. */
export function identifier(body: Body, node: Identifier): Expr {
  if (isUndefined(node)) return { c: 'NULL', type: UNDEFINED };
  const symbol = body.scope.get(node.name, node);
  if (symbol.kind === 'value') return symbol.expr;
  if (symbol.kind !== 'local') refuse(node, `'${node.name}' is no value`, USES[symbol.kind]);
  const { expr } = symbol;
  const narrowed = expr.type.kind === 'nullable' && body.flow.present.has(symbol);
  if (narrowed) return { ...expr, type: (expr.type as { inner: Type }).inner };
  const most = isUnsigned(expr.type) ? body.flow.bounds.get(symbol) : undefined;
  return most === undefined ? expr : { ...expr, most: smaller(expr.most, most) };
}

/** A limit from above says nothing of numbers that may be negative. */
const isUnsigned = (type: Type): boolean => type.kind === 'int' && !type.signed;

const USES: Readonly<Record<string, string>> = {
  map: 'call get(), update() or delete() of it',
  ring: 'call reserve(), submit() or output() of it',
  function: 'call it',
  type: 'call it to make a value',
  builtin: 'call it',
};

/** The name behind a dot. */
export function memberName(node: Member): string {
  if (node.property.type === 'Identifier') return node.property.name;
  refuse(node.property, 'private members cannot be compiled to BPF', 'name a member of a struct');
}

/** `object.name` and `array[index]`. */
export function member(body: Body, node: Member): Expr {
  const enumeration = enumOf(body, node.object);
  if (enumeration && !node.computed) return enumMember(enumeration, node);
  const object = body.compile(node.object);
  if (object.type.kind === 'nullable') refuseAbsent(node.object);
  if (node.computed) return element(body, object, node);
  const name = memberName(node);
  switch (object.type.kind) {
    case 'struct':
      return field(object, object.type, name, node);
    case 'ref':
      return valueOf(object, object.type.target, name, node);
    case 'context':
      return contextField(object, object.type, name, node);
    case 'array':
      if (name === 'length') return literal(BigInt(object.type.length), false);
  }
  return refuse(node.property, `${typeName(object.type)} has no member '${name}'`);
}

function enumOf(body: Body, node: Expression): EnumType | undefined {
  if (node.type !== 'Identifier') return undefined;
  const symbol = body.scope.find(node.name);
  return symbol?.kind === 'type' && symbol.type.kind === 'enum' ? symbol.type : undefined;
}

function enumMember(type: EnumType, node: Member): Expr {
  const name = memberName(node);
  const constant = type.members.get(name);
  if (constant !== undefined) return { c: name, type, constant };
  refuse(
    node.property,
    `${type.name} has no '${name}'`,
    `there are ${[...type.members.keys()].join(', ')}`,
  );
}

/** What a part inherits from the whole; a number read from the stack is no reference to it. */
function part(whole: Expr, type: Type): Pick<Expr, 'fixed' | 'stack' | 'calls' | 'volatile'> {
  const { fixed, stack, volatile } = whole;
  return {
    ...(fixed ? { fixed } : {}),
    ...(stack && isAggregate(type) ? { stack } : {}),
    ...(volatile ? { volatile } : {}),
    ...calls(whole),
  };
}

function field(object: Expr, struct: StructType, name: string, node: Member): Expr {
  const found = struct.fields.get(name);
  if (!found) {
    const names = [...struct.fields.keys()].join(', ');
    refuse(node.property, `${struct.name} has no member '${name}'`, `there are ${names}`);
  }
  const arrow = object.place ? '.' : '->';
  return {
    c: `${object.c}${arrow}${found.c ?? name}`,
    type: found.type,
    place: true,
    ...(found.bits === undefined ? {} : { bits: found.bits }),
    ...part(object, found.type),
  };
}

function valueOf(object: Expr, target: Type, name: string, node: Member): Expr {
  if (name !== 'value') refuse(node.property, `a Ref has only 'value', no '${name}'`);
  return { c: `(*${object.c})`, type: target, place: true, ...part(object, target) };
}

function contextField(object: Expr, context: ContextType, name: string, node: Member): Expr {
  if (name === 'length') return { c: `beeyard_length_${context.struct}(${object.c})`, type: U32 };
  const found = context.fields.get(name);
  if (!found) {
    const names = ['read()', 'length', ...context.fields.keys()].join(', ');
    refuse(node.property, `${context.name} has no '${name}'`, `there are ${names}`);
  }
  const fixed = found.writable ? {} : { fixed: `the kernel lets no program write ${name}` };
  return { c: `${object.c}->${name}`, type: found.type, place: true, ...fixed };
}

function element(body: Body, object: Expr, node: Member): Expr {
  const { type } = object;
  if (type.kind !== 'array') refuse(node, `${typeName(type)} has no elements`);
  const index = body.compile(node.property);
  checkIndex(index, type, node.property);
  const base = object.place ? object.c : `(*${object.c})`;
  const rest = { ...part(object, type.element), ...calls(object, index) };
  return { c: `${base}[${indexC(index, type)}]`, type: type.element, place: true, ...rest };
}

/** In an array no larger than this an index has only bits that are zero in the array's address. */
const ALIGNMENT = 8;

/** The index, hidden from clang but where it counts the rounds of a loop that may be unrolled. */
function indexC(index: Expr, { element, length }: ArrayType): string {
  const size = element.kind === 'int' ? element.bits / 8 : 1;
  const known = index.type.kind === 'literal' || index.constant !== undefined;
  const counted = index.counts === true && length * size > ALIGNMENT;
  return known || counted ? index.c : `beeyard_index(${index.c}, ${length})`;
}

/** An index is proven here to be inside, so that neither clang nor the verifier decides for us. */
function checkIndex(index: Expr, array: ArrayType, node: Node): void {
  const { type } = index;
  if (type.kind !== 'literal' && !intOf(type)) refuse(node, `${typeName(type)} is no index`);
  const most = mostOf(index);
  if (most !== undefined && most < BigInt(array.length)) return;
  const known = type.kind === 'literal' ? type.value : index.constant;
  if (known !== undefined) refuse(node, `index ${known} is outside ${typeName(array)}`);
  if (most === undefined) {
    refuse(node, `an index of ${typeName(type)} may be negative`, 'count with u32');
  }
  const hint = `compare it first: if (i < ${array.length}) …, or write i % ${array.length}`;
  refuse(node, `this index may be ${most}, outside ${typeName(array)}`, hint);
}

/** `target = value`, `target += value` as a statement. Returns its C. */
export function assign(body: Body, node: Assignment): string {
  const { left, operator } = node;
  if (left.type !== 'Identifier' && left.type !== 'MemberExpression') refuseSyntax(left);
  const local = left.type === 'Identifier' ? localOf(body, left) : undefined;
  const target = local ? local.expr : body.compile(left);
  checkTarget(target, local, left);
  if (operator !== '=') return compound(body, target, local, node);
  const value = body.compile(node.right, target.type);
  checkOrder(body, target, value, left);
  if (target.bits !== undefined) checkBits(value, target.bits, node.right);
  const fitting = convert(value, target.type, node.right);
  if (local) remember(body, local, value, node.right);
  return isAggregate(target.type) && !local
    ? copied(target, fitting, node)
    : `${target.c} = ${fitting.c};`;
}

/**
 * JavaScript looks up the place before it calculates the value, C may do it after: where a call
 * stands on one side, the other must not depend on it.
 */
function checkOrder(body: Body, target: Expr, value: Expr, node: Expression): void {
  const constant = value.type.kind === 'literal' || value.constant !== undefined;
  const depends = target.calls ? !constant : value.calls && indexes(body, node);
  if (depends)
    refuse(
      node,
      'which is calculated first is open in C',
      'put the place or the value into a const',
    );
}

/** A place found by an index that a call could change. */
function indexes(body: Body, node: Expression): boolean {
  if (node.type !== 'MemberExpression') return false;
  const { computed, property, object } = node;
  return (computed && !isSteady(body, property)) || indexes(body, object);
}

/** A written number, or a variable of this function. */
function isSteady(body: Body, node: Expression): boolean {
  if (node.type !== 'Identifier') return node.type === 'Literal';
  const symbol = body.scope.find(node.name);
  return (
    (symbol?.kind === 'value' && !symbol.expr.place) ||
    (symbol?.kind === 'local' && !isGlobal(symbol))
  );
}

function localOf(body: Body, node: Identifier): Local | undefined {
  const symbol = body.scope.get(node.name, node);
  return symbol.kind === 'local' ? symbol : undefined;
}

function checkTarget(target: Expr, local: Local | undefined, node: Node): void {
  if (target.fixed) refuse(node, 'this cannot be assigned', target.fixed);
  if (!target.place && !local) refuse(node, 'this cannot be assigned');
  if (local && target.place && isAggregate(target.type)) {
    refuse(node, `'${local.name}' is memory of its own`, 'assign its members');
  }
  if (local && !local.mutable) refuse(node, `'${local.name}' is const`, 'declare it with let');
}

/** A variable now holds something else. */
function remember(body: Body, local: Local, value: Expr, node: Node): void {
  limited(body, local, value);
  if (value.stack) {
    refuse(node, 'this memory may be gone before the variable is', 'assign its members instead');
  }
  if (local.expr.type.kind !== 'nullable') return;
  const absent = value.type.kind === 'nullable' || value.type.kind === 'undefined';
  if (absent) body.flow.present.delete(local);
  else body.flow.present.add(local);
}

/** What is known of the size of a variable's new value. */
export function limited(body: Body, local: Local, value: Expr): void {
  const most = isGlobal(local) ? undefined : mostOf(value);
  if (most === undefined) body.flow.bounds.delete(local);
  else body.flow.bounds.set(local, most);
}

function copied(target: Expr, value: Expr, node: Node): string {
  if (target.type.kind === 'struct') return `${target.c} = *${parenthesised(value.c)};`;
  return `__builtin_memcpy(${pointer(target, node)}, ${value.c}, sizeof(${target.c}));`;
}

const parenthesised = (c: string) => (/^\w+$/.test(c) ? c : `(${c})`);

function compound(body: Body, target: Expr, local: Local | undefined, node: Assignment): string {
  const operator = node.operator.slice(0, -1);
  if (['&&', '||', '??', '**'].includes(operator)) {
    refuse(node, `the operator ${node.operator} cannot be compiled to BPF`, 'write it out');
  }
  const value = body.compile(node.right);
  checkOrder(body, target, value, node.left);
  return modified(body, { target, local }, operator, value, node);
}

/** `target = target op value`, cut to the target's width. */
function modified(
  body: Body,
  { target, local }: { target: Expr; local: Local | undefined },
  operator: string,
  value: Expr,
  node: Node,
): string {
  if (target.calls) refuse(node, 'the place is calculated by a call', 'put it into a const first');
  const most = local && body.flow.bounds.get(local);
  const before = most === undefined ? target : { ...target, most };
  const result = operate(operator, before, value, node);
  const { type } = target;
  const fitting = type.kind === 'int' ? converted(result, type, node) : convert(result, type, node);
  if (local) limited(body, local, fitting);
  return `${target.c} = ${fitting.c};`;
}

/** `x++` and `x--` as statements. */
export function update(body: Body, node: Update): string {
  const { argument } = node;
  const local = argument.type === 'Identifier' ? localOf(body, argument) : undefined;
  const target = local ? local.expr : body.compile(argument);
  checkTarget(target, local, argument);
  const type = target.type;
  if (type.kind !== 'int') refuse(node, `${node.operator} of ${typeName(type)}`);
  const one = literal(1n, type.bits === 64);
  return modified(body, { target, local }, node.operator[0]!, one, node);
}
