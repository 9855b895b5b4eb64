import { BPF_ALU, BPF_ALU64, BPF_LSH, BPF_MUL, classOf } from '../../../isa/index.ts';
import type { VerifierEnv } from '../../env.ts';
import { regText } from '../../log/print-state.ts';
import {
  baseType,
  MAP,
  NOT_INIT,
  OFF,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_VALUE,
  regAt,
  SCALAR_VALUE,
  TYPE,
} from '../../state/layout.ts';
import type { VerifierInput, VerifierMap } from '../../types.ts';
import type { CauseId } from '../cause-ids.ts';
import type { Rejected } from '../explain.ts';
import { calledName, isCall } from '../insn.ts';
import type { PathRecorder, Place } from '../trace.ts';
import { valueText } from '../value-text.ts';
import {
  type Bounds,
  boundsAt,
  decimal,
  enterSections,
  fillStack,
  isPacket,
  knownText,
  leaveSections,
  limit,
  rangeAt,
  release,
  type Sections,
  setContext,
  setMemory,
  setNotNull,
  setNumber,
  setRange,
  setRcu,
  setTrusted,
} from './edits.ts';

/** What was known when a fact was taken for granted. */
export interface Seen {
  known: string;
  needs: string;
}

/** A fact to try: at an instruction, of some size if it has one. */
export interface Candidate {
  readonly insn: number;
  /** The value it is about; undefined if it is about the state as a whole. */
  readonly place?: Place;
  /** True if the value is something else afterwards: what follows from it is not the program's. */
  readonly isGuess?: boolean;
  /** Sizes from the strictest to the loosest that make sense; undefined: there is just one fact. */
  readonly sizes?: { readonly strictest: bigint; readonly loosest: bigint };
  /** Edits the state; false if it does not fit there. Writes down what it changed. */
  apply(env: VerifierEnv, size: bigint, seen: Seen): void;
  /** Undoes it before the next instruction, for facts that hold at one place only. */
  undo?(env: VerifierEnv): void;
  /** Facts about what the program is loaded with, not about the state. */
  change?(input: VerifierInput, size: bigint): VerifierInput;
}

/** Offsets and lengths beyond are never possible. */
const LARGEST = 1n << 29n;
/** Bytes a packet may have at most. */
const LARGEST_RANGE = 0xffffn;
const LARGEST_MEMORY = 1n << 20n;
const LARGEST_VALUE = 1n << 16n;

type Maker = (rejected: Situated) => Candidate[];

/** A rejection within the walk. */
export interface Situated extends Rejected {
  readonly path: PathRecorder;
  readonly cause: NonNullable<Rejected['cause']>;
  /** Instruction it was rejected at. */
  readonly insn: number;
}

const MAKERS: Readonly<Partial<Record<CauseId, Maker>>> = {
  'map-value-bounds': largerValues,
  'packet-bounds': (s) => [...packetRange(s), ...indexBounds(s)],
  'index-out-of-range': bothBounds,
  'index-unbounded': bothBounds,
  'stack-index': bothBounds,
  'pointer-offset-unbounded': bothBounds,
  'pointer-offset-too-large': bothBounds,
  'negative-length': bothBounds,
  'length-unbounded': bothBounds,
  'zero-length': (s) => [...notZero(s), ...lengthBounds(s)],
  'null-check-missing': notNull,
  'scalar-dereference': memory,
  'uninitialised-register': (s) => [...anyNumber(s), ...memory(s)],
  'stack-uninitialised': stackBytes,
  'reference-leak': released,
  'lock-or-section': sectionsLeft,
  'return-range': inRange,
  'trust-lost': trusted,
  'helper-argument-type': argument,
};

/** Facts worth trying for a rejection, in the order in which they are worth telling. */
export function candidatesFor(situated: Situated): Candidate[] {
  return MAKERS[situated.cause.id]?.(situated) ?? [];
}

function bothBounds(s: Situated): Candidate[] {
  return [...notNegative(s), ...indexBounds(s), ...lengthBounds(s)];
}

const typeAt = (env: VerifierEnv, n: number) => env.regs[regAt(n) + TYPE]!;

function subjectOf({ cause }: Situated): Place | undefined {
  return cause.subject && cause.subject.register >= 0 ? cause.subject : undefined;
}

