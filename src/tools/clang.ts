/** How BPF programs in C are compiled: which compilers to look for and what to tell them. */

const NEWEST = 22;
const OLDEST = 14;

/** Commands to try, in order. $CLANG is what the kernel's and libbpf's makefiles look at too. */
export function clangCandidates(env: Readonly<Record<string, string | undefined>>): string[] {
  const versions = Array.from({ length: NEWEST - OLDEST + 1 }, (_, i) => `clang-${NEWEST - i}`);
  return [...new Set([...(env['CLANG'] ? [env['CLANG']] : []), 'clang', ...versions])];
}

/** Reads what `clang --print-targets` says. */
export function knowsBpf(targets: string): boolean {
  return /^\s*bpf(el)?\s/m.test(targets);
}

export interface CompileOptions {
  /** Instruction set: 'v1' … 'v4'. */
  readonly cpu: string;
  readonly includes: readonly string[];
  /** NAME or NAME=VALUE. */
  readonly defines: readonly string[];
  /** Colours in the compiler's messages. */
  readonly color: boolean;
  /**
   * The source is C on standard input, made from another language: its columns are not C's, and
   * clang's warnings would be about what nobody wrote.
   */
  readonly generated?: boolean;
}

/** Arguments for clang: optimised (BPF needs it), with types and source lines. */
export function compileArguments(
  source: string,
  object: string,
  options: CompileOptions,
): string[] {
  return [
    '-target',
    'bpf',
    `-mcpu=${options.cpu}`,
    '-O2',
    '-g',
    '-Wall',
    ...options.defines.map((one) => `-D${one}`),
    ...options.includes.map((one) => `-I${one}`),
    options.color ? '-fcolor-diagnostics' : '-fno-color-diagnostics',
    ...(options.generated ? ['-gno-column-info', '-w', '-x', 'c'] : []),
    '-c',
    source,
    '-o',
    object,
  ];
}

/** What the compiler says of a place, or of the whole file. Lines and columns count from 1. */
export interface ClangMessage {
  readonly severity: 'error' | 'warning' | 'note';
  readonly text: string;
  /** As the compiler names it; undefined: it named no place. */
  readonly file?: string;
  readonly line?: number;
  /** In bytes. */
  readonly column?: number;
  /** The outermost `#include` by which it came there. */
  readonly from?: { readonly file: string; readonly line: number };
}

const INCLUDED = /^In file included from (.+):(\d+):$/;
const MESSAGE = /^(?:(.+?):(\d+):(\d+): |clang[^ :]*: )?(fatal error|error|warning|note): (.*)$/;

/** Reads what clang writes to standard error; the excerpts of the source are left out. */
export function clangMessages(output: string): ClangMessage[] {
  const messages: ClangMessage[] = [];
  let from: ClangMessage['from'];
  for (const row of output.split(/\r?\n/)) {
    const included = INCLUDED.exec(row);
    if (included) from ??= { file: included[1]!, line: Number(included[2]) };
    const [, file, line, column, word, text = ''] = MESSAGE.exec(row) ?? [];
    if (word === undefined) continue;
    const severity = word === 'warning' || word === 'note' ? word : 'error';
    const place = file !== undefined && { file, line: Number(line), column: Number(column) };
    messages.push({ severity, text, ...place, ...(from && { from }) });
    from = undefined;
  }
  return messages;
}
