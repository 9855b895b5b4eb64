import { clangMessages } from '../tools/index.ts';

/** A source does not compile: the compiler's words in `message`, and where the first error is. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
  /** A path; line and column count from 1. */
  readonly file: string;
  readonly line: number;
  readonly column: number;

  constructor(source: string, output: string) {
    const first = clangMessages(output).find(
      ({ severity, line }) => severity === 'error' && line !== undefined,
    );
    super(`${source} does not compile\n\n${output.trim()}\n`);
    this.file = first?.file ?? source;
    this.line = first?.line ?? 1;
    this.column = first?.column ?? 1;
  }
}
