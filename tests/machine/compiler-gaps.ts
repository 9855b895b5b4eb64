/**
 * What an object of a compiler gets wrong, by program: how. Keys are the compiler, or the compiler
 * and the -mcpu it was asked for. Tests compare for equality, so an entry that is not needed any
 * more fails too.
 */

// gcc 12 leaves .BTF.ext empty, and Linux takes no callbacks that func_info does not describe.
const NO_CALLBACKS = {
  callbacks: "program 'callbacks' is not safe to run: missing btf func_info (EINVAL)",
};

// Without 32-bit arithmetic gcc 12 drops upper halves by r &= 0xffffffff, whose constant is -1.
const KEPT_CARRY = { halves: '(5, 4294967295): 268435458, not 2' };

export const KNOWN_GAPS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  gcc: NO_CALLBACKS,
  'gcc v2': { ...NO_CALLBACKS, ...KEPT_CARRY },
  'gcc v1': {
    ...NO_CALLBACKS,
    ...KEPT_CARRY,
    // It compiles `end of access > end of packet` as >=: the last byte is not read.
    loop: '(0, 0): 214440546, not 2352689751',
  },
};
