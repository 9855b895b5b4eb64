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
