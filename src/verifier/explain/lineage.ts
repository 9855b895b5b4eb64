import {
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_END,
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
import { isCall } from './insn.ts';
import { ADDS_NUMBER, type PathRecorder, type Place } from './trace.ts';

/** What a step did to the value that is followed back. */
export type StepKind =
  /** The value was made here: a constant, a load, a call's result. */
  | 'made'
  /** It was copied from another register. */
  | 'copied'
  /** It went to the stack, or came back. */
  | 'spilled'
  | 'filled'
  /** Arithmetic changed it. */
  | 'changed'
  /** A number was added to the pointer; from here on the number is followed. */
  | 'moved'
  /** A branch looked at it. */
  | 'tested'
  /** A branch looked at a copy of it, or at something computed from it. */
  | 'elsewhere'
  /** A branch behind the rejected instruction looks at it: too late. */
  | 'late'
  /** It was handed to a function of the program, or came back from one. */
  | 'passed'
  | 'returned'
  /** A call made the register unusable. */
  | 'lost'
  /** A call made the pointer in it useless: what it pointed to is gone. */
  | 'ended';

/** One step in the life of a value, oldest first in a lineage. */
export interface LineageStep {
  readonly kind: StepKind;
  /** Index in the recorded path. */
  readonly step: number;
  readonly insn: number;
  /** Where the value is after the step. */
  readonly place: Place;
  /** Branches: whether it was taken. */
  readonly taken?: boolean;
  /** 'elsewhere': what was tested, and how it is related to the value. */
  readonly tested?: Place;
  readonly relation?: Relation;
}

/** A value against the one that is followed: equal, its low half, made from it, its source. */
export type Relation = 'copy' | 'half' | 'result' | 'source';

/** Steps shown at most; a loop may touch a value a million times. */
const MAX_LINEAGE = 12;

/**
 * Follows the value in `place` back from step `from` (which is not looked at) to where it was made.
 * Returns the steps oldest first; long histories keep their newest part and their origin.
 */
export function lineageOf(path: PathRecorder, place: Place, from: number): LineageStep[] {
  const steps: LineageStep[] = [];
  let at = place;
  for (let step = from - 1; step >= 0; step--) {
    const found = stepOn(path, step, at);
    if (!found) continue;
    if (steps.length < MAX_LINEAGE || found.ends) steps.push(found.step);
    if (found.ends) break;
    at = found.before;
  }
  return steps.reverse();
}

/** The last step at `insn`, and the branches the path took since. */
export function pathSince(path: PathRecorder, insn: number): LineageStep[] {
  const start = path.insns.lastIndexOf(insn);
  if (start < 0) return [];
  const steps: LineageStep[] = [];
  for (let step = start; step < path.length; step++) {
    const frame = path.frames[step]!;
    const place = { frame, register: path.env.code.dst[path.insns[step]!]!, slot: 0 };
    if (step === start) steps.push({ kind: 'made', step, insn, place });
    else if (isConditional(path.env.code.op[path.insns[step]!]!))
      steps.push({ ...branchStep(path, step), place });
  }
  return steps.length > MAX_LINEAGE ? [steps[0]!, ...steps.slice(1 - MAX_LINEAGE)] : steps;
}

/** Calls looked at for whether they made a pointer useless: the last ones. */
const MAX_CALLS = 200;

/** Calls on the way of a value, each of which may have ended it. */
export function callsOnTheWay(path: PathRecorder, steps: readonly LineageStep[]): LineageStep[] {
  const found: LineageStep[] = [];
  let next = steps.length - 1;
  for (let step = path.length - 2; next >= 0 && found.length < MAX_CALLS; step--) {
    const { step: made, place } = steps[next]!;
    if (step <= made) {
      next--;
      step = made;
      continue;
    }
    const insn = path.insns[step]!;
    if (isCall(path.env, insn)) found.push({ kind: 'ended', step, insn, place });
  }
  return found;
}

/** Branches that a path without a value to follow is told by. */
const MAX_BRANCHES = 5;

/** The last branches of the path. */
export function branchesOf(path: PathRecorder): LineageStep[] {
  const steps: LineageStep[] = [];
  for (let step = path.length - 2; step >= 0 && steps.length < MAX_BRANCHES; step--) {
    if (!isConditional(path.env.code.op[path.insns[step]!]!)) continue;
    const register = path.env.code.dst[path.insns[step]!]!;
    const place = { frame: path.frames[step]!, register, slot: 0 };
    steps.push({ ...branchStep(path, step), place });
  }
  return steps.reverse();
}

function branchStep(path: PathRecorder, step: number) {
  const insn = path.insns[step]!;
  return { kind: 'tested' as const, step, insn, taken: path.insns[step + 1] !== insn + 1 };
}

interface Found {
  readonly step: LineageStep;
  readonly before: Place;
  readonly ends: boolean;
}

function stepOn(path: PathRecorder, step: number, at: Place): Found | undefined {
  const { code } = path.env;
  const insn = path.insns[step]!;
  const op = code.op[insn]!;
  const make = (kind: StepKind, before: Place | undefined, taken?: boolean): Found => {
    const one = { kind, step, insn, place: at, ...(taken === undefined ? {} : { taken }) };
    return { step: one, before: before ?? at, ends: before === undefined };
  };
  const frame = path.frames[step]!;
  switch (classOf(op)) {
    case BPF_ALU:
    case BPF_ALU64:
      return isRegister(at, frame, code.dst[insn]!) ? onAlu(path, step, at, make) : undefined;
    case BPF_LD:
      return isRegister(at, frame, code.dst[insn]!) ? make('made', undefined) : undefined;
    case BPF_LDX:
      return isRegister(at, frame, code.dst[insn]!) ? onLoad(path.slots[step]!, make) : undefined;
    case BPF_ST:
    case BPF_STX:
      return onStore(path, step, at, make);
    default:
      return onJump(path, step, at, make);
  }
}

type Make = (kind: StepKind, before: Place | undefined, taken?: boolean) => Found;

const isRegister = (at: Place, frame: number, register: number) =>
  at.frame === frame && at.register === register;

function onAlu(path: PathRecorder, step: number, at: Place, make: Make): Found {
  const { code } = path.env;
  const insn = path.insns[step]!;
  if (path.slots[step] === ADDS_NUMBER) return make('moved', { ...at, register: code.src[insn]! });
  const op = code.op[insn]!;
  if ((op & 0xf0) !== BPF_MOV || (op & 0xf0) === BPF_END) return make('changed', at);
  if (!(op & BPF_X)) return make('made', undefined);
  return make('copied', { ...at, register: code.src[insn]! });
}

function onLoad(slot: number, make: Make): Found {
  if (slot < 0) return make('made', undefined);
  return make('filled', { frame: slot >> 6, register: -1, slot: slot & 63 });
}

function onStore(path: PathRecorder, step: number, at: Place, make: Make): Found | undefined {
  const slot = path.slots[step]!;
  const isOurs = at.register < 0 && slot >= 0 && slot === at.frame * 64 + at.slot;
  if (!isOurs) return undefined;
  const { code } = path.env;
  const insn = path.insns[step]!;
  if (classOf(code.op[insn]!) === BPF_ST) return make('made', undefined);
  return make('spilled', { frame: path.frames[step]!, register: code.src[insn]!, slot: 0 });
}

function onJump(path: PathRecorder, step: number, at: Place, make: Make): Found | undefined {
  const { code } = path.env;
  const insn = path.insns[step]!;
  const cls = classOf(code.op[insn]!);
  if (cls !== BPF_JMP && cls !== BPF_JMP32) return undefined;
  const operation = code.op[insn]! & 0xf0;
  if (operation === BPF_JA) return undefined;
  if (operation === BPF_EXIT) return onExit(path, step, at, make);
  if (operation === BPF_CALL) return onCall(path, step, at, make);
  return onBranch(path, step, at, make);
}

function onBranch(path: PathRecorder, step: number, at: Place, make: Make): Found | undefined {
  const { code } = path.env;
  const insn = path.insns[step]!;
  const frame = path.frames[step]!;
  const looksAtIt =
    isRegister(at, frame, code.dst[insn]!) ||
    ((code.op[insn]! & BPF_X) !== 0 && isRegister(at, frame, code.src[insn]!));
  if (!looksAtIt) return undefined;
  return make('tested', at, path.insns[step + 1] !== insn + 1);
}

/** A call of a helper, or of a function of the program that is stepped into or taken as a whole. */
function onCall(path: PathRecorder, step: number, at: Place, make: Make): Found | undefined {
  const frame = path.frames[step]!;
  const next = path.frames[step + 1] ?? frame;
  if (next > frame) {
    if (at.frame !== next) return undefined;
    if (at.register < 1 || at.register > 5) return make('made', undefined);
    return make('passed', { ...at, frame });
  }
  if (at.frame !== frame || at.register < 0 || at.register > 5) return undefined;
  return at.register === 0 ? make('made', undefined) : make('lost', undefined);
}

/** The end of a called function: its r0 is the caller's r0, and r1 to r5 are gone. */
function onExit(path: PathRecorder, step: number, at: Place, make: Make): Found | undefined {
  const frame = path.frames[step]!;
  if (at.frame !== frame - 1 || at.register < 0 || at.register > 5) return undefined;
  if (at.register !== 0) return make('lost', undefined);
  return make('returned', { ...at, frame });
}
