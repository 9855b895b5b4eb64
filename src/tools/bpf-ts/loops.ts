import type {
  Call,
  Expression,
  For,
  ForOf,
  Identifier,
  Node,
  Statement,
  VariableDeclaration,
  While,
} from './ast.ts';
import type { Body } from './body.ts';
import { convert, mostOf, pointer, settled } from './convert.ts';
import { assignedNames, factsOf, type Flow, joined } from './flow.ts';
import { condition } from './operators.ts';
import { assign, update } from './places.ts';
import { type Expr, Scope } from './scope.ts';
import { refuse } from './source-error.ts';
import {
  type ArrayType,
  cNumber,
  cScalar,
  cVariable,
  intOf,
  isAggregate,
  typeName,
  type IntType,
} from './types.ts';

type Inner = (node: Statement) => void;

/** What is assigned inside a loop is not known at its head. */
function enter(body: Body, node: Node): void {
  body.flow.forgetNames(assignedNames(node));
  body.exits.push({ kind: 'loop', left: undefined });
}

/** After a loop: what is known where its test failed, and at every break. */
function leave(body: Body, failed: Flow | undefined): void {
  const { left } = body.exits.pop()!;
  const ways = [failed, left].filter((flow) => flow !== undefined);
  const flow = ways.length === 2 ? joined(ways[0]!, ways[1]!) : ways[0];
  body.flow = flow ?? body.flow.copy();
  if (!flow) body.flow.reachable = false;
}

/** A test that ends nothing: while (true), for (;;). */
const isAlways = (test: Expression | null): boolean =>
  !test || (test.type === 'Literal' && test.value === true);

/** Runs a loop's body with what its test says; gives what is known when the test fails. */
function round(body: Body, test: Expression | null, run: () => void): Flow | undefined {
  const head = body.flow;
  const failed = isAlways(test) ? undefined : head.with(test ? factsOf(test, false, body) : []);
  body.flow = head.with(test ? factsOf(test, true, body) : []);
  run();
  return failed;
}

export function whileLoop(body: Body, node: While, inner: Inner): void {
  enter(body, node);
  body.open(node, `while (${condition(body, node.test)}) {`);
  const failed = round(body, node.test, () => inner(node.body));
  body.close();
  leave(body, failed);
}

export function doWhile(body: Body, node: While, inner: Inner): void {
  enter(body, node);
  const head = body.flow;
  const declareTemps = body.reserve();
  body.open(node, 'do {');
  body.flow = head.copy();
  inner(node.body);
  body.close('} while (');
  // `continue` comes here too: only what the head knew is sure.
  body.flow = head.copy();
  const test = condition(body, node.test);
  declareTemps();
  body.emit(node.test, `${test});`);
  const failed = isAlways(node.test) ? undefined : body.flow.with(factsOf(node.test, false, body));
  leave(body, failed);
}

/** `for (init; test; update)`, its variables in a block of their own. */
export function forLoop(
  body: Body,
  node: For,
  inner: Inner,
  declare: (init: VariableDeclaration) => void,
): void {
  const outer = body.scope;
  body.scope = new Scope(outer);
  body.open(node, '{');
  try {
    if (node.init) begin(body, node.init, declare);
    enter(body, { ...node, init: null } as Node);
    const test = node.test ? condition(body, node.test) : '';
    const head = body.flow.copy();
    const step = node.update ? stepOf(body, node.update) : '';
    body.flow = head;
    body.open(node, `for (; ${test}; ${step}) {`);
    const failed = round(body, node.test, () => inner(node.body));
    body.close();
    leave(body, failed);
  } finally {
    body.scope = outer;
  }
  body.close();
}

function begin(
  body: Body,
  init: VariableDeclaration | Expression,
  declare: (init: VariableDeclaration) => void,
): void {
  if (init.type === 'VariableDeclaration') declare(init);
  else body.emit(init, `${stepOf(body, init)};`);
}

function stepOf(body: Body, node: Expression): string {
  if (node.type === 'AssignmentExpression') return assign(body, node).replace(/;$/, '');
  if (node.type === 'UpdateExpression') return update(body, node).replace(/;$/, '');
  refuse(node, 'a loop counts with an assignment', 'write i++ or i += 2');
}

