/**
 * Causes that need nothing but the values of the message: the problem, then advice. `{0}` stands
 * for the message's first value.
 */
export type PlainCauses = Readonly<Record<string, readonly [problem: string, ...advice: string[]]>>;

export const ASSEMBLY = 'Compilers do not write this: look at hand-written or generated code.';
export const NEWER_COMPILER = 'Compile with a current clang (`-g -O2 -target bpf`) and libbpf.';
export const KERNEL_BUG = 'Report it to bpf@vger.kernel.org with the program.';
export const CHECK_NULL = 'Check the pointer before the call: `if (!p) return 0;`';
