import { annotated, described, type TypeNames } from './annotations.ts';
import type {
  Block,
  Declarator,
  Expression,
  ExpressionStatement,
  If,
  Jump,
  Return,
  Statement,
  VariableDeclaration,
} from './ast.ts';
import type { Body } from './body.ts';
import { fill } from './construct.ts';
import { convert, settled } from './convert.ts';
import { factsOf, joined } from './flow.ts';
import { doWhile, forLoop, forOf, whileLoop } from './loops.ts';
import { condition } from './operators.ts';
import { assign, limited, update } from './places.ts';
import { refuseSyntax } from './refused.ts';
import { type Expr, Scope } from './scope.ts';
import { Refusal, refuse } from './source-error.ts';
import { switchStatement } from './switch.ts';
import { cStorage, cVariable, isAggregate, isReference, type Type, typeName } from './types.ts';

/** Compiles statements; a refused one is noted and the next is looked at. */
export function statements(body: Body, list: readonly Statement[], names: TypeNames): void {
  announce(body, list);
  for (const node of list) {
    const { flow } = body;
    try {
      statement(body, node, names);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      body.refused(error);
      body.flow = flow;
      if (node.type === 'VariableDeclaration') forget(body, node);
    }
  }
}

/** What a refused declaration declares says nothing more where it is used. */
function forget(body: Body, node: VariableDeclaration): void {
  for (const { id } of node.declarations) {
    if (id.type === 'Identifier') body.scope.set(id.name, { kind: 'refused' });
  }
}

/** Names of a block exist from its first line on, but may not be used before their declaration. */
function announce(body: Body, list: readonly Statement[]): void {
  for (const node of list) {
    if (node.type !== 'VariableDeclaration') continue;
    for (const { id } of node.declarations) {
      if (id.type === 'Identifier') body.scope.set(id.name, { kind: 'later' });
    }
  }
}

/** A block in a scope of its own. */
export function block(body: Body, node: Statement, names: TypeNames): void {
  const outer = body.scope;
  body.scope = new Scope(outer);
  try {
    if (node.type === 'BlockStatement') statements(body, node.body, names);
    else if (node.type === 'VariableDeclaration') refuse(node, 'a declaration needs a block { }');
    else statements(body, [node], names);
  } finally {
    body.scope = outer;
  }
}

function statement(body: Body, node: Statement, names: TypeNames): void {
  body.at(node);
  const inner = (one: Statement) => block(body, one, names);
  switch (node.type) {
    case 'EmptyStatement':
      return;
    case 'BlockStatement':
      return plainBlock(body, node, names);
    case 'VariableDeclaration':
      return declare(body, node, names);
    case 'ExpressionStatement':
      return effect(body, node);
    case 'IfStatement':
      return choice(body, node, inner);
    case 'ForStatement':
      return forLoop(body, node, inner, (init) => declare(body, init, names));
    case 'ForOfStatement':
      return forOf(body, node, inner);
    case 'WhileStatement':
      return whileLoop(body, node, inner);
    case 'DoWhileStatement':
      return doWhile(body, node, inner);
    case 'SwitchStatement':
      return switchStatement(body, node, (list) => statements(body, list, names));
    case 'BreakStatement':
    case 'ContinueStatement':
      return jump(body, node);
    case 'ReturnStatement':
      return giveBack(body, node);
    default:
      return refuseSyntax(node);
  }
}

function plainBlock(body: Body, node: Block, names: TypeNames): void {
  body.open(node, '{');
  block(body, node, names);
  body.close();
}

/** `const x = …`, `let x: u32 = …`. */
export function declare(body: Body, node: VariableDeclaration, names: TypeNames): void {
  if (node.kind !== 'const' && node.kind !== 'let') {
    refuse(node, `${node.kind} cannot be compiled to BPF`, 'write const or let');
  }
  for (const one of node.declarations) declarator(body, one, node.kind === 'let', names);
}

function declarator(body: Body, node: Declarator, mutable: boolean, names: TypeNames): void {
  const { id, init } = node;
  if (id.type !== 'Identifier') refuseSyntax(id);
  const wanted = id.typeAnnotation && annotated(id.typeAnnotation, body.scope, names);
  if (!init && wanted?.kind !== 'nullable') {
    refuse(node, `'${id.name}' has no first value`, `write let ${id.name} = 0`);
  }
  if (init && memory(body, node, init, wanted)) return;
  const value = init ? body.compile(init, wanted) : undefined;
  if (!mutable && !wanted && value?.type.kind === 'literal') {
    body.scope.set(id.name, { kind: 'value', expr: value });
    return;
  }
  variable(body, node, value, mutable, wanted);
}

