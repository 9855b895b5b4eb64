/** A source does not compile: the compiler's words in `message`, and where the first error is. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
  /** A path; line and column count from 1. */
  readonly file: string;
  readonly line: number;
  readonly column: number;

  constructor(source: string, output: string) {
    const first = /^(.+?):(\d+):(\d+): (?:fatal )?error: /m.exec(output);
    super(`${source} does not compile\n\n${output.trim()}\n`);
    this.file = first?.[1] ?? source;
    this.line = Number(first?.[2] ?? 1);
    this.column = Number(first?.[3] ?? 1);
  }
}
