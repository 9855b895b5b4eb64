/**
 * What can be assumed of a state: edits that make a register, the stack or the state as if a fact
 * had been proven. Only explanations use them.
 */
import type { VerifierEnv } from '../../env.ts';
import { signedText, unsignedText } from '../../log/numbers.ts';
import { eachReg } from '../../state/each-reg.ts';
import {
  baseType,
  FRAMENO,
  ID,
  LIVE,
  MEM_SIZE,
  MEM_RCU,
  OFF,
  PTR_MAYBE_NULL,
  PTR_TO_CTX,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  RANGE,
  REG_LIVE_WRITTEN,
  REG_SIZE,
  REG_WORDS,
  regAt,
  SCALAR_VALUE,
  setSlotType,
  slotAt,
  slotType,
  SMAX,
  SMIN,
  STACK_INVALID,
  STACK_MISC,
  TYPE,
  UMAX,
  UMIN,
} from '../../state/layout.ts';
import { REF_INSN, REF_WORDS } from '../../state/state.ts';
import { markKnownZero, markUnknown, syncBounds } from '../../value/bounds.ts';
import { collectLinkedRegs, LinkedRegs, syncLinkedRegs } from '../../walk/linked-registers.ts';
import { markPtrOrNullRegs } from '../../walk/null-marks.ts';

const U64_MAX = 2n ** 64n - 1n;
const S64_MAX = 2n ** 63n - 1n;
const S64_MIN = -(2n ** 63n);

const linked = new LinkedRegs();

/** Bounds of a number; what is not given is left as it is. */
export interface Bounds {
  readonly umin?: bigint;
  readonly umax?: bigint;
  readonly smin?: bigint;
  readonly smax?: bigint;
}

/** A 64-bit word pair as an unsigned number. */
export function unsigned(w: Int32Array, at: number): bigint {
  return (BigInt(w[at + 1]! >>> 0) << 32n) | BigInt(w[at]! >>> 0);
}

function setWord(w: Int32Array, at: number, value: bigint): void {
  const bits = BigInt.asUintN(64, value);
  w[at] = Number(bits & 0xffff_ffffn) | 0;
  w[at + 1] = Number(bits >> 32n) | 0;
}

const signed = (w: Int32Array, at: number) => BigInt.asIntN(64, unsigned(w, at));

/** What is known of a number (or of the variable part of a pointer) in register `n`. */
export function boundsAt(env: VerifierEnv, n: number): Required<Bounds> {
  const w = env.regs;
  const r = regAt(n);
  const [umin, umax] = [unsigned(w, r + UMIN), unsigned(w, r + UMAX)];
  return { umin, umax, smin: signed(w, r + SMIN), smax: signed(w, r + SMAX) };
}

/** Register `n`, and all that is linked to it, is known to be within bounds. */
export function limit(env: VerifierEnv, n: number, bounds: Bounds): void {
  const w = env.regs;
  const r = regAt(n);
  const known = boundsAt(env, n);
  const umax = least(known.umax, bounds.umax ?? U64_MAX);
  const isSmall = umax <= S64_MAX;
  setWord(w, r + UMAX, umax);
  setWord(w, r + UMIN, most(known.umin, bounds.umin ?? 0n));
  setWord(w, r + SMAX, least(known.smax, bounds.smax ?? (isSmall ? umax : S64_MAX)));
  setWord(w, r + SMIN, most(known.smin, bounds.smin ?? (isSmall ? 0n : S64_MIN)));
  syncBounds(w, r);
  if (w[r + TYPE] !== SCALAR_VALUE || w[r + ID] === 0) return;
  linked.count = 0;
  collectLinkedRegs(env.state, w[r + ID]!, linked);
  syncLinkedRegs(env.state, w, r, linked);
}

const least = (a: bigint, b: bigint) => (a < b ? a : b);
const most = (a: bigint, b: bigint) => (a > b ? a : b);

/** 'R2 ≤ 255', 'R2 is -8 to 255'; '' if nothing is known. */
export function knownText(name: string, { umax, smin, smax }: Required<Bounds>): string {
  if (smin >= 0n) return umax === U64_MAX || umax === S64_MAX ? '' : `${name} ≤ ${decimal(umax)}`;
  const isAnything = smin === S64_MIN && smax === S64_MAX;
  if (isAnything) return '';
  return `${name} is ${smin === S64_MIN ? 'anything' : decimal(smin)} to ${decimal(smax)}`;
}

/** A number as the log writes it: hexadecimal beyond 16 bits. */
export function decimal(value: bigint): string {
  const word = new Int32Array(2);
  setWord(word, 0, value);
  return value < 0n ? signedText(word[0]!, word[1]!) : unsignedText(word[0]!, word[1]!);
}

/** The packet pointer in register `n` and its copies have `range` bytes behind them. */
export function setRange(env: VerifierEnv, n: number, range: number): void {
  const r = regAt(n);
  const type = env.regs[r + TYPE]!;
  const id = env.regs[r + ID]!;
  eachReg(env.state, (w, at) => {
    if (w[at + TYPE] !== type || w[at + ID] !== id) return;
    w[at + RANGE] = Math.max(w[at + RANGE]!, range);
  });
}

