import { BPF_JA, BPF_JCOND, BPF_JMP, isJump } from '../../../isa/index.ts';
import { before, type Maker } from './candidate.ts';
import type { Failure } from './failure.ts';
import { type Insn, jumpImm } from './insns.ts';
import { leaveInsns } from './leave.ts';

/** Loops that are tried: each try may walk a million instructions. */
const MOST_LOOPS = 2;

/** may_goto: jumps over the next instruction once the loop has gone round too often. */
const MAY_GOTO: Insn = { op: BPF_JMP | BPF_JCOND, dst: 0, src: 0, off: 1, imm: 0 };

/** The loop is left after at most 8,388,608 rounds: then the verifier need not walk each. */
export const loopLimits: Maker = (failure) => {
  const heads = loopHeads(failure).slice(0, MOST_LOOPS);
  const { state } = failure;
  // What is held in the loop is taken to be held where the walk ended, too.
  const leave = state && leaveInsns(failure, state);
  if (!leave) return [];
  const skip: Insn = jumpImm(BPF_JA, 0, 0, leave.length);
  return heads.map((head) => ({
    kind: 'limit-loop',
    title: 'Let the loop end by itself: `may_goto` (can_loop), bpf_loop() or bpf_for().',
    at: head,
    patch: before(head, [MAY_GOTO, skip, ...leave]),
  }));
};

/** First instructions of the loops of the path, the ones gone round most often first. */
function loopHeads({ path, code, insn, reason }: Failure): number[] {
  const rounds = new Map<number, number>();
  if (reason.code === 'prune.infinite_loop') rounds.set(insn, Infinity);
  for (let i = 1; i < path.length; i++) {
    const [from, to] = [path.insns[i - 1]!, path.insns[i]!];
    if (to > from || path.frames[i] !== path.frames[i - 1]) continue;
    if (!isJump(code.op[from]!)) continue;
    rounds.set(to, (rounds.get(to) ?? 0) + 1);
  }
  return [...rounds].sort((a, b) => b[1] - a[1]).map(([head]) => head);
}
