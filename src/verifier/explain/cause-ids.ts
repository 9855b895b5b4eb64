/**
 * Why programs are rejected, as an author would put it: one name for each kind of mistake, however
 * the kernel words it. The first 33 follow the most frequent reports from the field; the others are
 * rarer. Names are stable: tools may rely on them.
 */
const CAUSES = {
  'packet-bounds': 'packet bytes are used that no check against data_end covers',
  'scalar-dereference': 'a number is used as a pointer: the pointer was lost, or never was one',
  'map-value-bounds': 'a constant offset leads past the value (or key) of a map',
  'index-out-of-range': 'an index is limited, but may still lead out of the memory',
  'index-unbounded': 'nothing limits the index (or offset) of an access',
  'uninitialised-register': 'a value is used that was not set on this path, or lost by a call',
  'null-check-missing': 'a pointer that may be NULL is used without a check',
  'negative-length': 'a length or index may be negative',
  'pointer-offset-unbounded': 'a number without lower limit is added to a pointer',
  'pointer-offset-too-large': 'a pointer is moved too far (2^29 bytes or more)',
  'pointer-arithmetic': 'this kind of pointer may not be changed at all',
  'pointer-operator': 'only 64-bit + and - are possible on pointers: no &, |, <<, *, 32 bit',
  'helper-argument-type': 'a function (helper or kfunc) is given the wrong kind of argument',
  'stack-uninitialised': 'stack bytes are read, or given to a helper, that were never written',
  'stack-index': 'an access leaves the 512 bytes of stack, or its index is not limited',
  'zero-length': 'a length may be zero where the helper takes no zero',
  misaligned: 'an access is not at a multiple of its size where that is asked for',
  'context-access': 'the program type does not let this field of the context be read or written',
  'modified-context': 'the context (or another fixed pointer) is used after it was moved',
  'helper-not-available': 'there is no such helper for this program type, licence or privilege',
  'kfunc-not-allowed': 'the kernel function is not there for this program type or licence',
  'too-complex': 'the verifier gave up: too many instructions or branches to walk',
  'infinite-loop': 'a loop comes around with nothing changed, or loops are not allowed',
  'control-flow': 'unreachable code, a jump to nowhere, no return at the end',
  'stack-too-deep': 'the functions that call one another need more than 512 bytes of stack',
  'reference-leak': 'something acquired is not released on a path',
  'trust-lost': 'a kernel object must be trusted, referenced or under RCU here, and is not',
  'dynptr-or-iterator-protocol': 'a dynptr or iterator is used in the wrong state or order',
  'lock-or-section': 'a lock, RCU or preempt section is unbalanced, or forbids what is done in it',
  'return-range': 'the program (or a callback) may return a value that is not allowed',
  'pointer-leak': 'a kernel address would become visible to a loader that may not see it',
  'function-contract': "a call of the program's own function does not keep to its prototype",
  'loader-or-btf': 'what the loader or the type information says does not fit the program',

  'length-unbounded': 'a length given to a helper is not limited by the size of the buffer',
  'memory-bounds': 'a constant offset leads past memory of known size that is no map value',
  'struct-access': 'a typed kernel object has no such field, or it may not be accessed like that',
  'read-only': 'memory is written that may only be read (or read that may only be written)',
  'merged-pointers': 'one instruction is reached with pointers of different kinds',
  'not-owned': 'something is released (or given away) that is not owned at this point',
  'special-field': 'a lock, timer, kptr, list or tree field is not used as such fields must be',
  'map-not-compatible': 'the map does not work with this helper or program type',
  'constant-needed': 'an argument must be a constant that is known at load time',
  'format-string': 'the string or format given to a helper is malformed',
  'may-not-sleep': 'something that may sleep is called in a program that may not',
  'attach-target': 'the program may not attach to what it names',
  speculation: 'without CAP_PERFMON the kernel cannot guard this arithmetic',
  privilege: 'the loader lacks a capability',
  'invalid-instruction': 'the instruction itself is malformed',
  'verifier-limit': 'a limit of the kernel (number of maps, functions, memory)',
  'verifier-bug': 'the kernel says the fault is its own',
  other: 'a reason that none of the others covers',
} as const;

/** Names of the causes of rejections; `causeMeaning` tells what each one means. */
export type CauseId = keyof typeof CAUSES;

/** All names, the most frequent first. */
export const causeIds = Object.keys(CAUSES) as readonly CauseId[];

/**
 * What a cause means, in one line.
 *
 * @example
 * causeMeaning('zero-length'); // 'a length may be zero where the helper takes no zero'
 */
export function causeMeaning(id: CauseId): string {
  return CAUSES[id];
}
