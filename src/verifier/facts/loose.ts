/**
 * Follows loose registers (see `collector.ts`) through the program: what is computed from one is
 * loose, and what is compared with one. A forward data flow over masks of registers.
 */
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MOV,
  BPF_ST,
  BPF_STX,
  BPF_X,
  classOf,
  isConditional,
  LD_IMM64,
} from '../../isa/index.ts';
import { callsBack } from '../cfg/callbacks.ts';
import { isSubprogCall } from '../cfg/calls.ts';
import { findContainingSubprog, findSubprog } from '../cfg/subprograms.ts';
import type { VerifierEnv } from '../env.ts';
import { type FactCollector, LOOSE_STACK } from './collector.ts';

/** r0 to r5, which calls overwrite, and r1 to r5, which they take. */
const CALLER_SAVED = 0x3f;
const ARGUMENTS = 0x3e;
const RESULT = 1;

/** Masks of what is loose before each instruction. */
export function looseRegisters(env: VerifierEnv, collector: FactCollector): Int32Array {
  return new Flow(env, collector).run();
}

class Flow {
  readonly #env: VerifierEnv;
  readonly #collector: FactCollector;
  readonly #masks: Int32Array;
  readonly #work: number[] = [];
  /** By subprogram: calls of it. */
  readonly #calls: number[][];
  /** Calls that run callbacks, and where those start. */
  readonly #callingBack: number[] = [];
  readonly #callbacks: number[] = [];

  constructor(env: VerifierEnv, collector: FactCollector) {
    this.#env = env;
    this.#collector = collector;
    this.#masks = collector.loose.slice();
    this.#calls = env.subprogs.map(() => []);
    env.subprogs.forEach((subprog) => {
      if (subprog.isCallback) this.#callbacks.push(subprog.start);
    });
    for (let insn = 0; insn < env.length; insn++) this.#noteCall(insn);
  }

  #noteCall(insn: number): void {
    const env = this.#env;
    if (isSubprogCall(env, insn)) {
      const callee = findSubprog(env, insn + env.code.imm[insn]! + 1);
      this.#calls[callee]?.push(insn);
    } else if (callsBack(env, insn)) {
      this.#callingBack.push(insn);
    }
  }

  run(): Int32Array {
    for (let insn = 0; insn < this.#masks.length; insn++) {
      if (this.#masks[insn] !== 0) this.#work.push(insn);
    }
    for (let insn = this.#work.pop(); insn !== undefined; insn = this.#work.pop()) {
      this.#step(insn, this.#masks[insn]!);
    }
    return this.#masks;
  }

  #to(insn: number, mask: number): void {
    if (insn >= this.#masks.length || (this.#masks[insn]! | mask) === this.#masks[insn]) return;
    this.#masks[insn]! |= mask;
    this.#work.push(insn);
  }

  #step(insn: number, mask: number): void {
    const op = this.#env.code.op[insn]!;
    switch (classOf(op)) {
      case BPF_ALU:
      case BPF_ALU64:
        return this.#to(insn + 1, this.#afterAlu(insn, op, mask));
      case BPF_LDX:
        return this.#to(insn + 1, this.#afterLoad(insn, this.#env.code.dst[insn]!, mask));
      case BPF_STX:
        return this.#to(insn + 1, this.#afterStore(insn, op, mask));
      case BPF_ST:
        return this.#to(insn + 1, mask);
      case BPF_LD:
        return this.#afterLd(insn, op, mask);
      default:
        return this.#afterJump(insn, op, mask);
    }
  }

  #afterAlu(insn: number, op: number, mask: number): number {
    const { dst, src } = this.#env.code;
    const bit = 1 << dst[insn]!;
    const isMov = (op & 0xf0) === BPF_MOV;
    const from = op & BPF_X ? (mask >> src[insn]!) & 1 : 0;
    const stays = isMov ? 0 : mask & bit;
    return from || stays ? mask | bit : mask & ~bit;
  }

  #afterLoad(insn: number, regno: number, mask: number): number {
    const isLoose = mask & LOOSE_STACK && this.#collector.touchesStack[insn];
    return isLoose ? mask | (1 << regno) : mask & ~(1 << regno);
  }

  #afterStore(insn: number, op: number, mask: number): number {
    const { src } = this.#env.code;
    const toStack = this.#collector.touchesStack[insn] && (mask >> src[insn]!) & 1;
    const after = toStack ? mask | LOOSE_STACK : mask;
    if ((op & 0xe0) !== BPF_ATOMIC) return after;
    // Atomic operations may give the old value, to the source register or to r0.
    return this.#afterLoad(insn, src[insn]!, after) | (this.#afterLoad(insn, 0, after) & RESULT);
  }

  #afterLd(insn: number, op: number, mask: number): void {
    if (op === LD_IMM64) this.#to(insn + 2, mask & ~(1 << this.#env.code.dst[insn]!));
    else this.#to(insn + 1, mask & ~CALLER_SAVED);
  }

  #afterJump(insn: number, op: number, mask: number): void {
    const { off, imm } = this.#env.code;
    const operation = op & 0xf0;
    if (operation === BPF_CALL && classOf(op) === BPF_JMP) return this.#afterCall(insn, mask);
    if (operation === BPF_EXIT) return this.#afterExit(insn, mask);
    if (operation === BPF_JA) {
      if (this.#env.staticBranches?.has(insn)) this.#to(insn + 1, mask);
      return this.#to(insn + 1 + (classOf(op) === BPF_JMP32 ? imm[insn]! : off[insn]!), mask);
    }
    const after = isConditional(op) ? this.#afterBranch(insn, op, mask) : mask;
    this.#to(insn + 1, after);
    this.#to(insn + 1 + off[insn]!, after);
  }

  /** Comparing with a loose scalar tells of the other, and of all that is linked with either. */
  #afterBranch(insn: number, op: number, mask: number): number {
    const { dst, src } = this.#env.code;
    const operands = (1 << dst[insn]!) | (op & BPF_X ? 1 << src[insn]! : 0);
    return mask & operands ? mask | operands | this.#collector.linked[insn]! : mask;
  }

  #afterCall(insn: number, mask: number): void {
    const env = this.#env;
    this.#to(insn + 1, mask & ~CALLER_SAVED);
    if (isSubprogCall(env, insn)) {
      this.#to(insn + env.code.imm[insn]! + 1, mask & (ARGUMENTS | LOOSE_STACK));
    } else if (callsBack(env, insn)) {
      const passed = mask & ARGUMENTS ? ARGUMENTS : 0;
      for (const start of this.#callbacks) this.#to(start, passed | (mask & LOOSE_STACK));
    }
  }

  #afterExit(insn: number, mask: number): void {
    const subprogno = findContainingSubprog(this.#env, insn);
    for (const call of this.#calls[subprogno]!) this.#to(call + 1, mask & (RESULT | LOOSE_STACK));
    if (!this.#env.subprogs[subprogno]!.isCallback) return;
    for (const call of this.#callingBack) {
      this.#to(call, mask & LOOSE_STACK);
      this.#to(call + 1, mask & LOOSE_STACK);
    }
  }
}