function packetRange(s: Situated): Candidate[] {
  const place = subjectOf(s);
  if (!place) return [];
  const n = place.register;
  return [
    {
      insn: s.insn,
      place,
      sizes: { strictest: LARGEST_RANGE, loosest: 1n },
      apply(env, size, seen) {
        if (!isPacket(env, n)) return;
        const known = rangeAt(env, n);
        const off = env.regs[regAt(n) + OFF]!;
        seen.known ||= known > 0 ? endText(n, known) : 'nothing compared with data_end';
        seen.needs = endText(n, Number(size) - off);
        setRange(env, n, Number(size));
      },
    },
  ];
}

const endText = (n: number, bytes: number) =>
  bytes > 0 ? `R${n} + ${bytes} ≤ data_end` : `R${n} ≤ data_end`;

/** The number that decides where the access goes: before it is scaled, or where it is added. */
function indexBounds(s: Situated): Candidate[] {
  const { path, steps } = s;
  const { code } = path.env;
  const moves = steps.flatMap((step, i) => (step.kind === 'moved' ? [i] : []));
  const found: Candidate[] = [];
  const move = moves.at(-1);
  if (move !== undefined) {
    const scaled = steps.slice(0, move).find((step) => scales(path.env, step.insn));
    if (scaled) found.push(upTo(scaled.insn, scaled.place));
    const { insn, place } = steps[move]!;
    found.push(upTo(insn, { ...place, register: code.src[insn]! }));
  }
  const place = subjectOf(s);
  if (place) found.push(upTo(s.insn, place));
  return found;
}

function scales({ code }: VerifierEnv, insn: number): boolean {
  const op = code.op[insn]!;
  const cls = classOf(op);
  if (cls !== BPF_ALU && cls !== BPF_ALU64) return false;
  const operation = op & 0xf0;
  return (operation === BPF_LSH && code.imm[insn] !== 32) || operation === BPF_MUL;
}

/** "R2 ≤ N", for N from `strictest` up; with `least` also not below that. */
function upTo(insn: number, place: Place, strictest = 0n, least = 0n): Candidate {
  const n = place.register;
  return {
    insn,
    place,
    sizes: { strictest, loosest: LARGEST },
    apply(env, size, seen) {
      if (typeAt(env, n) < SCALAR_VALUE) return;
      const bounds = boundsAt(env, n);
      const what = typeAt(env, n) === SCALAR_VALUE ? `R${n}` : `variable offset of R${n}`;
      seen.known ||= knownText(what, bounds);
      if (bounds.umin > size) return;
      limit(env, n, { umax: size, umin: least });
      const low = least > 0n || bounds.smin < 0n ? `${least} ≤ ` : '';
      // Other things known of the number may limit it further.
      const { umax } = boundsAt(env, n);
      seen.needs = `${low}${what} ≤ ${decimal(umax < size ? umax : size)}`;
    },
  };
}

/** Lengths: zero may be no length, and then the strictest bound is 1. */
function lengthBounds(s: Situated): Candidate[] {
  const place = subjectOf(s);
  if (!place || !isCall(s.path.env, s.insn)) return [];
  return [upTo(s.insn, place, 1n, 0n), upTo(s.insn, place, 1n, 1n)];
}

/** One fact about a number. */
function bound(insn: number, place: Place, bounds: Bounds, needs: string): Candidate {
  const n = place.register;
  return {
    insn,
    place,
    apply(env, _, seen) {
      if (typeAt(env, n) < SCALAR_VALUE) return;
      seen.known ||= knownText(`R${n}`, boundsAt(env, n));
      seen.needs = needs;
      limit(env, n, bounds);
    },
  };
}

function notNegative(s: Situated): Candidate[] {
  const found: Candidate[] = [];
  const move = s.steps.findLast(({ kind }) => kind === 'moved');
  if (move) {
    const place = { ...move.place, register: s.path.env.code.src[move.insn]! };
    found.push(bound(move.insn, place, { smin: 0n }, `R${place.register} ≥ 0`));
  }
  const place = subjectOf(s);
  if (place) found.push(bound(s.insn, place, { smin: 0n }, `R${place.register} ≥ 0`));
  return found;
}

