import type { FunctionDeclaration, Identifier, Node } from './ast.ts';
import { childrenOf } from './flow.ts';
import { refuse } from './source-error.ts';

/** Throws where a function can come to call itself: a BPF program's stack is 512 bytes. */
export function checkRecursion(functions: readonly FunctionDeclaration[]): void {
  const byName = new Map(functions.map((fn) => [fn.id.name, fn]));
  const done = new Set<string>();
  const visit = (fn: FunctionDeclaration, path: readonly string[]): void => {
    const { name } = fn.id;
    if (path.includes(name)) {
      const way = [...path.slice(path.indexOf(name)), name].join(' → ');
      refuse(fn, `recursion cannot be compiled to BPF (${way})`, 'use a loop');
    }
    if (done.has(name)) return;
    for (const called of calledBy(fn)) {
      const next = byName.get(called);
      if (next) visit(next, [...path, name]);
    }
    done.add(name);
  };
  for (const fn of functions) visit(fn, []);
}

function calledBy(node: Node, found = new Set<string>()): Set<string> {
  if (node.type === 'CallExpression') {
    const { callee } = node as unknown as { callee: Identifier };
    if (callee.type === 'Identifier') found.add(callee.name);
  }
  for (const child of childrenOf(node)) calledBy(child, found);
  return found;
}
