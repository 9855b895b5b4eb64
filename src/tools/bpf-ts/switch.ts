import type { Statement, Switch, SwitchCase } from './ast.ts';
import type { Body } from './body.ts';
import { convert, settled } from './convert.ts';
import { type Flow, joined } from './flow.ts';
import { Scope } from './scope.ts';
import { refuse } from './source-error.ts';
import { type IntType, intOf, promoted, type Type, typeName } from './types.ts';

/** A switch over a number or an enum; cases fall through as they do in JavaScript and C. */
export function switchStatement(
  body: Body,
  node: Switch,
  inner: (list: readonly Statement[]) => void,
): void {
  const value = settled(body.compile(node.discriminant), node.discriminant);
  const int = intOf(value.type);
  if (!int) refuse(node.discriminant, `a switch over ${typeName(value.type)}`, 'use if');
  const labels = labelsOf(body, node, value.type, promoted(int));
  const before = body.flow;
  body.exits.push({ kind: 'switch', left: undefined });
  body.open(node, `switch (${value.c}) {`);
  body.flow = before.copy();
  body.flow.reachable = false;
  for (const [i, one] of node.cases.entries()) {
    const fallen: Flow = body.flow;
    body.flow = fallen.reachable ? joined(fallen, before) : before.copy();
    body.open(one, `${labels[i]} {`);
    oneCase(body, one, inner);
    body.close();
  }
  body.close();
  const { left } = body.exits.pop()!;
  const complete = node.cases.some(({ test }) => !test);
  const ends = [left, body.flow, ...(complete ? [] : [before])].filter(
    (flow) => flow !== undefined,
  );
  body.flow = ends.reduce((a, b) => joined(a, b)).copy();
}

function oneCase(body: Body, node: SwitchCase, inner: (list: readonly Statement[]) => void): void {
  const declaration = node.consequent.find(({ type }) => type === 'VariableDeclaration');
  if (declaration) refuse(declaration, 'a declaration in a case needs a block', 'case 1: { … }');
  const outer = body.scope;
  body.scope = new Scope(outer);
  try {
    inner(node.consequent);
  } finally {
    body.scope = outer;
  }
}

/** `case 5:` of every case; a value may be there once. */
function labelsOf(body: Body, node: Switch, over: Type, int: IntType): string[] {
  const seen = new Set<bigint>();
  return node.cases.map(({ test }) => {
    if (!test) return 'default:';
    const label = body.compile(test);
    const known = label.type.kind === 'literal' ? label.type.value : label.constant;
    if (known === undefined) refuse(test, 'a case is a number known when compiling', 'use if');
    if (seen.has(known)) refuse(test, `the case ${known} is there twice`);
    seen.add(known);
    const type = label.type.kind === 'enum' && over.kind === 'enum' ? over : int;
    return `case ${convert(label, type, test).c}:`;
  });
}
