import { BPF_PSEUDO_CALL } from '../../isa/index.ts';
import { isThrowKfunc } from '../cfg/kfuncs.ts';
import { isFuncPointer, isKfuncCall, isSubprogCall } from '../cfg/calls.ts';
import { findSubprog, subprogEnd } from '../cfg/subprograms.ts';
import type { Subprog, VerifierEnv } from '../env.ts';
import { gates } from '../gates.ts';
import { load } from '../messages/load.ts';
import { subprog as words } from '../messages/subprog.ts';
import { MAX_CALL_FRAMES, MAX_STACK } from '../state/layout.ts';

/** Bytes a frame is rounded up to: what the JIT does, and what an interpreter would need. */
const STACK_ALIGN = 16;
const COARSE_STACK_ALIGN = 32;
/** Deeper callers may not combine calls with tail calls. */
const TAIL_CALL_DEPTH = 256;

/**
 * No chain of calls may need more stack than there is. The program is assumed to be compiled, and
 * x86-64 of this kernel gives no program a stack of its own. Mirrors check_max_stack_depth.
 */
export function checkMaxStackDepth(env: VerifierEnv): void {
  for (let i = env.subprogs.length - 1; i >= 0; i--) {
    if (i === 0 || env.subprogs[i]!.isAsyncCallback) new CallChain(env).walk(i);
  }
}

function roundedDepth({ stackDepth }: Subprog): number {
  if (gates.fineStackDepth) return Math.ceil(stackDepth / STACK_ALIGN) * STACK_ALIGN;
  return Math.ceil(Math.max(stackDepth, 1) / COARSE_STACK_ALIGN) * COARSE_STACK_ALIGN;
}

/** A walk through all that one function can call (check_max_stack_depth_subprog). */
class CallChain {
  readonly #env: VerifierEnv;
  /** Functions on the way here, and where each goes on. */
  readonly #callers: { readonly subprog: number; readonly insn: number }[] = [];
  #depth = 0;
  #tailCallReachable = false;

  constructor(env: VerifierEnv) {
    this.#env = env;
  }

  walk(first: number): void {
    let subprog = first;
    let insn = this.#enter(subprog);
    for (;;) {
      const callee = this.#nextCallee(subprog, insn);
      if (callee) {
        this.#callers.push({ subprog, insn: callee.insn + 1 });
        if (this.#env.subprogs[callee.subprog]!.hasTailCall) this.#tailCallReachable = true;
        if (this.#callers.length >= MAX_CALL_FRAMES) {
          this.#env.reject('E2BIG', words.call_chain(this.#callers.length));
        }
        subprog = callee.subprog;
        insn = this.#enter(subprog);
        continue;
      }
      this.#markTailCalls();
      const caller = this.#callers.pop();
      if (!caller) return;
      this.#depth -= roundedDepth(this.#env.subprogs[subprog]!);
      ({ subprog, insn } = caller);
    }
  }

  /** Takes the function's frame into account; returns its first instruction. */
  #enter(index: number): number {
    const env = this.#env;
    const subprog = env.subprogs[index]!;
    if (subprog.hasLdAbs && this.#inCallback(index)) env.reject('EINVAL', load.ld_abs_callback());
    if (index > 0 && subprog.hasTailCall && this.#depth >= TAIL_CALL_DEPTH) {
      env.reject('EACCES', words.tail_call_depth(this.#depth));
    }
    this.#depth += roundedDepth(subprog);
    if (this.#depth > MAX_STACK) {
      env.reject('EACCES', words.stack_combined(this.#callers.length + 1, this.#depth));
    }
    return subprog.start;
  }

  #inCallback(index: number): boolean {
    const { subprogs } = this.#env;
    if (subprogs[index]!.isCallback) return true;
    return this.#callers.some(({ subprog }) => subprogs[subprog]!.isCallback);
  }

  /** The next function that `index` calls or points to, from `from` on. */
  #nextCallee(index: number, from: number): { subprog: number; insn: number } | undefined {
    const env = this.#env;
    const end = subprogEnd(env, index);
    for (let insn = from; insn < end; insn++) {
      if (isKfuncCall(env, insn)) this.#checkThrow(index, insn);
      if (!isSubprogCall(env, insn) && !isFuncPointer(env, insn)) continue;
      const subprog = findSubprog(env, insn + env.code.imm[insn]! + 1);
      if (subprog < 0) env.reject('EFAULT');
      if (!env.subprogs[subprog]!.isAsyncCallback) return { subprog, insn };
      if (this.#countsWhenCalled(subprog, insn)) return { subprog, insn };
    }
    return undefined;
  }

  /** Asynchronous callbacks have a stack of their own unless they are called directly. */
  #countsWhenCalled(callee: number, insn: number): boolean {
    const env = this.#env;
    const { hasTailCall, isExceptionCallback } = env.subprogs[callee]!;
    if (hasTailCall) env.reject('EFAULT', words.tail_call_in_async_callback());
    if (env.code.src[insn] !== BPF_PSEUDO_CALL || isFuncPointer(env, insn)) return false;
    if (isExceptionCallback) env.reject('EINVAL', words.calls_exception_callback(insn));
    return true;
  }

  #checkThrow(index: number, insn: number): void {
    const env = this.#env;
    if (env.code.off[insn] !== 0 || !isThrowKfunc(env, insn) || !this.#inCallback(index)) return;
    env.reject('EINVAL', words.throw_in_callback(insn, index));
  }

  /** Callers of functions with tail calls must hand the count of tail calls on. */
  #markTailCalls(): void {
    if (!this.#tailCallReachable) return;
    for (const { subprog } of this.#callers) {
      const caller = this.#env.subprogs[subprog]!;
      if (caller.isExceptionCallback) {
        this.#env.reject('EINVAL', words.tail_call_in_exception_callback());
      }
      caller.tailCallReachable = true;
    }
  }
}
