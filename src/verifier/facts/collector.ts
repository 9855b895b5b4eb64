/**
 * Collects facts while the walk goes on: an observer, so that a walk nobody asks costs nothing.
 *
 * Where a path ends because an equivalent state was walked before, "equivalent" leaves out what the
 * rest of the program did not need: registers it does not read, scalars whose value decides
 * nothing. What was seen behind that point need not hold for the values of the path that ended.
 * Such registers are noted here as loose, and `loose.ts` follows them through the program.
 */
import { isConditional } from '../../isa/index.ts';
import type { VerifierEnv } from '../env.ts';
import { statesEqual } from '../prune/equal.ts';
import { NOT_EXACT, RANGE_WITHIN } from '../prune/equal-regs.ts';
import {
  BPF_ADD_CONST,
  baseType,
  ID,
  PTR_TO_STACK,
  REG_SIZE,
  REG_WORDS,
  SCALAR_VALUE,
  slotAt,
  slotType,
  STACK_BASE,
  STACK_SPILL,
  TYPE,
  regAt,
} from '../state/layout.ts';
import type { FuncState, VerifierState } from '../state/state.ts';
import type { VerifierObserver } from '../types.ts';
import { rangeWithin } from '../value/bounds.ts';
import { FACT_REGISTERS, JoinedRegisters } from './record.ts';

/** Bits of `edges`: the path went on behind the jump, or at its target. */
export const WENT_ON = 1;
export const JUMPED = 2;

/** Bit of loose masks that stands for spilled scalars; the others are registers. */
export const LOOSE_STACK: number = 1 << FACT_REGISTERS;

/** What the walk showed, by instruction. */
export class FactCollector implements VerifierObserver {
  #env!: VerifierEnv;
  registers!: JoinedRegisters;
  /** 1: a path that is not a misprediction came here. */
  reached!: Uint8Array;
  /** Conditional jumps: which ways were gone. */
  edges!: Uint8Array;
  /** Conditional jumps: registers (and the stack) that learn with the operands. */
  linked!: Int32Array;
  /** 1: the instruction reads or writes the stack through its pointer. */
  touchesStack!: Uint8Array;
  /** What is loose where paths ended early. */
  loose!: Int32Array;

  start(env: VerifierEnv): void {
    const count = env.length;
    this.#env = env;
    this.registers = new JoinedRegisters(count);
    this.reached = new Uint8Array(count);
    this.edges = new Uint8Array(count);
    this.linked = new Int32Array(count);
    this.touchesStack = new Uint8Array(count);
    this.loose = new Int32Array(count);
  }

  /** Words are none of its business. */
  message(): void {}

  insn(): void {
    const env = this.#env;
    if (env.state.speculative) return;
    const insn = env.insnIdx;
    this.#arrive(insn);
    this.registers.join(insn, env.regs);
    if (this.#pointsToStack(env.code.dst[insn]!) || this.#pointsToStack(env.code.src[insn]!)) {
      this.touchesStack[insn] = 1;
    }
    if (isConditional(env.code.op[insn]!)) this.#noteLinks(insn);
  }

  pruned(): void {
    const env = this.#env;
    if (env.state.speculative) return;
    const insn = env.insnIdx;
    this.#arrive(insn);
    this.registers.join(insn, env.regs);
    const bucket = env.checkpoints.bucket(insn, env.state.frame.callsite);
    for (let at = env.checkpoints.first(bucket); at; at = at.next) {
      const old = at.state;
      if (old.insnIdx !== insn || statesEqual(env, old, env.state, RANGE_WITHIN)) continue;
      if (statesEqual(env, old, env.state, NOT_EXACT)) this.#noteLoose(old, env.state);
    }
  }

  #pointsToStack(regno: number): boolean {
    return baseType(this.#env.regs[regAt(regno) + TYPE]!) === PTR_TO_STACK;
  }

