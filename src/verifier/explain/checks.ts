import {
  BPF_ALU,
  BPF_ALU64,
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
} from '../../isa/index.ts';
import type { VerifierEnv } from '../env.ts';
import { baseType, PTR_TO_PACKET_END, regAt, TYPE } from '../state/layout.ts';
import { isCall } from './insn.ts';
import type { LineageStep, Relation } from './lineage.ts';
import type { PathRecorder, Place } from './trace.ts';

/** Tests of related values that are told, the last ones. */
const MAX_CHECKS = 4;
/** Instructions behind the rejected one in which a check is looked for. */
const LATE = 48;

/**
 * Adds the tests of other values than the one followed that have to do with it: copies, halves,
 * what it was computed from. Often the check is there, and the compiler made it on a copy.
 */
export function checksElsewhere(path: PathRecorder, steps: readonly LineageStep[]): LineageStep[] {
  const origin = steps[0];
  if (!origin || (origin.kind !== 'made' && origin.kind !== 'passed')) return [...steps];
  const related = new Related(path, origin);
  const own = new Map(steps.map((one) => [one.step, one]));
  const found: LineageStep[] = [];
  for (let step = origin.step + 1; step < path.length - 1; step++) {
    const check = related.checkAt(step, own.get(step));
    if (check) found.push(check);
  }
  // Of a check in a loop the last round counts.
  const last = found.filter(
    (one, i) => !found.some((other, j) => j > i && other.insn === one.insn),
  );
  return [...steps, ...last.slice(-MAX_CHECKS)].sort((a, b) => a.step - b.step);
}

const keyOf = (frame: number, register: number) => frame * 128 + register;
const placeKey = (place: Place) =>
  place.register < 0 ? keyOf(place.frame, 64 + place.slot) : keyOf(place.frame, place.register);

/** Which places hold something related to the value, followed forward along the path. */
class Related {
  readonly #path: PathRecorder;
  readonly #places = new Map<number, Relation>();
  #main: Place;

  constructor(path: PathRecorder, origin: LineageStep) {
    this.#path = path;
    this.#main = origin.place;
  }

  /** Goes past one step; returns it if it tests something related but not the value itself. */
  checkAt(step: number, own: LineageStep | undefined): LineageStep | undefined {
    const { code } = this.#path.env;
    const insn = this.#path.insns[step]!;
    const frame = this.#path.frames[step]!;
    const cls = classOf(code.op[insn]!);
    let check: LineageStep | undefined;
    if (cls === BPF_JMP || cls === BPF_JMP32) check = this.#atJump(step, insn, frame, own);
    else if (cls === BPF_ALU || cls === BPF_ALU64) this.#atAlu(insn, frame, cls === BPF_ALU);
    else this.#atMemory(step, insn, frame, cls);
    if (own) this.#follow(own);
    return check;
  }

  #relationAt(frame: number, register: number): Relation | undefined {
    const key = keyOf(frame, register);
    return key === placeKey(this.#main) ? 'copy' : this.#places.get(key);
  }

