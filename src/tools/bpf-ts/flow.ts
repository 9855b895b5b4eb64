import type { Expression, Identifier, Node } from './ast.ts';
import type { Local, Scope } from './scope.ts';

/**
 * What is known at a point of a function: which variables are not undefined, and whether the
 * point is reached at all. This is TypeScript's strictNullChecks: what the editor is content with
 * compiles here, and what compiles passes the verifier's null checks.
 */
export class Flow {
  readonly present: Set<Local>;
  reachable: boolean;

  constructor(present: Iterable<Local> = [], reachable = true) {
    this.present = new Set(present);
    this.reachable = reachable;
  }

  copy(): Flow {
    return new Flow(this.present, this.reachable);
  }

  with(facts: readonly Local[]): Flow {
    return new Flow([...this.present, ...facts], this.reachable);
  }
}

/** Where two ways meet: what is known on both; a way that ended says nothing. */
export function joined(a: Flow, b: Flow): Flow {
  if (!a.reachable) return b.copy();
  if (!b.reachable) return a.copy();
  return new Flow([...a.present].filter((local) => b.present.has(local)));
}

/** The variables that are there when `test` came out as `truth`. */
export function factsOf(test: Expression, truth: boolean, scope: Scope): Local[] {
  switch (test.type) {
    case 'Identifier':
      return truth ? localOf(test, scope) : [];
    case 'UnaryExpression':
      return test.operator === '!' ? factsOf(test.argument, !truth, scope) : [];
    case 'LogicalExpression':
      return test.operator === (truth ? '&&' : '||')
        ? [...factsOf(test.left, truth, scope), ...factsOf(test.right, truth, scope)]
        : [];
    case 'BinaryExpression': {
      if (test.operator !== (truth ? '!==' : '===')) return [];
      const other = isUndefined(test.left) ? test.right : test.left;
      const compared = isUndefined(test.left) || isUndefined(test.right);
      return compared && other.type === 'Identifier' ? localOf(other, scope) : [];
    }
    default:
      return [];
  }
}

export function isUndefined(node: Expression): boolean {
  return node.type === 'Identifier' && node.name === 'undefined';
}

function localOf(node: Identifier, scope: Scope): Local[] {
  const symbol = scope.find(node.name);
  return symbol?.kind === 'local' ? [symbol] : [];
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
