import { TAG_BASE } from '../../runtime/layout.ts';
import { joinRanges, type Thresholds } from './ranges.ts';
import {
  SHADOW,
  SHADOW_NONE,
  SHADOW_OFFSET,
  WINDOW,
  WORDS,
  PURE,
  ANYWHERE,
  setValue,
  type State,
  V_UNKNOWN,
  V_CONST,
  V_RANGE,
  V_STACK,
  V_LOOKED_UP,
  V_MAP_VALUE,
  V_PACKET,
  V_PACKET_END,
  V_MAYBE_STACK,
  V_MAYBE_MAP_VALUE,
  V_MAYBE_PACKET,
  V_UNWRITTEN,
} from './state.ts';

export * from './state.ts';

const WINDOW_BIAS = 2048;
const WINDOW_LIMIT = 2 * WINDOW_BIAS;
const WINDOW_WRITE = 1 << 24;
const WINDOW_VALID = 1 << 25;

/**
 * From here on, bases of packet pointers are places where pointers meet; below, instructions + 1.
 */
const PACKET_JOIN = 0x1000000;

export function copyValue(s: State, to: number, from: number): void {
  s.copyWithin(to * WORDS, from * WORDS, from * WORDS + WORDS);
}

/** Gives variable `v` a shadow. */
export function setShadow(s: State, v: number, shadow: number, offset: number): void {
  s[v * WORDS + SHADOW] = shadow;
  s[v * WORDS + SHADOW_OFFSET] = shadow === SHADOW_NONE ? 0 : offset;
}

export function isConst(s: State, v: number, low: number, high: number): boolean {
  const at = v * WORDS;
  return s[at] === V_CONST && s[at + 1] === low && s[at + 2] === high;
}

/** Bits that value `v` surely fits in when its upper half is 0; 64 if that is not known. */
export function bitsOf(s: State, v: number): number {
  return bitsAt(s, v * WORDS);
}

function bitsAt(s: State, at: number): number {
  if (s[at] === V_RANGE) return 32 - Math.clz32(s[at + 2]);
  if (s[at] === V_CONST && s[at + 2] === 0) return 32 - Math.clz32(s[at + 1]);
  return 64;
}

function packWindow(low: number, high: number, write: number): number {
  const first = low + WINDOW_BIAS;
  const end = high + WINDOW_BIAS;
  if (first < 0 || end >= WINDOW_LIMIT || first >= end) return 0;
  return first | (end << 12) | write | WINDOW_VALID;
}

const windowLow = (window: number) => (window & 0xfff) - WINDOW_BIAS;
const windowHigh = (window: number) => ((window >> 12) & 0xfff) - WINDOW_BIAS;

function intersection(a: number, b: number): number {
  if (a === b || b === 0) return b;
  const low = Math.max(windowLow(a), windowLow(b));
  return packWindow(low, Math.min(windowHigh(a), windowHigh(b)), a & b & WINDOW_WRITE);
}

/** The window after adding `amount` to the pointer. */
export function movedWindow(window: number, amount: number): number {
  if (window === 0 || Math.abs(amount) > WINDOW_LIMIT) return 0;
  return packWindow(windowLow(window) - amount, windowHigh(window) - amount, window & WINDOW_WRITE);
}

/** Whether an access through variable `v` lies in what is proven already. */
export function isInWindow(
  s: State,
  v: number,
  off: number,
  size: number,
  write: boolean,
): boolean {
  const window = s[v * WORDS + WINDOW];
  if (window === 0 || (write && (window & WINDOW_WRITE) === 0)) return false;
  return off >= windowLow(window) && off + size <= windowHigh(window);
}

/**
 * An access through `v` went well. Windows grow only without a gap, since regions may have some.
 */
export function openWindow(s: State, v: number, off: number, size: number, write: boolean): void {
  const at = v * WORDS + WINDOW;
  const old = s[at];
  const mode = write ? WINDOW_WRITE : 0;
  if (isInWindow(s, v, off, size, write)) return;
  const touches = old !== 0 && off <= windowHigh(old) && off + size >= windowLow(old);
  if (!touches || (old & WINDOW_WRITE) !== mode) {
    s[at] = packWindow(off, off + size, mode);
    return;
  }
  s[at] = packWindow(Math.min(off, windowLow(old)), Math.max(off + size, windowHigh(old)), mode);
}

/** After arithmetic: the value has no shadow and no window. */
export function forgetPlace(s: State, v: number): void {
  const at = v * WORDS;
  s[at + SHADOW] = SHADOW_NONE;
  s[at + SHADOW_OFFSET] = 0;
  s[at + WINDOW] = 0;
}

/** Forgets all windows: regions may have changed. */
export function closeWindows(s: State): void {
  for (let at = WINDOW; at < s.length; at += WORDS) s[at] = 0;
}