function notZero(s: Situated): Candidate[] {
  const place = subjectOf(s);
  if (!place) return [];
  return [bound(s.insn, place, { umin: 1n }, `R${place.register} ≥ 1`)];
}

/** One edit of the state with fixed words. */
function edit(
  insn: number,
  place: Place | undefined,
  words: Seen,
  change: (env: VerifierEnv) => void,
  isGuess = false,
): Candidate {
  return {
    insn,
    ...(place && { place }),
    isGuess,
    apply(env, _, seen) {
      seen.known ||= words.known;
      seen.needs = words.needs;
      change(env);
    },
  };
}

function notNull(s: Situated): Candidate[] {
  const place = subjectOf(s);
  if (!place) return [];
  const n = place.register;
  const words = { needs: `R${n} is not NULL`, known: `R${n} may be NULL` };
  return [edit(s.insn, place, words, (env) => setNotNull(env, n))];
}

function memory(s: Situated): Candidate[] {
  const place = subjectOf(s);
  if (!place) return [];
  const n = place.register;
  return [
    {
      insn: s.insn,
      place,
      isGuess: true,
      sizes: { strictest: LARGEST_MEMORY, loosest: 1n },
      apply(env, size, seen) {
        if ((typeAt(env, n) & PTR_MAYBE_NULL) !== 0) return;
        seen.known ||= kindKnown(env, n);
        seen.needs = `R${n} points to memory of ${size} ${size === 1n ? 'byte' : 'bytes'}`;
        setMemory(env, n, Number(size));
      },
    },
  ];
}

function kindKnown(env: VerifierEnv, n: number): string {
  const type = typeAt(env, n);
  if (type === SCALAR_VALUE) return `R${n} is a number`;
  if (type === NOT_INIT) return `nothing was written to R${n}`;
  return `R${n} is ${kindAt(env, env.state.curframe, env.regs, n)}`;
}

function kindAt(env: VerifierEnv, frame: number, w: Int32Array, n: number): string {
  return valueText(regText(env, frame, w, regAt(n)));
}

function anyNumber(s: Situated): Candidate[] {
  const place = subjectOf(s);
  if (!place) return [];
  const n = place.register;
  const words = { needs: `R${n} has a value`, known: `nothing was written to R${n}` };
  return [edit(s.insn, place, words, (env) => setNumber(env, n), true)];
}

/** Offset and size of what is read from the stack, by the message's own words. */
function stackBytes(s: Situated): Candidate[] {
  const { code, args } = s.result.reason!;
  const isRead = code === 'stack.uninit_read';
  const [off, size] = (isRead ? [args[0], args[2]] : [args[2], args[4]]).map(Number);
  if (!Number.isFinite(off) || !Number.isFinite(size)) return [];
  const n = isRead ? s.path.env.code.src[s.insn]! : Number(args[1]);
  const place = s.cause.subject ?? { frame: 0, register: -1, slot: Math.floor((-off! - 1) / 8) };
  return [
    {
      insn: s.insn,
      place,
      apply(env, _, seen) {
        const holes = fillStack(env, n, off!, size!);
        if (holes.length === 0) return;
        seen.known ||= 'never written';
        seen.needs = `${holes.slice(0, 3).join(', ')}${holes.length > 3 ? ', …' : ''} written`;
      },
    },
  ];
}

function released(s: Situated): Candidate[] {
  const { code, args } = s.result.reason!;
  if (code !== 'subprog.reference_leak') return [];
  const insn = Number(args[1]);
  const name = calledName(s.path.env, insn);
  const what = name ? `${name}() (insn ${insn})` : `insn ${insn}`;
  const one = { needs: `what ${what} acquired is released`, known: 'it is held' };
  const all = { needs: 'all that is acquired is released', known: 'some of it is held' };
  return [
    edit(s.insn, undefined, one, (env) => release(env, insn)),
    edit(s.insn, undefined, all, (env) => release(env)),
  ];
}

