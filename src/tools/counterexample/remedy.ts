import type { CauseId, Explanation } from '../../verifier/index.ts';

const BARRIER =
  'keep the compiler from testing a copy: `asm volatile("" : "+r"(x));` (barrier_var) before ' +
  'the check, and use the same variable after it';

/** What is known to help where the check is there and the verifier does not see it. */
const REMEDIES: Partial<Record<CauseId, string>> = {
  'packet-bounds':
    'check the very pointer that is used, right before it is used, and limit what was added to ' +
    'it to less than 65,535 before',
  'index-out-of-range': `mask the index after the check (\`i &= N - 1\`), or ${BARRIER}`,
  'index-unbounded': `check the index in the width it is used in, make it unsigned, or ${BARRIER}`,
  'negative-length': `make the length unsigned, or ${BARRIER}`,
  'length-unbounded': `mask the length after the check, or ${BARRIER}`,
  'zero-length': `test the length again right before the call, or ${BARRIER}`,
  'pointer-offset-unbounded': `limit the number right before it is added, or ${BARRIER}`,
  'scalar-dereference':
    'do not let the compiler merge two pointers or compute with 32 bits: access the memory in ' +
    'each branch, or read it through a volatile pointer',
  'null-check-missing': 'check the very variable that is used: copies made before are not known',
  'stack-index': `mask the index after the check, or ${BARRIER}`,
  'uninitialised-register': 'give the variable a value where it is declared',
  'modified-context': 'access the field before the branch, or through a volatile pointer',
  'infinite-loop': 'let a loop counter with a constant limit end the loop, too',
  'too-complex': 'use bpf_loop(), bpf_for() or a global function for the body',
};

/** The remedy for an imprecision of the verifier of this kind; '' if none is known. */
export const remedyFor = ({ cause }: Explanation): string => REMEDIES[cause] ?? '';

/** Mistakes that a run with checked accesses shows. */
const VISIBLE: readonly CauseId[] = [
  'packet-bounds',
  'scalar-dereference',
  'map-value-bounds',
  'memory-bounds',
  'index-out-of-range',
  'index-unbounded',
  'null-check-missing',
  'negative-length',
  'length-unbounded',
  'pointer-offset-unbounded',
  'pointer-offset-too-large',
  'pointer-operator',
  'helper-argument-type',
  'stack-index',
  'infinite-loop',
  'modified-context',
  'read-only',
];

/** A run can show whether this rejection is about something that happens. */
export function showsInRuns({ cause, blame }: Explanation): boolean {
  // A pointer that died in a call still leads to the same bytes on this machine.
  const isStale = cause === 'scalar-dereference' && / call /.test(blame.text);
  return VISIBLE.includes(cause) && !isStale;
}