/** Joins the value at `from[at]` into the one at `into[to]`. Returns whether `into` changed. */
function joinValue(
  into: State,
  to: number,
  from: State,
  at: number,
  thresholds: Thresholds | undefined,
): boolean {
  const shadow = into[to + SHADOW];
  const offset = into[to + SHADOW_OFFSET];
  const same = offset === from[at + SHADOW_OFFSET];
  const left = same ? Math.min(shadow, from[at + SHADOW]) : SHADOW_NONE;
  const window = into[to + WINDOW];
  const both = window === 0 ? 0 : intersection(window, from[at + WINDOW]);
  const changed = joinKnowledge(into, to, from, at, thresholds);
  into[to + WINDOW] = both;
  into[to + SHADOW] = left;
  into[to + SHADOW_OFFSET] = left === SHADOW_NONE ? 0 : offset;
  return changed || left !== shadow || both !== window;
}

function joinKnowledge(
  into: State,
  to: number,
  from: State,
  at: number,
  thresholds: Thresholds | undefined,
): boolean {
  const kind = into[to];
  const other = from[at];
  const same = kind === other && into[to + 1] === from[at + 1] && into[to + 2] === from[at + 2];
  if (same && into[to + 3] === from[at + 3]) return false;
  if (kind === V_UNWRITTEN || other === V_UNWRITTEN) return become(into, to, V_UNWRITTEN, 0);
  if (isStack(kind) || isStack(other)) return joinStack(into, to, from, at, thresholds);
  if (kind === V_UNKNOWN) return false;
  if (kind === V_PACKET && other === V_PACKET) return joinPackets(into, to, from, at);
  if (bitsAt(into, to) <= 32 && bitsAt(from, at) <= 32) {
    return joinRanges(into, to, from, at, thresholds);
  }
  return joinPointers(into, to, from, at, thresholds);
}

/**
 * Packet pointers that meet become a new base, named after the place in the states where they meet.
 * What was proven from that base on before counts only for the variable itself, and only if it has
 * not moved: for another one the base is a value of an earlier pass.
 */
function joinPackets(into: State, to: number, from: State, at: number): boolean {
  const own = PACKET_JOIN + to;
  const isSame = into[to + 1] === from[at + 1] && into[to + 2] === from[at + 2];
  const isOlder = from[at + 2] >= PACKET_JOIN && from[at + 2] !== own;
  if (isSame && !isOlder) {
    if (into[to + 3] <= from[at + 3]) return false;
    into[to + 3] = from[at + 3];
    return true;
  }
  if (into[to + 1] < 0 || from[at + 1] < 0) return become(into, to, V_MAYBE_PACKET, 0);
  const left = into[to + 3] - into[to + 1];
  const reach = Math.max(0, Math.min(left, from[at + 3] - from[at + 1]));
  if (into[to + 1] === 0 && into[to + 2] === own && into[to + 3] <= reach) return false;
  setValue(into, to / WORDS, V_PACKET, 0, own, reach);
  return true;
}

function joinPointers(
  into: State,
  to: number,
  from: State,
  at: number,
  thresholds: Thresholds | undefined,
): boolean {
  const hint = hintOf(into, to);
  if (hint === V_UNKNOWN || hint !== hintOf(from, at)) return become(into, to, V_UNKNOWN, 0);
  if (hint !== V_MAYBE_MAP_VALUE) return become(into, to, hint, 0);
  const tag = tagOf(into, to);
  if (tag !== tagOf(from, at)) return become(into, to, V_UNKNOWN, 0);
  const both = into[to] === V_MAP_VALUE && from[at] === V_MAP_VALUE;
  if (!both || thresholds !== undefined) return become(into, to, hint, tag);
  const low = Math.min(into[to + 2], from[at + 2]);
  const high = Math.max(into[to + 2] + into[to + 3], from[at + 2] + from[at + 3]);
  if (low === into[to + 2] && high - low === into[to + 3]) return false;
  setValue(into, to / WORDS, V_MAP_VALUE, tag, low, high - low);
  return true;
}

/** Changes what is known at `to`; false if it is that already. */
function become(s: State, to: number, kind: number, a: number): boolean {
  if (s[to] === kind && s[to + 1] === a) return false;
  setValue(s, to / WORDS, kind, a);
  return true;
}

/** Whether a value of this kind may point into the function's own stack. */
export function isStack(kind: number): boolean {
  return kind === V_STACK || kind === V_MAYBE_STACK;
}