  /** The path came to `insn`; over which side of a jump tells where it came from. */
  #arrive(insn: number): void {
    const env = this.#env;
    this.reached[insn] = 1;
    const from = env.prevInsnIdx;
    if (from < 0 || !isConditional(env.code.op[from]!)) return;
    if (insn === from + 1) this.edges[from]! |= WENT_ON;
    if (insn === from + 1 + env.code.off[from]!) this.edges[from]! |= JUMPED;
  }

  /** Scalars with the id of an operand learn what the jump tells of it. */
  #noteLinks(insn: number): void {
    const { state, regs, code } = this.#env;
    for (const operand of [code.dst[insn]!, code.src[insn]!]) {
      const id = scalarId(regs, regAt(operand));
      if (id === 0) continue;
      for (let i = 0; i <= state.curframe; i++) {
        const mask = linkedTo(state.frameAt(i), id);
        if (i === state.curframe) this.linked[insn]! |= mask;
        else this.#looseInCaller(state, i, mask);
      }
    }
  }

  #noteLoose(old: VerifierState, current: VerifierState): void {
    for (let i = 0; i <= old.curframe; i++) {
      const mask = looseIn(old, current, i);
      if (i === old.curframe) this.loose[this.#env.insnIdx]! |= mask;
      else this.#looseInCaller(old, i, mask);
    }
  }

  /** Of a calling frame: it shows when the running one returns, maybe for another round. */
  #looseInCaller(state: VerifierState, frame: number, mask: number): void {
    const { callsite } = state.frameAt(frame + 1);
    this.loose[callsite]! |= mask;
    if (callsite + 1 < this.loose.length) this.loose[callsite + 1]! |= mask;
    if (mask & LOOSE_STACK) this.loose[this.#env.insnIdx]! |= LOOSE_STACK;
  }
}

function scalarId(w: Int32Array, r: number): number {
  return w[r + TYPE] === SCALAR_VALUE ? w[r + ID]! & ~BPF_ADD_CONST : 0;
}

function linkedTo(frame: FuncState, id: number): number {
  const w = frame.words;
  let mask = 0;
  for (let n = 0; n < FACT_REGISTERS; n++) if (scalarId(w, regAt(n)) === id) mask |= 1 << n;
  for (let spi = 0; spi < frame.slots; spi++) {
    if (isSpill(w, slotAt(spi)) && scalarId(w, slotAt(spi)) === id) mask |= LOOSE_STACK;
  }
  return mask;
}

function looseIn(old: VerifierState, current: VerifierState, frame: number): number {
  const from = old.frameAt(frame);
  const { words, slots } = from;
  const other = current.frameAt(frame);
  let mask = 0;
  for (let n = 0; n < FACT_REGISTERS; n++) {
    if (!covers(old, current, frame, regAt(n))) mask |= 1 << n;
  }
  for (let spi = 0; spi < slots; spi++) {
    const r = slotAt(spi);
    if (!isSpill(words, r) || !from.wasSlotRead(spi)) continue;
    const isSame = spi < other.slots && isSpill(other.words, r);
    if (!isSame || !covers(old, current, frame, r)) mask |= LOOSE_STACK;
  }
  return mask;
}

/** What was seen with the old record holds for the current one. */
function covers(old: VerifierState, current: VerifierState, frame: number, r: number): boolean {
  const ow = old.frameAt(frame).words;
  const cw = current.frameAt(frame).words;
  const type = ow[r + TYPE]!;
  if (type !== cw[r + TYPE]) return false;
  if (type !== SCALAR_VALUE) return true;
  return rangeWithin(ow, r, cw, r) && linksHold(old, current, ow[r + ID]!, cw[r + ID]!);
}

/** Scalars that were linked with this one still are. */
function linksHold(
  old: VerifierState,
  current: VerifierState,
  oldId: number,
  currentId: number,
): boolean {
  if (oldId === 0) return true;
  const linked = recordsWith(old, oldId & ~BPF_ADD_CONST);
  if (linked.length < 2) return true;
  // Links with a distance are never taken for the same.
  if (currentId === 0 || (oldId | currentId) & BPF_ADD_CONST) return false;
  return linked.every(({ frame, r }) => {
    const other = current.frameAt(frame);
    const isThere = r < other.usedWords && other.words[r + TYPE] === SCALAR_VALUE;
    return isThere && other.words[r + ID] === currentId && idAt(old, frame, r) === oldId;
  });
}

const idAt = (state: VerifierState, frame: number, r: number): number =>
  state.frameAt(frame).words[r + ID]!;

/** Registers and spilled ones with an id, with or without a distance. */
function recordsWith(state: VerifierState, id: number): { frame: number; r: number }[] {
  const found: { frame: number; r: number }[] = [];
  for (let frame = 0; frame <= state.curframe; frame++) {
    const { words, usedWords } = state.frameAt(frame);
    for (let r = 0; r < usedWords; r += REG_WORDS) {
      const isKept = r < STACK_BASE || isSpill(words, r);
      if (isKept && scalarId(words, r) === id) found.push({ frame, r });
    }
  }
  return found;
}

function isSpill(w: Int32Array, r: number): boolean {
  for (let i = 0; i < REG_SIZE; i++) if (slotType(w, r, i) === STACK_SPILL) return true;
  return false;
}