/** True if register `n` is a pointer to packet data. */
export function isPacket(env: VerifierEnv, n: number): boolean {
  const base = baseType(env.regs[regAt(n) + TYPE]!);
  return base === PTR_TO_PACKET || base === PTR_TO_PACKET_META;
}

/** Bytes known behind the packet pointer in register `n`, from where it points. */
export function rangeAt(env: VerifierEnv, n: number): number {
  return env.regs[regAt(n) + RANGE]! - env.regs[regAt(n) + OFF]!;
}

/** Register `n` was compared with NULL and is not. */
export function setNotNull(env: VerifierEnv, n: number): void {
  if ((env.regs[regAt(n) + TYPE]! & PTR_MAYBE_NULL) === 0) return;
  markPtrOrNullRegs(env, env.state, n, false);
}

/** Register `n` holds a number nothing is known of. */
export function setNumber(env: VerifierEnv, n: number): void {
  const w = env.regs;
  const r = regAt(n);
  markUnknown(env, w, r);
  w[r + LIVE]! |= REG_LIVE_WRITTEN;
}

/** Register `n` points to plain memory of `size` bytes. */
export function setMemory(env: VerifierEnv, n: number, size: number): void {
  const w = env.regs;
  const r = regAt(n);
  clearRecord(w, r);
  w[r + TYPE] = PTR_TO_MEM;
  w[r + MEM_SIZE] = size;
}

/** Register `n` holds the context. */
export function setContext(env: VerifierEnv, n: number): void {
  const w = env.regs;
  const r = regAt(n);
  clearRecord(w, r);
  w[r + TYPE] = PTR_TO_CTX;
}

function clearRecord(w: Int32Array, r: number): void {
  const live = w[r + LIVE]!;
  w.fill(0, r, r + REG_WORDS);
  w[r + LIVE] = live | REG_LIVE_WRITTEN;
  markKnownZero(w, r);
}

/** The kernel vouches for the object register `n` points to. */
export function setTrusted(env: VerifierEnv, n: number): void {
  const r = regAt(n);
  env.regs[r + TYPE] = (env.regs[r + TYPE]! & ~PTR_UNTRUSTED) | PTR_TRUSTED;
}

/** The object register `n` points to is under RCU. */
export function setRcu(env: VerifierEnv, n: number): void {
  const r = regAt(n);
  env.regs[r + TYPE] = (env.regs[r + TYPE]! & ~PTR_UNTRUSTED) | MEM_RCU;
}

/**
 * The stack bytes `size` from `off` (negative, from the frame pointer) of the frame register `n`
 * points into are written. Returns the ranges that were not.
 */
export function fillStack(env: VerifierEnv, n: number, off: number, size: number): string[] {
  const record = env.regs;
  const isStack = record[regAt(n) + TYPE] === PTR_TO_STACK;
  const frame = isStack ? env.state.frameAt(record[regAt(n) + FRAMENO]!) : env.frame;
  if (off < -512 || off + size > 0) return [];
  frame.growStack(-off);
  const holes: number[] = [];
  for (let at = off; at < off + size; at++) {
    const spi = Math.floor((-at - 1) / REG_SIZE);
    const byte = at + (spi + 1) * REG_SIZE;
    if (slotType(frame.words, slotAt(spi), byte) !== STACK_INVALID) continue;
    setSlotType(frame.words, slotAt(spi), byte, STACK_MISC);
    holes.push(at);
  }
  return runs(holes);
}

/** Numbers in order as 'fp-16 to fp-13'. */
function runs(numbers: readonly number[]): string[] {
  const found: string[] = [];
  for (let i = 0; i < numbers.length; ) {
    let end = i;
    while (numbers[end + 1] === numbers[end]! + 1) end++;
    const [first, last] = [`fp${numbers[i]}`, `fp${numbers[end]}`];
    found.push(i === end ? first : `${first} to ${last}`);
    i = end + 1;
  }
  return found;
}

/** What instruction `insn` (or any) acquired is not held any more. */
export function release(env: VerifierEnv, insn?: number): void {
  const { frame } = env;
  for (let i = frame.refCount - 1; i >= 0; i--) {
    const acquired = frame.refs[i * REF_WORDS + REF_INSN];
    if (insn === undefined || acquired === insn) frame.removeRefAt(i);
  }
}

/** Locks and sections that are open. */
export interface Sections {
  readonly lock: number;
  readonly lockId: number;
  readonly rcu: boolean;
  readonly preempt: number;
}

/** No lock, RCU or preempt section is open any more; returns what was. */
export function leaveSections({ state }: VerifierEnv): Sections {
  const { activeLock: lock, activeLockId: lockId, activeRcuLock: rcu } = state;
  const preempt = state.activePreemptLock;
  state.activeLock = state.activeLockId = state.activePreemptLock = 0;
  state.activeRcuLock = false;
  return { lock, lockId, rcu, preempt };
}

/** Locks and sections are open again. */
export function enterSections({ state }: VerifierEnv, open: Sections): void {
  state.activeLock = open.lock;
  state.activeLockId = open.lockId;
  state.activeRcuLock = open.rcu;
  state.activePreemptLock = open.preempt;
}
