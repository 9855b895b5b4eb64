import { helperContract } from '../../abi/index.ts';
import {
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_MAY_GOTO,
  BPF_X,
  LD_IMM64,
  classOf,
} from '../../isa/index.ts';
import {
  AUX_CALLS_CALLBACK,
  AUX_FORCE_CHECKPOINT,
  AUX_ITER_NEXT,
  AUX_JMP_POINT,
  AUX_JUMP_TARGET,
  AUX_PRUNE_POINT,
  type VerifierEnv,
} from '../env.ts';
import { gates } from '../gates.ts';
import { flow } from '../messages/flow.ts';
import { callsBack } from './callbacks.ts';
import { isIterNextKfunc } from './kfuncs.ts';
import { isFuncPointer, isHelperCall, isKfuncCall } from './calls.ts';
import { findContainingSubprog } from './subprograms.ts';

const DISCOVERED = 0x10;
const EXPLORED = 0x20;
const FALLTHROUGH = 1;
const BRANCH = 2;

/** Is the instruction a may_goto? (is_may_goto_insn) */
export function isMayGoto(env: VerifierEnv, insn: number): boolean {
  return env.code.op[insn] === (BPF_JMP | BPF_JCOND) && env.code.src[insn] === BPF_MAY_GOTO;
}

/**
 * Walks the control flow graph depth first: everything is reached, unprivileged programs have no
 * loops, and the places where paths meet are marked as prune points (check_cfg).
 */
export function checkCfg(env: VerifierEnv): void {
  const walk = new CfgWalk(env);
  walk.from(0);
  if (env.exceptionCallback > 0) walk.from(env.subprogs[env.exceptionCallback]!.start);
  walk.checkAllReached();
}

class CfgWalk {
  readonly #env: VerifierEnv;
  readonly #states: Uint8Array;
  readonly #stack: Int32Array;
  #depth = 0;

  constructor(env: VerifierEnv) {
    this.#env = env;
    this.#states = new Uint8Array(env.length);
    this.#stack = new Int32Array(env.length);
  }

