/**
 * A transform of the AssemblyScript compiler: tags in the comment before a function mean what its
 * decorators mean, so that the files stay TypeScript which formatters and linters read.
 *
 *   @inline                 expand the function where it is called
 *   @external module name   it is imported under that name
 */
import { Node, NodeKind } from 'assemblyscript';
import { Transform } from 'assemblyscript/transform';

/** The comment that ends right before `start`, or ''. */
function commentBefore(text, start) {
  const before = text.slice(0, start).trimEnd();
  return before.endsWith('*/') ? before.slice(before.lastIndexOf('/*')) : '';
}

function decorator(name, args, range) {
  const strings = args.map((value) => Node.createStringLiteralExpression(value, range));
  return Node.createDecorator(Node.createIdentifierExpression(name, range), strings, range);
}

function decoratorsFor(comment, range) {
  const made = [];
  if (/@inline\b/.test(comment)) made.push(decorator('inline', [], range));
  const external = /@external (\w+) (\w+)/.exec(comment);
  if (external) made.push(decorator('external', external.slice(1), range));
  return made;
}

export default class CommentTags extends Transform {
  afterParse(parser) {
    for (const source of parser.sources) {
      if (source.isLibrary) continue;
      for (const statement of source.statements) {
        if (statement.kind !== NodeKind.FunctionDeclaration) continue;
        const start = source.text.lastIndexOf('\n', statement.range.start) + 1;
        const made = decoratorsFor(commentBefore(source.text, start), statement.range);
        if (made.length > 0) statement.decorators = [...(statement.decorators ?? []), ...made];
      }
    }
  }
}
