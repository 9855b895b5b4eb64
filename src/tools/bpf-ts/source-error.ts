import { FormatError } from '../../base/index.ts';
import type { Node } from './ast.ts';

/** One thing wrong in a source file. */
export interface SourceProblem {
  /** From 1. */
  readonly line: number;
  /** From 1, as editors count. */
  readonly column: number;
  readonly message: string;
  /** What to write instead. */
  readonly hint?: string;
}

/** A `.bpf.ts` file that cannot be compiled: all that is wrong with it, in the file's order. */
export class SourceError extends FormatError {
  readonly file: string;
  readonly problems: readonly SourceProblem[];

  constructor(file: string, problems: readonly SourceProblem[]) {
    super('BPF TypeScript', problems[0]?.line ?? 0, problems[0]?.message ?? '');
    this.file = file;
    this.problems = problems;
    this.message = problems.map((one) => formatProblem(file, one)).join('\n');
  }
}

/** 'x.bpf.ts:3:5: message (hint)'. */
export function formatProblem(file: string, problem: SourceProblem): string {
  const hint = problem.hint ? `; ${problem.hint}` : '';
  return `${file}:${problem.line}:${problem.column}: ${problem.message}${hint}`;
}

/** Ends the compilation of one statement or declaration; the next one is still looked at. */
export class Refusal extends Error {
  /** Undefined where the reason was told before. */
  readonly problem: SourceProblem | undefined;

  constructor(problem?: SourceProblem) {
    super(problem?.message);
    this.problem = problem;
  }
}

export function problemAt(node: Pick<Node, 'loc'>, message: string, hint?: string): SourceProblem {
  const { line, column } = node.loc.start;
  return { line, column: column + 1, message, ...(hint === undefined ? {} : { hint }) };
}

/** Throws: `node` cannot be compiled. */
export function refuse(node: Pick<Node, 'loc'>, message: string, hint?: string): never {
  throw new Refusal(problemAt(node, message, hint));
}