  #set(key: number, relation: Relation | undefined): void {
    if (relation) this.#places.set(key, relation);
    else this.#places.delete(key);
  }

  /** The value itself moved on; what it was before is its source from here on. */
  #follow(own: LineageStep): void {
    const before = this.#main;
    this.#main = own.place;
    if (own.kind === 'changed' || own.kind === 'moved') {
      for (const [key, relation] of this.#places) {
        if (relation === 'copy') this.#places.set(key, 'source');
      }
      if (own.kind === 'moved') this.#places.set(placeKey(before), 'source');
    } else if (placeKey(before) !== placeKey(own.place)) {
      this.#places.set(placeKey(before), 'copy');
    }
    this.#places.delete(placeKey(own.place));
  }

  #atAlu(insn: number, frame: number, isHalf: boolean): void {
    const { code } = this.#path.env;
    const op = code.op[insn]!;
    const isMov = (op & 0xf0) === BPF_MOV;
    const source = op & BPF_X ? this.#relationAt(frame, code.src[insn]!) : undefined;
    const target = isMov ? undefined : this.#relationAt(frame, code.dst[insn]!);
    const copied = isHalf && source ? 'half' : source;
    const from = source ?? target;
    const key = keyOf(frame, code.dst[insn]!);
    this.#set(key, isMov ? copied : from && (from === 'source' ? 'source' : 'result'));
  }

  #atMemory(step: number, insn: number, frame: number, cls: number): void {
    const { code } = this.#path.env;
    const slot = this.#path.slots[step]!;
    const slotKey = slot >= 0 ? keyOf(slot >> 6, 64 + (slot & 63)) : -1;
    if (cls === BPF_LDX || cls === BPF_LD) {
      const from = slotKey === placeKey(this.#main) ? 'copy' : this.#places.get(slotKey);
      this.#set(keyOf(frame, code.dst[insn]!), cls === BPF_LDX ? from : undefined);
    } else if (slotKey >= 0 && (cls === BPF_STX || cls === BPF_ST)) {
      this.#set(slotKey, cls === BPF_STX ? this.#relationAt(frame, code.src[insn]!) : undefined);
    }
  }

  #atJump(
    step: number,
    insn: number,
    frame: number,
    own: LineageStep | undefined,
  ): LineageStep | undefined {
    const { code } = this.#path.env;
    const operation = code.op[insn]! & 0xf0;
    if (operation === BPF_CALL) {
      for (let n = 0; n <= 5; n++) this.#places.delete(keyOf(frame, n));
    }
    if (own || operation === BPF_CALL || operation === BPF_EXIT || operation === BPF_JA) {
      return undefined;
    }
    const register = this.#testedRegister(insn, frame);
    if (register < 0) return undefined;
    const relation = this.#places.get(keyOf(frame, register))!;
    const taken = this.#path.insns[step + 1] !== insn + 1;
    const tested = { frame, register, slot: 0 };
    return { kind: 'elsewhere', step, insn, place: this.#main, taken, tested, relation };
  }

  #testedRegister(insn: number, frame: number): number {
    const { code } = this.#path.env;
    const [dst, src] = [code.dst[insn]!, code.src[insn]!];
    if (this.#places.has(keyOf(frame, dst))) return dst;
    const hasSource = (code.op[insn]! & BPF_X) !== 0;
    return hasSource && this.#places.has(keyOf(frame, src)) ? src : -1;
  }
}

/**
 * A branch behind the rejected instruction that tests register `n`, or a pointer against the
 * packet's end if that is what matters: the check is there, but too late. -1: none.
 */
export function lateCheck(path: PathRecorder, insn: number, n: number, isPacket: boolean): number {
  const { env } = path;
  const ends = isPacket ? packetEnds(path) : [n];
  for (let at = insn; at < Math.min(insn + LATE, env.length) && ends.length > 0; at++) {
    if (at > insn && isConditional(env.code.op[at]!) && uses(env, at, ends, isPacket)) return at;
    const op = env.code.op[at]!;
    const isExit = op === (BPF_JMP | BPF_EXIT);
    if (isExit) return -1;
    if (isCall(env, at)) remove(ends, (one) => one <= 5);
    else if (writes(classOf(op))) remove(ends, (one) => one === env.code.dst[at]);
  }
  return -1;
}

const writes = (cls: number) =>
  cls === BPF_ALU || cls === BPF_ALU64 || cls === BPF_LD || cls === BPF_LDX;

function remove(list: number[], isGone: (one: number) => boolean): void {
  for (let i = list.length - 1; i >= 0; i--) if (isGone(list[i]!)) list.splice(i, 1);
}

function packetEnds(path: PathRecorder): number[] {
  const words = path.last[path.frames[path.length - 1] ?? 0];
  if (!words) return [];
  const all = Array.from({ length: 10 }, (_, n) => n);
  return all.filter((n) => baseType(words[regAt(n) + TYPE]!) === PTR_TO_PACKET_END);
}

function uses(env: VerifierEnv, insn: number, among: readonly number[], both: boolean): boolean {
  const { code } = env;
  const hasSource = (code.op[insn]! & BPF_X) !== 0;
  if (both && !hasSource) return false;
  return among.includes(code.dst[insn]!) || (hasSource && among.includes(code.src[insn]!));
}
