/**
 * BPF programs written in TypeScript: `x.bpf.ts` → C, which clang compiles as usual. Every
 * statement of the C says which line it is (#line), so that line info, logs and explanations quote
 * the TypeScript. What the language has is in docs/bpf-in-typescript.md.
 */
import { ModuleCompiler } from './module.ts';
import { parseModule } from './parse.ts';
import { Refusal, SourceError } from './source-error.ts';

export { formatProblem, SourceError, type SourceProblem } from './source-error.ts';

/** What came of a file. */
export interface BpfTypeScript {
  /** C for clang, with the headers of include/beeyard. */
  readonly c: string;
  /** Names of the programs, in the order of the file. */
  readonly programs: readonly string[];
}

/**
 * Compiles TypeScript to C.
 *
 * @param source the text of the file
 * @param file its path, as line info shall name it
 * @throws SourceError with every problem found: line, column, what is wrong, what to write instead
 * @example
 * ```ts
 * const { c } = compileTypeScript(
 *   "import { xdp } from 'beeyard/bpf';\nexport const all = xdp(() => { return 'pass'; });",
 *   'all.bpf.ts',
 * );
 * ```
 */
export function compileTypeScript(source: string, file: string): BpfTypeScript {
  const { compiler, c } = compiled(source, file);
  const problems = [...compiler.problems];
  if (problems.length === 0 && compiler.programs.length === 0) {
    problems.push({
      line: 1,
      column: 1,
      message: 'there is no program in this file',
      hint: 'export const name = xdp((packet) => { … })',
    });
  }
  if (problems.length > 0) throw new SourceError(file, inOrder(problems));
  return { c: withHeaders(c, file), programs: compiler.programs };
}

function compiled(source: string, file: string): { compiler: ModuleCompiler; c: string } {
  try {
    const compiler = new ModuleCompiler(parseModule(source));
    return { compiler, c: compiler.compile() };
  } catch (error) {
    if (error instanceof Refusal && error.problem) throw new SourceError(file, [error.problem]);
    if (!(error instanceof RangeError)) throw error;
    const message = 'this file is nested too deeply';
    throw new SourceError(file, [{ line: 1, column: 1, message }]);
  }
}

const inOrder = (problems: SourceError['problems']): SourceError['problems'] =>
  problems.toSorted((a, b) => a.line - b.line || a.column - b.column);

/** The first #line names the file; those after it need only the number. */
function withHeaders(c: string, file: string): string {
  const headers = ['bpf.h', 'net.h', 'typescript.h'].map((name) => `#include <beeyard/${name}>`);
  return `${headers.join('\n')}\n#line 1 ${JSON.stringify(file)}\n${c}\n`;
}