/** `for (const i of range(n))` and `for (const x of array)`. */
export function forOf(body: Body, node: ForOf, inner: Inner): void {
  const id = loopVariable(node);
  const outer = body.scope;
  body.scope = new Scope(outer);
  try {
    if (isRange(body, node.right)) overRange(body, node, id, node.right, inner);
    else overArray(body, node, id, inner);
  } finally {
    body.scope = outer;
  }
}

function loopVariable(node: ForOf): Identifier {
  const { left } = node;
  const first = left.type === 'VariableDeclaration' ? left.declarations[0]?.id : undefined;
  if (
    left.type === 'VariableDeclaration' &&
    left.kind === 'const' &&
    first?.type === 'Identifier'
  ) {
    return first;
  }
  refuse(left, 'for…of declares its variable', 'write for (const x of …)');
}

function isRange(body: Body, node: Expression): node is Call {
  if (node.type !== 'CallExpression' || node.callee.type !== 'Identifier') return false;
  const symbol = body.scope.find(node.callee.name);
  return symbol?.kind === 'builtin' && symbol.name === 'range';
}

function overRange(body: Body, node: ForOf, id: Identifier, range: Call, inner: Inner): void {
  const given = range.arguments;
  if (given.length < 1 || given.length > 2)
    refuse(range, 'range() takes an end, or a start and an end');
  const ends = given.map((one) => body.compile(one));
  const type = rangeType(ends, range);
  const [from, to] = ends.length === 2 ? ends : [undefined, ends[0]];
  const start = from ? convert(from, type, given[0]!).c : cNumber(0n, type);
  const c = body.fresh(id.name);
  const end = body.fresh('end');
  body.emit(range, `const ${cScalar(type)} ${end} = ${convert(to!, type, range).c};`);
  const most = mostOf(to!);
  const expr: Expr = { c, type, counts: true, ...(most && most > 0n ? { most: most - 1n } : {}) };
  loop(body, node, `for (${cScalar(type)} ${c} = ${start}; ${c} < ${end}; ${c}++) {`, () => {
    body.scope.set(id.name, { kind: 'local', name: id.name, expr, mutable: false });
    inner(node.body);
  });
}

/** The type its ends have; u32 or u64 if they are both written numbers. */
function rangeType(ends: readonly Expr[], node: Node): IntType {
  const typed = ends.find((end) => end.type.kind !== 'literal') ?? ends[0]!;
  const type = settled(typed, node).type;
  if (type.kind === 'int' && type.bits >= 32) return type;
  const int = intOf(type);
  if (!int) refuse(node, `a range of ${typeName(type)}`);
  return settled(
    { c: '', type: { kind: 'literal', value: int.signed ? -1n : 1n, big: false } },
    node,
  ).type as IntType;
}

function overArray(body: Body, node: ForOf, id: Identifier, inner: Inner): void {
  const array = body.compile(node.right);
  const { type } = array;
  if (type.kind !== 'array') {
    refuse(node.right, `${typeName(type)} cannot be looped over`, 'use range(n) or an array');
  }
  const [base, declaration] = held(body, array, type, node.right);
  const index = body.fresh('index');
  if (declaration) body.emit(node.right, declaration);
  loop(body, node, `for (__u32 ${index} = 0; ${index} < ${type.length}; ${index}++) {`, () => {
    const { element } = type;
    const c = body.fresh(id.name);
    const at = isAggregate(element) ? '&' : '';
    body.emit(node.left, `${cVariable(element, c)} = ${at}${base}[${index}];`);
    const stack = array.stack && isAggregate(element) ? { stack: true } : {};
    const expr: Expr = { c, type: element, ...stack };
    body.scope.set(id.name, { kind: 'local', name: id.name, expr, mutable: false });
    inner(node.body);
  });
}

/** The array as C indexes it; a calculated one is calculated once. */
function held(body: Body, array: Expr, type: ArrayType, node: Node): readonly [string, string?] {
  if (array.place && !array.calls) {
    if (isAggregate(type.element)) pointer(array, node);
    return [array.c];
  }
  const c = body.fresh('array');
  return [`(*${c})`, `${cVariable(type, c)} = ${pointer(array, node)};`];
}

function loop(body: Body, node: ForOf, head: string, run: () => void): void {
  enter(body, node);
  body.open(node, head);
  const before = body.flow.copy();
  run();
  body.close();
  leave(body, before);
}
