import type { Binary, Expression, Identifier, Node } from './ast.ts';
import type { Local, Scope } from './scope.ts';

/**
 * What is known at a point of a function: which variables are not undefined, how large numbers can
 * be, and whether the point is reached at all. The first is TypeScript's strictNullChecks: what the
 * editor is content with compiles here, and what compiles passes the verifier's null checks. The
 * second proves that indexes are inside of their arrays.
 */
export class Flow {
  readonly present: Set<Local>;
  /** The largest value of a variable. */
  readonly bounds: Map<Local, bigint>;
  reachable: boolean;

  constructor(
    present: Iterable<Local> = [],
    bounds: Iterable<readonly [Local, bigint]> = [],
    reachable = true,
  ) {
    this.present = new Set(present);
    this.bounds = new Map(bounds);
    this.reachable = reachable;
  }

  copy(): Flow {
    return new Flow(this.present, this.bounds, this.reachable);
  }

  with(facts: readonly Fact[]): Flow {
    const flow = this.copy();
    for (const { local, most } of facts) {
      if (most === undefined) flow.present.add(local);
      else flow.bounds.set(local, smaller(flow.bounds.get(local), most));
    }
    return flow;
  }

  /** What was known of a variable is not any more. */
  forget(local: Local): void {
    this.present.delete(local);
    this.bounds.delete(local);
  }

  /** The same of all variables with these names. */
  forgetNames(names: ReadonlySet<string>): void {
    for (const local of [...this.present, ...this.bounds.keys()]) {
      if (names.has(local.name)) this.forget(local);
    }
  }
}

/** A variable is there, or is at most `most`. */
export interface Fact {
  readonly local: Local;
  readonly most?: bigint;
}

/** What facts are read with. */
export interface Known {
  readonly scope: Scope;
  /** The value of an expression that is known when compiling. */
  constantOf(node: Expression): bigint | undefined;
}

export const smaller = (a: bigint | undefined, b: bigint): bigint =>
  a === undefined || b < a ? b : a;

/** Where two ways meet: what is known on both; a way that ended says nothing. */
export function joined(a: Flow, b: Flow): Flow {
  if (!a.reachable) return b.copy();
  if (!b.reachable) return a.copy();
  const present = [...a.present].filter((local) => b.present.has(local));
  const bounds = [...a.bounds].flatMap(([local, most]) => {
    const other = b.bounds.get(local);
    return other === undefined ? [] : [[local, other > most ? other : most] as const];
  });
  return new Flow(present, bounds);
}

/** What is known when `test` came out as `truth`. */
export function factsOf(test: Expression, truth: boolean, known: Known): Fact[] {
  switch (test.type) {
    case 'Identifier':
      return truth ? localOf(test, known) : [];
    case 'UnaryExpression':
      return test.operator === '!' ? factsOf(test.argument, !truth, known) : [];
    case 'LogicalExpression':
      return test.operator === (truth ? '&&' : '||')
        ? [...factsOf(test.left, truth, known), ...factsOf(test.right, truth, known)]
        : [];
    case 'BinaryExpression':
      return [...presence(test, truth, known), ...limit(test, truth, known)];
    default:
      return [];
  }
}

function presence(test: Binary, truth: boolean, known: Known): Fact[] {
  if (test.operator !== (truth ? '!==' : '===')) return [];
  const other = isUndefined(test.left) ? test.right : test.left;
  const compared = isUndefined(test.left) || isUndefined(test.right);
  return compared ? localOf(other, known) : [];
}

const OPPOSITE: Readonly<Record<string, string>> = {
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
  '===': '!==',
  '!==': '===',
};
const MIRRORED: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

/** `i < 16`: i is at most 15. */
function limit(test: Binary, truth: boolean, known: Known): Fact[] {
  const { left, right } = test;
  const operator = truth ? test.operator : OPPOSITE[test.operator];
  if (operator === undefined) return [];
  const value = known.constantOf(right);
  if (value !== undefined) return limited(left, operator, value, known);
  const mirrored = known.constantOf(left);
  if (mirrored === undefined) return [];
  return limited(right, MIRRORED[operator] ?? operator, mirrored, known);
}

function limited(node: Expression, operator: string, value: bigint, known: Known): Fact[] {
  const most = { '<': value - 1n, '<=': value, '===': value }[operator];
  if (most === undefined) return [];
  // Below 0 no unsigned number gets: that way is never taken.
  return localOf(node, known).map(({ local }) => ({ local, most: most < 0n ? 0n : most }));
}

/** Any function may change it, so nothing lasting is known of it. */
export const isGlobal = (local: Local): boolean =>
  local.expr.place === true && local.expr.type.kind === 'int';

export function isUndefined(node: Expression): boolean {
  return node.type === 'Identifier' && node.name === 'undefined';
}

function localOf(node: Expression, { scope }: Known): Fact[] {
  const symbol = node.type === 'Identifier' ? scope.find(node.name) : undefined;
  return symbol?.kind === 'local' && !isGlobal(symbol) ? [{ local: symbol }] : [];
}

/** Names that something below `node` assigns: what is known of them does not survive a loop. */
export function assignedNames(node: Node, found = new Set<string>()): Set<string> {
  if (node.type === 'AssignmentExpression') {
    const { left } = node as unknown as { left: Identifier };
    if (left.type === 'Identifier') found.add(left.name);
  }
  if (node.type === 'UpdateExpression') {
    const { argument } = node as unknown as { argument: Identifier };
    if (argument.type === 'Identifier') found.add(argument.name);
  }
  for (const child of childrenOf(node)) assignedNames(child, found);
  return found;
}

/** The nodes right below a node. */
export function childrenOf(node: Node): Node[] {
  return Object.values(node).flatMap((value: unknown) => {
    const all: unknown[] = Array.isArray(value) ? value : [value];
    return all.filter(isNode);
  });
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}
