import { BPF_EXIT, BPF_JA, BPF_JMP, BPF_JMP32, BPF_X, classOf } from '../../../isa/index.ts';
import { lineOf } from '../../../object/index.ts';
import { SCALAR_VALUE, TYPE } from '../../state/layout.ts';
import {
  type Cause,
  type CauseTable,
  lastCall,
  lastInsn,
  lastWord,
  number,
  register,
  type Situation,
  text,
} from './cause.ts';

const reg = (s: Situation, n = 0) => `R${number(s, n)}`;

/** Causes of rejections about registers, arithmetic, control flow and size. */
export const flowCauses: CauseTable = {
  'flow.reg_not_readable': (s) => {
    const isArgument = number(s, 0) >= 1 && number(s, 0) <= 5;
    return {
      problem: `${reg(s)} is read, but on this path nothing was written to it.`,
      subject: register(s, number(s, 0)),
      advice: isArgument
        ? [
            'Every call leaves R1 to R5 without a value: keep what you need in a ' +
              'variable of its own.',
          ]
        : [
            'Give the variable a value on every path; a function that returns a value ' +
              'needs a return on every path.',
          ],
    };
  },
  'alu.pointer_maybe_null': (s) => ({
    problem: `${reg(s)} may be NULL (${text(s, 1)}), so nothing may be added to it yet.`,
    subject: register(s, number(s, 0)),
    advice: ['Check the pointer first: `if (!p) return 0;`'],
  }),
  'alu.pointer_type': (s) => ({
    problem: `${reg(s)} is a ${text(s, 1)} pointer: arithmetic on it is not allowed.`,
    subject: register(s, number(s, 0)),
    advice: ['Use constant offsets in the access instead of changing the pointer.'],
  }),
  'alu.pointer_32': (s) => ({
    problem: `The pointer in ${reg(s)} would lose its upper half in 32-bit arithmetic.`,
    subject: register(s, number(s, 0)),
    advice: ['Compute with 64-bit types (`long`, `__u64`) wherever pointers are involved.'],
  }),
  'alu.pointer_bitwise': (s) => ({
    problem: `${reg(s)} is a pointer: the operator ${text(s, 1)} would make it meaningless.`,
    subject: register(s, number(s, 0)),
    advice: ['Mask or align an index, then add it to the pointer.'],
  }),
  'alu.pointer_operator': (s) => ({
    problem: `${reg(s)} is a pointer: only + and - are possible on it, not ${text(s, 1)}.`,
    subject: register(s, number(s, 0)),
    advice: ['Do the arithmetic on the index, then add it to the pointer.'],
  }),
  'alu.pointer_and_pointer': (s) => ({
    problem: `Two pointers are combined with ${text(s, 1)}.`,
    subject: register(s, number(s, 0)),
    advice: [
      'Only a pointer and a number can be added; distances are taken between packet pointers.',
    ],
  }),
  'alu.offset_unbounded': (s) => ({
    ...addedNumber(s),
    problem: `A number without known limits is added to a ${text(s, 0)} pointer.`,
    advice: ['Limit the number first (`if (n > MAX) return 0;`), on the variable that is added.'],
  }),
  'alu.offset_constant': (s) => ({
    problem: `The constant ${text(s, 1)} is too large to be added to a ${text(s, 0)} pointer.`,
    advice: ['Offsets must stay within ±2^29.'],
  }),
  'alu.offset_fixed': (s) => ({
    problem: `A ${text(s, 0)} pointer would be moved by ${text(s, 1)} in all: too far.`,
    advice: ['Offsets must stay within ±2^29.'],
  }),
  'alu.offset_out_of_bounds': (s) => ({
    ...addedNumber(s),
    problem:
      `The number added to a ${text(s, 0)} pointer may be as low as ${text(s, 1)}: too far ` +
      `away.`,
    advice: ['Limit the number first (`if (n > MAX) return 0;`), on the variable that is added.'],
  }),
  'alu.div_by_zero': () => ({
    problem: 'The program divides by the constant zero.',
    advice: ['Look for a macro or constant that became 0.'],
  }),
  'alu.partial_copy': (s) => ({
    problem: `A 32-bit copy would keep only half of the pointer in ${reg(s)}.`,
    subject: register(s, number(s, 0)),
    advice: ['Keep pointers in 64-bit variables.'],
  }),
  'jump.pointer_comparison': (s) => ({
    problem:
      `The pointer in ${reg(s)} is compared with something that tells its address; this ` +
      `loader may not see kernel addresses.`,
    subject: register(s, number(s, 0)),
    advice: ['Compare with NULL only, or load with CAP_PERFMON.'],
  }),
  'flow.unreachable': (s) => ({
    at: number(s, 0),
    problem: `Instruction ${number(s, 0)} can never be reached.`,
    advice: ['Compile with optimisation; in hand-written assembly remove the dead code.'],
  }),
  'flow.last_insn': (s) => ({
    at: unfinishedEnd(s),
    problem: 'The program (or a function in it) does not end with a return or a jump.',
    advice: [
      'Let every path end in a return; look for functions whose end the compiler holds ' +
        'to be unreachable.',
    ],
  }),
  'flow.jump_leaves_function': (s) => ({
    at: number(s, 0),
    problem: `A jump from instruction ${number(s, 0)} leaves its function.`,
    advice: ['Jumps must stay within a function; use calls between functions.'],
  }),
  'flow.jump_out_of_program': (s) => ({
    at: number(s, 0),
    problem: `A jump from instruction ${number(s, 0)} leads outside the program.`,
    advice: ['In hand-written assembly check the distance of the jump.'],
  }),
  'flow.back_edge': (s) => ({
    at: number(s, 0),
    problem:
      `There is a loop from instruction ${number(s, 0)} back to ${number(s, 1)}, which ` +
      `unprivileged programs may not have.`,
    advice: ['Unroll it (`#pragma unroll`), or load with CAP_BPF.'],
  }),
  'prune.infinite_loop': (s) => ({
    blame: loopEnd(s),
    problem: 'The loop comes around with nothing changed: it may never end.',
    advice: [
      'Let the condition depend on a variable that changes each time round, up to a constant.',
      'Use bpf_loop(), an open-coded iterator (`bpf_for`) or `may_goto`.',
    ],
  }),
  'flow.too_large': (s) => ({
    blame: hottest(s),
    problem:
      `The verifier gave up after ${number(s, 0) - 1} steps: too many different paths or ` +
      `loop rounds.`,
    advice: [
      ...busyLines(s),
      'Put the body of large loops into bpf_loop() or an open-coded iterator (`bpf_for`).',
      'Move parts into global (not static) functions: those are verified once, not at each call.',
      'Mask or merge values before a loop, so that paths look the same to the verifier.',
    ],
  }),
  'flow.jumps_too_complex': (s) => ({
    blame: hottest(s),
    problem: 'More than 8,192 branches wait to be looked at.',
    advice: ['Put the body of large loops into bpf_loop(); avoid unrolled loops full of branches.'],
  }),
  'flow.calls_under_lock': (s) => ({
    ...sinceCall(s, LOCK, 'locked here'),
    problem: 'A function is called while a spin lock is held.',
    advice: ['Do the call before the lock is taken or after it is released.'],
  }),
  'flow.exit_under_rcu': (s) => ({
    ...sinceCall(s, RCU, 'entered here'),
    problem: 'The program ends within an RCU read section.',
    advice: ['Call bpf_rcu_read_unlock() on every path, also before early returns.'],
  }),
  'spectre.mixed_bounds': (s) => ({
    problem:
      `${reg(s)} is added to a pointer and may be negative or not: without CAP_PERFMON the ` +
      'kernel cannot guard that against speculation.',
    subject: register(s, number(s, 0)),
    advice: ['Make the index unsigned, or check its sign first.'],
  }),
  'spectre.beyond': (s) => ({
    problem: `${reg(s)} would move the pointer out of its object, even if only for a moment.`,
    subject: register(s, number(s, 0)),
    advice: ['Check the index before it is added, or load with CAP_PERFMON.'],
  }),
  'flow.frame_pointer_read_only': () => ({
    problem: 'The program changes R10, which always holds the frame pointer.',
    advice: ['Copy R10 to another register and change that.'],
  }),
  'flow.calls_need_capabilities': () => ({
    problem: 'Only loaders with CAP_BPF may load programs with functions of their own.',
    advice: ['Let the compiler put every function in place (`__always_inline`).'],
  }),
  'flow.exit_under_lock': (s) => ({
    ...sinceCall(s, LOCK, 'locked here'),
    problem: 'The program ends while a spin lock is still held.',
    advice: ['Call bpf_spin_unlock() on every path, also before early returns.'],
  }),
};

