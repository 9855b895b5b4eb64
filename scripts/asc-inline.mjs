/**
 * A transform of the AssemblyScript compiler: `@inline` in the comment before a function means what
 * the decorator `@inline` means. So the files stay TypeScript that formatters and linters read.
 */
import { Node, NodeKind } from 'assemblyscript';
import { Transform } from 'assemblyscript/transform';

/** Whether the last thing before `start` is a comment that says @inline. */
function wantsInline(text, start) {
  const before = text.slice(0, start).trimEnd();
  if (!before.endsWith('*/')) return false;
  return /@inline\b/.test(before.slice(before.lastIndexOf('/*')));
}

export default class Inline extends Transform {
  afterParse(parser) {
    for (const source of parser.sources) {
      if (source.isLibrary) continue;
      for (const statement of source.statements) {
        if (statement.kind !== NodeKind.FunctionDeclaration) continue;
        const { range } = statement;
        const start = source.text.lastIndexOf('\n', range.start) + 1;
        if (!wantsInline(source.text, start)) continue;
        const name = Node.createIdentifierExpression('inline', range);
        statement.decorators = [
          ...(statement.decorators ?? []),
          Node.createDecorator(name, null, range),
        ];
      }
    }
  }
}