  from(start: number): void {
    this.#states[start] = DISCOVERED;
    this.#stack[0] = start;
    this.#depth = 1;
    while (this.#depth > 0) {
      const insn = this.#stack[this.#depth - 1]!;
      if (this.#visit(insn)) continue;
      this.#states[insn] = EXPLORED;
      this.#depth--;
    }
  }

  checkAllReached(): void {
    const env = this.#env;
    for (let i = 0; i < env.length; i++) {
      if (this.#states[i] !== EXPLORED) env.reject('EINVAL', flow.unreachable(i));
      if (env.code.op[i] !== LD_IMM64) continue;
      if (this.#states[i + 1] !== 0) env.reject('EINVAL', flow.jump_into_wide(i));
      i++;
    }
  }

  /** Follows one more edge of the instruction; false when none is left (visit_insn). */
  #visit(insn: number): boolean {
    const env = this.#env;
    if (isFuncPointer(env, insn)) return this.#visitCall(insn, true);
    const op = env.code.op[insn]!;
    if (classOf(op) !== BPF_JMP && classOf(op) !== BPF_JMP32) {
      return this.#edge(insn, insn + (op === LD_IMM64 ? 2 : 1), FALLTHROUGH);
    }
    switch (op & 0xf0) {
      case BPF_EXIT:
        return false;
      case BPF_CALL:
        this.#markCall(insn);
        return this.#visitCall(insn, env.code.src[insn] === 1);
      case BPF_JA:
        return this.#visitJump(insn, op);
      default:
        return this.#visitBranch(insn);
    }
  }

  #visitJump(insn: number, op: number): boolean {
    const { code } = this.#env;
    if (op & BPF_X) this.#env.reject('EINVAL');
    const target = insn + 1 + (classOf(op) === BPF_JMP ? code.off[insn]! : code.imm[insn]!);
    if (this.#edge(insn, target, FALLTHROUGH)) return true;
    this.#mark(target, AUX_PRUNE_POINT | AUX_JMP_POINT | AUX_JUMP_TARGET);
    return false;
  }

  #visitBranch(insn: number): boolean {
    this.#mark(insn, AUX_PRUNE_POINT);
    if (isMayGoto(this.#env, insn)) this.#mark(insn, AUX_FORCE_CHECKPOINT);
    if (this.#edge(insn, insn + 1, FALLTHROUGH)) return true;
    return this.#edge(insn, insn + 1 + this.#env.code.off[insn]!, BRANCH);
  }

  /** Calls and addresses of functions (visit_func_call_insn). */
  #visitCall(insn: number, visitCallee: boolean): boolean {
    const { code } = this.#env;
    const next = insn + (code.op[insn] === LD_IMM64 ? 2 : 1);
    if (this.#edge(insn, next, FALLTHROUGH)) return true;
    // Coming back from the callee is no straight line.
    this.#mark(next, AUX_PRUNE_POINT | AUX_JMP_POINT);
    if (!visitCallee) return false;
    const callee = insn + code.imm[insn]! + 1;
    this.#mark(insn, AUX_PRUNE_POINT);
    this.#mergeCalleeEffects(insn, callee);
    return this.#edge(insn, callee, BRANCH);
  }

  #markCall(insn: number): void {
    const env = this.#env;
    const callback = callsBack(env, insn);
    if (callback === 'asynchronous') this.#mark(insn, AUX_PRUNE_POINT);
    // Callbacks are simulated until a state is found that was seen before: keep states there.
    if (callback === 'synchronous' && gates.callbackLoops) {
      this.#mark(insn, AUX_CALLS_CALLBACK | AUX_FORCE_CHECKPOINT | AUX_PRUNE_POINT | AUX_JMP_POINT);
    }
    if (isHelperCall(env, insn) && helperContract(env.code.imm[insn]!)?.changesPacket) {
      env.subprogs[findContainingSubprog(env, insn)]!.changesPacket = true;
    }
    if (isKfuncCall(env, insn) && isIterNextKfunc(env, insn)) {
      this.#mark(insn, AUX_ITER_NEXT | AUX_PRUNE_POINT | AUX_FORCE_CHECKPOINT);
    }
  }

  /** The order of the walk and the ban on recursion make the callee's marks final by then. */
  #mergeCalleeEffects(insn: number, callee: number): void {
    const { subprogs } = this.#env;
    const called = subprogs[findContainingSubprog(this.#env, callee)]!;
    if (called.changesPacket)
      subprogs[findContainingSubprog(this.#env, insn)]!.changesPacket = true;
  }

  #mark(insn: number, flags: number): void {
    this.#env.aux.flags[insn]! |= flags;
  }

  /** Goes from `from` to `to` unless that edge was taken before; true: `to` is new (push_insn). */
  #edge(from: number, to: number, edge: number): boolean {
    const env = this.#env;
    const states = this.#states;
    if (states[from]! >= (DISCOVERED | edge)) return false;
    if (to < 0 || to >= env.length) {
      env.observer?.line?.(from, `${from}: `);
      env.reject('EINVAL', flow.jump_out_of_program(from, to));
    }
    if (edge === BRANCH) this.#mark(to, AUX_PRUNE_POINT | AUX_JMP_POINT | AUX_JUMP_TARGET);
    if (states[to] === 0) {
      states[from] = DISCOVERED | edge;
      states[to] = DISCOVERED;
      if (this.#depth >= env.length) env.reject('E2BIG');
      this.#stack[this.#depth++] = to;
      return true;
    }
    if ((states[to]! & 0xf0) === DISCOVERED) {
      if (!env.bpfCapable || !this.#mayLoop(from)) this.#rejectLoop(from, to);
      return false;
    }
    states[from] = DISCOVERED | edge;
    return false;
  }

  /** Jumps may go back. Calls only where the call stack's limit is what ends recursion. */
  #mayLoop(from: number): boolean {
    if (gates.callsMayLoop || isFuncPointer(this.#env, from)) return true;
    const op = this.#env.code.op[from]!;
    return (classOf(op) === BPF_JMP || classOf(op) === BPF_JMP32) && (op & 0xf0) !== BPF_CALL;
  }

  #rejectLoop(from: number, to: number): never {
    const env: VerifierEnv = this.#env;
    env.observer?.line?.(from, `${from}: `);
    env.observer?.line?.(to, `${to}: `);
    env.reject('EINVAL', flow.back_edge(from, to));
  }
}
