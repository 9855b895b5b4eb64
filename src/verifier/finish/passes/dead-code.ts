import { BPF_JA, BPF_JMP } from '../../../isa/index.ts';
import type { VerifierEnv } from '../../env.ts';
import type { Draft } from '../patch/draft.ts';
import { Insn } from '../patch/insn.ts';

const JUMP = BPF_JMP | BPF_JA;

/** Makes an instruction a jump in its place. */
function becomeJump(insn: Insn, target: Insn | undefined): void {
  Object.assign(insn, { op: JUMP, dst: 0, src: 0, off: 0, imm: 0, subprog: -1 });
  insn.symbol = insn.address = undefined;
  insn.target = target;
}

/** Spills and fills around calls that keep all registers (remove_fastcall_spills_fills). */
export function dropFastcallSpills({ env, insns }: Draft): void {
  const { fastcallSpills } = env.aux;
  for (const [i, pairs] of fastcallSpills.entries()) {
    for (let distance = 1; distance <= pairs; distance++) {
      for (const at of [i - distance, i + distance]) becomeJump(insns[at]!, insns[at + 1]);
    }
  }
}

const isSeen = (env: VerifierEnv, { origin }: Insn): boolean => env.aux.seen[origin] !== 0;

/**
 * What no path reaches is taken out, with the branches that always go one way and the jumps that
 * then go nowhere. Mirrors opt_hard_wire_dead_code_branches, opt_remove_dead_code and
 * opt_remove_nops.
 */
export function removeDeadCode(draft: Draft): void {
  const { env, insns } = draft;
  for (const [i, insn] of insns.entries()) {
    if (!insn.branches) continue;
    const next = insns[i + 1];
    const target = draft.target(insn);
    if (next && !isSeen(env, next)) becomeJump(insn, target);
    else if (target && !isSeen(env, target)) becomeJump(insn, next);
  }
  draft.remove((insn) => !isSeen(env, insn));
  // One pass forward, as the kernel does: a jump over a no-op that follows it stays.
  draft.remove((insn, next) => isNop(insn) && next !== undefined && draft.target(insn) === next);
}

const isNop = ({ op, dst, src, imm, branch }: Insn): boolean =>
  !branch && op === JUMP && dst === 0 && src === 0 && imm === 0;

/**
 * In programs without privileges what no path reaches becomes a jump to itself
 * (sanitize_dead_code).
 */
export function trapDeadCode({ env, insns }: Draft): void {
  for (const insn of insns) {
    if (isSeen(env, insn)) continue;
    becomeJump(insn, insn);
    insn.zext = false;
  }
}