const LOCK = /^bpf_spin_lock$/;
const RCU = /^bpf_rcu_read_lock$/;

/** What the history begins with: the call that took or entered something. */
function sinceCall(s: Situation, name: RegExp, what: string): Pick<Cause, 'since' | 'blame'> {
  const insn = lastCall(s, name);
  return insn < 0 ? {} : { since: { insn, what } };
}

/** The last instruction of the first function that runs on into the next. */
function unfinishedEnd({ env }: Situation): number {
  const starts = env.subprogs.map(({ start }) => start).filter((start) => start > 0);
  const ends = [...starts, env.length].map((end) => end - 1);
  const isEnd = (insn: number) => {
    const op = env.code.op[insn]!;
    const isJump = classOf(op) === BPF_JMP || classOf(op) === BPF_JMP32;
    return isJump && ((op & 0xf0) === BPF_EXIT || (op & 0xf0) === BPF_JA);
  };
  return ends.find((end) => !isEnd(end)) ?? env.length - 1;
}

/** The jump back to where the loop was found not to end. */
function loopEnd(s: Situation): number {
  const { path } = s;
  for (let step = path.length - 1; step > 0; step--) {
    if (path.insns[step]! < path.insns[step - 1]!) return path.insns[step - 1]!;
  }
  return Math.max(lastInsn(s), 0);
}

/** The source lines at which the walk spent most of its steps. */
function busyLines({ path, env }: Situation): string[] {
  const lines = new Map<number, number>();
  path.counts.forEach((count, insn) => {
    const line = lineOf(env.input.lineInfo, insn)?.line;
    if (line !== undefined) lines.set(line, (lines.get(line) ?? 0) + count);
  });
  const most = [...lines].sort((a, b) => b[1] - a[1]).slice(0, 3);
  if (most.length === 0) return [];
  const list = most.map(([line, count]) => `${line} (${count.toLocaleString('en-US')})`);
  return [`Most steps were at line ${list.join(', ')}.`];
}

/** The instruction the walk looked at most often. */
function hottest({ path }: Situation): number {
  return path.counts.reduce((best, count, insn) => (count > path.counts[best]! ? insn : best), 0);
}

/** The register that is added to the pointer (or the pointer, if a constant is). */
function addedNumber(s: Situation): Pick<Cause, 'subject'> {
  const insn = lastInsn(s);
  if (insn < 0) return {};
  const { code } = s.env;
  const [src, dst] = [code.src[insn]!, code.dst[insn]!];
  const isNumber = (code.op[insn]! & BPF_X) !== 0 && lastWord(s, src, TYPE) === SCALAR_VALUE;
  return { subject: register(s, isNumber ? src : dst) };
}
