import { constants } from '../../abi/index.ts';
import { BPF_JCOND, BPF_JMP, BPF_LDX, BPF_MAY_GOTO, BPF_MEMSX, classOf } from '../../isa/index.ts';
import { attachModule } from '../btf/modules.ts';
import { isKfuncCall, isTailCall } from '../cfg/calls.ts';
import { subprogEnd } from '../cfg/subprograms.ts';
import { MAP_POISON, MAP_UNPRIV } from '../env.ts';
import type { Subprog, VerifierEnv } from '../env.ts';
import { finish } from '../messages/finish.ts';
import { baseType, PTR_TO_ARENA } from '../state/layout.ts';

const MODE_BITS = 0xe0;
/** r6, r7 and r8 are kept on the stack by an inlined loop. */
const SAVED_REGISTERS = 3 * 8;
const MAY_GOTO_COUNTER = 8;
const CONTEXT_POINTER = 8;

/**
 * What the passes that rewrite an accepted program still refuse, and what they do to the depths of
 * stacks. Mirrors those effects of optimize_bpf_loop, opt_remove_dead_code, convert_ctx_accesses
 * and do_misc_fixups; rewrite.ts does the rewriting, for those who want to see it.
 */
export function finishProgram(env: VerifierEnv): void {
  env.walkedStackDepths = env.subprogs.map(({ stackDepth }) => stackDepth);
  for (const [index, subprog] of env.subprogs.entries()) growForLoop(env, index, subprog);
  const alive = [...env.subprogs.entries()].filter(([index]) => isReached(env, index));
  const depths = (): number[] => alive.map(([, { stackDepth }]) => stackDepth);
  growForEpilogue(env);
  env.finalStackDepths = depths();
  checkArenaLoads(env);
  checkTailCalls(env);
  checkKfuncCalls(env);
  for (const [index, subprog] of alive) growForMayGoto(env, index, subprog);
  // A program that throws without a callback of its own gets one that nobody wrote.
  const hidden = env.seenException && env.exceptionCallback < 0 ? [0] : [];
  env.finalStackDepths = [...depths(), ...hidden];
}

/** Functions that no path reaches are taken out; of unprivileged programs nothing is. */
function isReached(env: VerifierEnv, index: number): boolean {
  return !env.bpfCapable || some(env, index, (insn) => env.aux.seen[insn] !== 0);
}

function some(env: VerifierEnv, index: number, is: (insn: number) => boolean): boolean {
  const end = subprogEnd(env, index);
  for (let insn = env.subprogs[index]!.start; insn < end; insn++) if (is(insn)) return true;
  return false;
}

/** A bpf_loop with one callback is put in place of its call. */
function growForLoop(env: VerifierEnv, index: number, subprog: Subprog): void {
  const isInlined = (insn: number): boolean => env.aux.loopInline[insn] === 1;
  if (!some(env, index, isInlined)) return;
  subprog.stackDepth = Math.ceil(subprog.stackDepth / 8) * 8 + SAVED_REGISTERS;
}

/** Instructions that a module puts behind a program find its context on the stack. */
function growForEpilogue(env: VerifierEnv): void {
  if (env.programType !== constants.BPF_PROG_TYPE_STRUCT_OPS) return;
  const module = attachModule(env);
  const struct = module?.btf().type(env.input.attachBtfId).name ?? '';
  const epilogue = module?.structOps[struct]?.epilogues;
  if (epilogue?.members.includes(env.attachName)) env.subprogs[0]!.stackDepth += CONTEXT_POINTER;
}

/** A counter limits how often may_goto jumps. */
function growForMayGoto(env: VerifierEnv, index: number, subprog: Subprog): void {
  const { op, src } = env.code;
  const isMayGoto = (insn: number): boolean =>
    op[insn] === (BPF_JMP | BPF_JCOND) && src[insn] === BPF_MAY_GOTO && isKept(env, insn);
  if (some(env, index, isMayGoto)) subprog.stackDepth += MAY_GOTO_COUNTER;
}

const isKept = (env: VerifierEnv, insn: number): boolean =>
  !env.bpfCapable || env.aux.seen[insn] !== 0;

function checkArenaLoads(env: VerifierEnv): void {
  const { op } = env.code;
  for (let insn = 0; insn < env.length; insn++) {
    if (classOf(op[insn]!) !== BPF_LDX || (op[insn]! & MODE_BITS) !== BPF_MEMSX) continue;
    if (baseType(env.aux.pointerType[insn]!) !== PTR_TO_ARENA || !isKept(env, insn)) continue;
    env.reject('EOPNOTSUPP', finish.arena_sign_extension());
  }
}

/** Unprivileged tail calls get a bounds check, which needs to know the one map. */
function checkTailCalls(env: VerifierEnv): void {
  for (let insn = 0; insn < env.length; insn++) {
    if (!isTailCall(env, insn)) continue;
    const map = env.aux.map[insn]!;
    if (!(map & MAP_UNPRIV) || (map & ~MAP_UNPRIV) !== MAP_POISON) continue;
    env.reject('EINVAL', finish.tail_call_maps());
  }
}

/** Calls of kernel functions that the loader did not find are fine while nothing gets there. */
function checkKfuncCalls(env: VerifierEnv): void {
  for (let insn = 0; insn < env.length; insn++) {
    if (!isKfuncCall(env, insn) || env.code.imm[insn] !== 0 || !isKept(env, insn)) continue;
    env.reject('EINVAL', finish.kfunc_missing());
  }
}
