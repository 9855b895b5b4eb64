import {
  BPF_ADD,
  BPF_ALU64,
  BPF_LDX,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_X,
  classOf,
} from '../../isa/index.ts';
import type { VerifierEnv } from '../env.ts';
import { regText } from '../log/print-state.ts';
import type { Message } from '../messages/message.ts';
import {
  FRAMENO,
  MASK,
  OFF,
  PTR_TO_STACK,
  REG_SIZE,
  regAt,
  SCALAR_VALUE,
  slotAt,
  TYPE,
  VALUE,
} from '../state/layout.ts';
import type { VerifierObserver } from '../types.ts';

/** Steps of the path that are kept; older ones are of no use to a reader. */
const MAX_STEPS = 1 << 20;

/** Messages that are kept; what a rejection is about stands in the last few. */
const MAX_MESSAGES = 64;

/** A place that holds a value: a register, or an 8-byte stack slot, of one frame. */
export interface Place {
  readonly frame: number;
  /** 0..10, or -1 for a stack slot. */
  readonly register: number;
  /** Slot number (0 is fp-8), for stack slots. */
  readonly slot: number;
}

/** No stack slot is read or written by the step. */
const NO_SLOT = -1;
/** Instead of a slot: the step adds a number in a register to a pointer. */
export const ADDS_NUMBER = -2;

/**
 * Records which instructions led to the rejection: the steps of the last path only, because the
 * steps of a finished branch are dropped when the walk goes back.
 */
export class PathRecorder implements VerifierObserver {
  /** Instruction of each step. */
  readonly insns: number[] = [];
  /** Number of the step in the whole walk. */
  readonly serials: number[] = [];
  readonly frames: number[] = [];
  /** Stack slot a load or store goes to: frame * 64 + slot, NO_SLOT, or ADDS_NUMBER. */
  readonly slots: number[] = [];
  /** The last messages said, in order. */
  readonly messages: Message[] = [];
  env!: VerifierEnv;
  /** False if the program was refused before it was read. */
  isStarted = false;
  /** How often the walk looked at each instruction. */
  counts = new Uint32Array(0);
  /** Records of each frame when the walk was rejected. */
  last: readonly Int32Array[] = [];
  #serial = 0;

  start(env: VerifierEnv): void {
    this.env = env;
    this.isStarted = true;
    this.counts = new Uint32Array(env.length);
  }

  message(message: Message): void {
    this.messages.push(message);
    if (this.messages.length >= 2 * MAX_MESSAGES) this.messages.splice(0, MAX_MESSAGES);
  }

  functionDone(ok: boolean): void {
    if (ok) return;
    const { frames } = this.env.state;
    this.last = frames.flatMap((frame) => (frame ? [frame.words.slice(0, frame.usedWords)] : []));
  }

  functionStart(): void {
    this.#cutTo(0);
  }

  insn(): void {
    const env = this.env;
    this.#serial++;
    this.counts[env.insnIdx]!++;
    if (this.insns.length >= MAX_STEPS) this.#cutTo(0);
    this.insns.push(env.insnIdx);
    this.serials.push(this.#serial);
    this.frames.push(env.state.curframe);
    this.slots.push(stackSlotOf(env));
  }

  pushed(): number {
    return this.insns.length;
  }

  popped(mark: number): void {
    this.#cutTo(mark);
  }

  /** Steps of the path. */
  get length(): number {
    return this.insns.length;
  }

  #cutTo(length: number): void {
    if (length > this.insns.length) return;
    this.insns.length = this.serials.length = this.frames.length = this.slots.length = length;
  }
}

/** The stack slot the instruction at hand reads or writes, if that is one slot for certain. */
function stackSlotOf(env: VerifierEnv): number {
  const { code, insnIdx } = env;
  const cls = classOf(code.op[insnIdx]!);
  if (cls === BPF_ALU64) return addsNumber(env) ? ADDS_NUMBER : NO_SLOT;
  if (cls !== BPF_LDX && cls !== BPF_ST && cls !== BPF_STX) return NO_SLOT;
  const base = cls === BPF_LDX ? code.src[insnIdx]! : code.dst[insnIdx]!;
  if (base > 10) return NO_SLOT;
  const w = env.regs;
  const r = regAt(base);
  if (w[r + TYPE] !== PTR_TO_STACK || w[r + MASK] !== 0 || w[r + MASK + 1] !== 0) return NO_SLOT;
  const offset = w[r + OFF]! + w[r + VALUE]! + code.off[insnIdx]!;
  if (offset >= 0 || offset < -512) return NO_SLOT;
  return w[r + FRAMENO]! * 64 + Math.floor((-offset - 1) / REG_SIZE);
}

/** `pointer += number`: then it is the number that decides where the pointer leads. */
function addsNumber(env: VerifierEnv): boolean {
  const { code, insnIdx, regs } = env;
  const op = code.op[insnIdx]!;
  const operation = op & 0xf0;
  if (!(op & BPF_X) || (operation !== BPF_ADD && operation !== BPF_SUB)) return false;
  const [dst, src] = [code.dst[insnIdx]!, code.src[insnIdx]!];
  if (dst > 10 || src > 10) return false;
  return regs[regAt(dst) + TYPE]! > SCALAR_VALUE && regs[regAt(src) + TYPE] === SCALAR_VALUE;
}

/** Writes down what certain places held right after certain steps, in a second walk. */
export class ValueRecorder implements VerifierObserver {
  /** By serial number of the step: the place to look at when it is done. */
  readonly #wanted: ReadonlyMap<number, Place>;
  readonly texts = new Map<number, string>();
  #env!: VerifierEnv;
  #serial = 0;

  constructor(wanted: ReadonlyMap<number, Place>) {
    this.#wanted = wanted;
  }

  start(env: VerifierEnv): void {
    this.#env = env;
  }

  /** False if there is nothing to look at. */
  get isAsked(): boolean {
    return this.#wanted.size > 0;
  }

  message(): void {}

  insn(): void {
    const place = this.#wanted.get(this.#serial);
    if (place) this.texts.set(this.#serial, placeText(this.#env, place));
    this.#serial++;
  }
}

/** What a place holds now, in the log's words; '' if there is no such frame or slot any more. */
export function placeText(env: VerifierEnv, place: Place): string {
  const frame = env.state.frames[place.frame];
  if (!frame) return '';
  if (place.register < 0 && place.slot >= frame.slots) return '';
  const r = place.register < 0 ? slotAt(place.slot) : regAt(place.register);
  return regText(env, place.frame, frame.words, r);
}