/** At loops, bounds that move are given up, so that this ends. */
function joinStack(
  into: State,
  to: number,
  from: State,
  at: number,
  thresholds: Thresholds | undefined,
): boolean {
  const pure = isPureStack(into, to) && isPureStack(from, at) ? PURE : 0;
  const own = isStack(into[to]) ? into[to + 1] : -ANYWHERE;
  let low = Math.min(own, isStack(from[at]) ? from[at + 1] : -ANYWHERE);
  const end = Math.max(stackEnd(into, to), stackEnd(from, at));
  let extent = pure === PURE && end < -ANYWHERE ? end - low : 0;
  const known = into[to] === V_MAYBE_STACK;
  if (known && low === own && into[to + 2] === pure && into[to + 3] === extent) return false;
  if (known && thresholds !== undefined) {
    if (low !== own) low = ANYWHERE;
    extent = 0;
    if (low === own && into[to + 2] === pure && into[to + 3] === 0) return false;
  }
  setValue(into, to / WORDS, V_MAYBE_STACK, low, pure, extent);
  return true;
}

/** One past the highest offset a pointer into the stack may have. */
function stackEnd(s: State, at: number): number {
  if (s[at] === V_STACK) return s[at + 1] + 1;
  return s[at] === V_MAYBE_STACK && s[at + 3] > 0 ? s[at + 1] + s[at + 3] : -ANYWHERE;
}

/** Whether the value is r10 plus something for sure. */
export function isPureStack(s: State, at: number): boolean {
  return s[at] === V_STACK || (s[at] === V_MAYBE_STACK && s[at + 2] === PURE);
}

/** Whether this high half of a constant is that of a pointer (small negative numbers have -1). */
function isTag(high: number): boolean {
  return high < -1 && high >= TAG_BASE;
}

/** Tag of the values that a pointer with hint V_MAYBE_MAP_VALUE goes to. */
export function tagOf(s: State, at: number): number {
  return s[at] === V_CONST ? s[at + 2] : s[at + 1];
}

/** The hint that is left of a pointer when its offset is lost; V_UNKNOWN = none. */
export function hintOf(s: State, at: number): number {
  switch (s[at]) {
    case V_CONST:
      return isTag(s[at + 2]) ? V_MAYBE_MAP_VALUE : V_UNKNOWN;
    case V_MAP_VALUE:
    case V_MAYBE_MAP_VALUE:
      return V_MAYBE_MAP_VALUE;
    case V_PACKET:
    case V_MAYBE_PACKET:
      return V_MAYBE_PACKET;
    default:
      return V_UNKNOWN;
  }
}

/** Most values are the same on all paths. */
function isEqual(into: State, to: number, from: State, at: number): boolean {
  for (let k = 0; k < WORDS; k++) if (into[to + k] !== from[at + k]) return false;
  // A packet pointer named after another place where pointers meet is not what it was here.
  return from[at] !== V_PACKET || from[at + 2] < PACKET_JOIN;
}

/**
 * Joins state `from` into the one at `into[start]`; returns whether anything changed. `thresholds`
 * are given when this is where a loop closes that has been gone through before.
 */
export function joinState(
  into: Int32Array,
  start: number,
  from: State,
  thresholds: Thresholds | undefined,
): boolean {
  let changed = false;
  for (let at = 0; at < from.length; at += WORDS) {
    if (isEqual(into, start + at, from, at)) continue;
    if (joinValue(into, start + at, from, at, thresholds)) changed = true;
  }
  return changed;
}

/** Forgets every packet pointer: the packet may have moved. */
export function forgetPacket(s: State): void {
  for (let at = 0; at < s.length; at += WORDS) {
    if (s[at] === V_PACKET || s[at] === V_PACKET_END) setValue(s, at / WORDS, V_UNKNOWN);
  }
}

/** Forgets values that an earlier execution of `insn` made, before it runs again. */
export function forgetSite(s: State, insn: number): void {
  for (let at = 0; at < s.length; at += WORDS) {
    const looked = s[at] === V_LOOKED_UP && s[at + 2] === insn;
    const packet = s[at] === V_PACKET && s[at + 2] === insn + 1;
    if (looked || packet) setValue(s, at / WORDS, V_UNKNOWN);
  }
}

/** All packet pointers with base `base` may be followed up to base + `end`. */
export function widenPacket(s: State, base: number, end: number): void {
  for (let at = 0; at < s.length; at += WORDS) {
    if (s[at] === V_PACKET && s[at + 2] === base) s[at + 3] = Math.max(s[at + 3], end);
  }
}

/** Copies of the pointer `like` are NULL (or are not). */
export function decideNull(s: State, like: number, isNull: boolean): void {
  const tag = s[like * WORDS + 1];
  const site = s[like * WORDS + 2];
  for (let at = 0; at < s.length; at += WORDS) {
    if (s[at] !== V_LOOKED_UP || s[at + 1] !== tag || s[at + 2] !== site) continue;
    if (isNull) setValue(s, at / WORDS, V_CONST, 0, 0);
    else setValue(s, at / WORDS, V_MAP_VALUE, tag, 0);
  }
}