function sectionsLeft(s: Situated): Candidate[] {
  const { env } = s.path;
  const { state } = env;
  const open = [
    ...(state.activeLock !== 0 ? ['the lock is released'] : []),
    ...(state.activeRcuLock ? ['the RCU section is left'] : []),
    ...(state.activePreemptLock ? ['preemption is enabled'] : []),
  ];
  const names = [
    ...(state.activeLock !== 0 ? ['lock'] : []),
    ...(state.activeRcuLock ? ['RCU section'] : []),
    ...(state.activePreemptLock ? ['disabled preemption'] : []),
  ];
  if (open.length === 0) return [];
  const words = { needs: `${open.join(', ')} before`, known: '' };
  const fact = edit(s.insn, undefined, words, leaveSections);
  if (!isCall(env, s.insn)) return [fact];
  let before: Sections | undefined;
  const apply: Candidate['apply'] = (running, _, seen) => {
    Object.assign(seen, { needs: `no ${names.join(', ')} around the call` });
    before = leaveSections(running);
  };
  const undo = (running: VerifierEnv) => {
    if (before) enterSections(running, before);
    before = undefined;
  };
  return [{ insn: s.insn, apply, undo }];
}

/** The map's values are larger. */
function largerValues(s: Situated): Candidate[] {
  const place = subjectOf(s);
  const words = s.path.last[place?.frame ?? 0];
  if (!place || !words) return [];
  const { env } = s.path;
  const map = env.maps[words[regAt(place.register) + MAP]! - 1];
  if (baseType(words[regAt(place.register) + TYPE]!) !== PTR_TO_MAP_VALUE || !map) return [];
  return [
    {
      insn: s.insn,
      sizes: { strictest: LARGEST_VALUE, loosest: BigInt(map.valueSize) },
      apply(_, size, seen) {
        seen.known ||= `${map.valueSize}`;
        seen.needs = `values of map '${map.name}' have ${size} bytes`;
      },
      change(input, size) {
        const grown = (one: VerifierMap) =>
          one === map ? { ...one, valueSize: Number(size) } : one;
        return { ...input, maps: input.maps.map(grown) };
      },
    },
  ];
}

function inRange(s: Situated): Candidate[] {
  const place = subjectOf(s);
  const [min, max] = s.result.reason!.args.slice(3).map(Number);
  if (!place || min === undefined || max === undefined) return [];
  const n = place.register;
  return [
    {
      insn: s.insn,
      place,
      apply(env, _, seen) {
        if (typeAt(env, n) !== SCALAR_VALUE) return;
        const known = boundsAt(env, n);
        seen.known ||= rangeText(n, known);
        if (known.smin > BigInt(max) || known.smax < BigInt(min)) setNumber(env, n);
        seen.needs = `R${n} in [${min}, ${max}]`;
        limit(env, n, { smin: BigInt(min), smax: BigInt(max) });
      },
    },
  ];
}

function rangeText(n: number, { smin, smax }: Required<Bounds>): string {
  if (smin === smax) return `R${n} is ${smin}`;
  const isWide = smax - smin > LARGEST_MEMORY * LARGEST_MEMORY;
  return isWide ? `R${n} may be anything` : `R${n} in [${smin}, ${smax}]`;
}

function trusted(s: Situated): Candidate[] {
  const place = subjectOf(s);
  if (!place) return [];
  const n = place.register;
  const isObject = (env: VerifierEnv) => baseType(typeAt(env, n)) === PTR_TO_BTF_ID;
  const change = (set: typeof setTrusted) => (env: VerifierEnv) => {
    if (isObject(env)) set(env, n);
  };
  const w = s.path.last[place.frame];
  const known = w ? `R${n} is ${kindAt(s.path.env, place.frame, w, n)}` : '';
  const rcu = { needs: `R${n} is under RCU (or owned)`, known };
  const trust = { needs: `R${n} is owned, or trusted by the hook`, known };
  return [edit(s.insn, place, rcu, change(setRcu)), edit(s.insn, place, trust, change(setTrusted))];
}

/** What the function takes: by the kernel's words for it. */
function argument(s: Situated): Candidate[] {
  const place = subjectOf(s);
  const expected = String(s.result.reason!.args[2] ?? '');
  if (!place) return [];
  const n = place.register;
  const found: Candidate[] = [];
  if (/\bscalar\b/.test(expected)) found.push(...anyNumber(s));
  if (/\bctx\b/.test(expected)) {
    const words = { needs: `R${n} is the context`, known: '' };
    found.push(edit(s.insn, place, words, (env) => setContext(env, n), true));
  }
  if (/\b(fp|mem|map_value|pkt)\b/.test(expected)) found.push(...memory(s));
  return found;
}