/** A variable made by `Event({ … })` is the memory itself. */
function memory(body: Body, node: Declarator, init: Expression, wanted?: Type): boolean {
  const made =
    init.type === 'CallExpression' ? described(init.callee, body.scope)?.type : undefined;
  const plain = init.type === 'ObjectExpression' || init.type === 'ArrayExpression';
  const type = made ?? (plain ? wanted : undefined);
  if (!type || !isAggregate(type)) return false;
  if (wanted) convert({ c: '', type }, wanted, init);
  if (made && init.type === 'CallExpression' && init.arguments.length > 1) {
    refuse(init, `${typeName(type)} takes one argument`);
  }
  const c = body.fresh(node.id.name);
  const values = made && init.type === 'CallExpression' ? init.arguments[0] : init;
  const parts = fill(body, c, type, values);
  body.emit(node, `${cStorage(type, c)};`);
  body.emit(node, `${parts.join(', ')};`);
  const expr: Expr = { c, type, place: true, stack: true };
  body.scope.set(node.id.name, { kind: 'local', name: node.id.name, expr, mutable: false });
  return true;
}

function variable(
  body: Body,
  node: Declarator,
  value: Expr | undefined,
  mutable: boolean,
  wanted?: Type,
): void {
  const { id, init } = node;
  const first =
    value && init ? (wanted ? convert(value, wanted, init) : settled(value, init)) : undefined;
  const type = first?.type ?? wanted!;
  if (['void', 'undefined', 'word'].includes(type.kind)) {
    refuse(node, `'${id.name}' would be ${typeName(type)}`, 'give it a type');
  }
  const held = first && isAggregate(type) ? convert(first, type, init!) : first;
  const c = body.fresh(id.name);
  body.emit(node, `${cVariable(type, c)} = ${held?.c ?? 'NULL'};`);
  const stack = value?.stack ? { stack: true } : {};
  // No copy: what must not be written there must not be written through the variable.
  const fixed = value?.fixed && isReference(type) ? { fixed: value.fixed } : {};
  const expr: Expr = { c, type, ...stack, ...fixed };
  const local = { kind: 'local', name: id.name, expr, mutable } as const;
  body.scope.set(id.name, local);
  if (first) limited(body, local, first);
  const there =
    type.kind === 'nullable' && value && !['nullable', 'undefined'].includes(value.type.kind);
  if (there) body.flow.present.add(local);
}

/** A call, an assignment, `x++`. */
function effect(body: Body, node: ExpressionStatement): void {
  const { expression } = node;
  switch (expression.type) {
    case 'AssignmentExpression':
      return body.emit(node, assign(body, expression));
    case 'UpdateExpression':
      return body.emit(node, update(body, expression));
    case 'CallExpression':
      return body.emit(node, called(body.compile(expression)));
    case 'Literal':
      return;
    default:
      body.compile(expression);
      return refuse(node, 'this statement does nothing');
  }
}

const called = (value: Expr): string =>
  value.type.kind === 'void' ? `${value.c};` : `(void)${value.c};`;

function choice(body: Body, node: If, inner: (one: Statement) => void): void {
  const test = condition(body, node.test);
  const before = body.flow;
  body.open(node, `if (${test}) {`);
  body.flow = before.with(factsOf(node.test, true, body));
  inner(node.consequent);
  const yes = body.flow;
  body.flow = before.with(factsOf(node.test, false, body));
  if (node.alternate) {
    body.reopen('} else {');
    inner(node.alternate);
  }
  body.close();
  body.flow = joined(yes, body.flow);
}

function jump(body: Body, node: Jump): void {
  const word = node.type === 'BreakStatement' ? 'break' : 'continue';
  if (node.label)
    refuse(node, 'labels cannot be compiled to BPF', 'return from a function instead');
  const target = body.exits.findLast(({ kind }) => word === 'break' || kind === 'loop');
  if (!target) refuse(node, `${word} outside of a loop`);
  if (word === 'break')
    target.left = target.left ? joined(target.left, body.flow) : body.flow.copy();
  body.emit(node, `${word};`);
  body.flow.reachable = false;
}

function giveBack(body: Body, node: Return): void {
  const { argument } = node;
  const { result } = body;
  if (result.kind === 'void') {
    if (argument) refuse(node, 'this function returns nothing', 'give it a return type');
    body.emit(node, 'return;');
  } else {
    if (!argument) refuse(node, `${typeName(result)} is wanted`);
    const value = body.compile(argument, result);
    if (value.stack)
      refuse(argument, 'this memory is gone when the function returns', 'pass it in');
    body.emit(node, `return ${convert(value, result, argument).c};`);
  }
  body.flow.reachable = false;
}
