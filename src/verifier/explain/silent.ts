import type { VerifierEnv } from '../env.ts';
import type { VerifierInput, VerifyResult } from '../types.ts';
import type { CauseId } from './cause-ids.ts';
import { describe } from './insn.ts';
import type { Explanation } from './types.ts';

type Words = readonly [cause: CauseId, problem: string, ...advice: string[]];

/** What an errno without words means, before any instruction was looked at. */
const EARLY: Readonly<Record<string, Words>> = {
  EPERM: [
    'privilege',
    'The loader lacks a capability for this program type.',
    'Load with CAP_BPF, and CAP_PERFMON (tracing) or CAP_NET_ADMIN (networking).',
  ],
  E2BIG: [
    'verifier-limit',
    'The program has no instructions, or more than this loader may load.',
    'Without CAP_BPF the limit is 4,096 instructions, with it a million.',
  ],
  EINVAL: [
    'attach-target',
    'The program type and what it attaches to do not fit, or the instructions are cut off.',
    'Check the section name: it decides program type, attach type and target.',
  ],
};

/** What an errno without words means once the passes have begun. */
const LATER: Readonly<Record<string, Words>> = {
  ENOMEM: [
    'too-complex',
    'The states of the walk need more memory than there is.',
    'Put the body of large loops into bpf_loop(); avoid branches that multiply.',
  ],
  EBADF: ['loader-or-btf', 'There is function information but no BTF.', 'Load with libbpf.'],
  ENOTSUPP: [
    'attach-target',
    'This combination of program type and attach type (or map) is not supported.',
    'Check the section name and the map definitions.',
  ],
  EINVAL: [
    'loader-or-btf',
    'The kernel refuses this without a word: what it attaches to or its types do not fit.',
    'Check the section name, the function it names and its prototype.',
  ],
  EFAULT: ['verifier-bug', 'The kernel contradicts itself, without a word.'],
  E2BIG: ['verifier-limit', 'The program is too large.', 'Split it.'],
};

/** The explanation of a rejection for which the kernel gives an errno and nothing else. */
export function silentExplanation(
  input: VerifierInput,
  result: VerifyResult,
  env: VerifierEnv | undefined,
): Explanation {
  const table = env ? LATER : EARLY;
  const unknown: Words = ['other', `The kernel answers ${result.errnoName} without a word.`];
  const [cause, problem, ...advice] = table[result.errnoName] ?? unknown;
  const first = { insn: 0, text: '', line: input.lineInfo[0] };
  const at = env ? describe(env, result.insn) : first;
  return {
    cause,
    code: `errno.${result.errnoName}`,
    kernel: '',
    problem,
    at,
    blame: at,
    subject: undefined,
    steps: [],
    advice,
  };
}
