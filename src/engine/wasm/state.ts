/**
 * What is known of the registers' values: the states of the compiler's small abstract interpreter
 * (values.ts joins them). A state is one Int32Array with seven words for each variable: kind, three
 * words a, b, c, the two words of its shadow, and its window.
 *
 * A shadow is an i32 local that goes with a 64-bit sum: the low half of the value is shadow +
 * offset. Addresses are computed in shadows, because engines do not narrow 64-bit additions
 * themselves.
 */
export const WORDS = 7;
/** Word: SHADOW_*. */
export const SHADOW = 4;
/** Word: the offset. */
export const SHADOW_OFFSET = 5;
export const SHADOW_NONE = 0;
export const SHADOW_SUM = 1;
/** The shadow is an unsigned number that was added to a constant address. */
export const SHADOW_INDEX = 2;

/**
 * Word: bytes around the pointer that checked code has already proven. 0 = none, else packed: first
 * byte and one past the last, relative to the value, whether for writing.
 */
export const WINDOW = 6;

/** No path reaches here. */
export const V_NONE = 0;
export const V_UNKNOWN = 1;
/** The number with low half a, high half b. */
export const V_CONST = 2;
/** A 32-bit number a, a + c, … up to b (see ranges.ts). */
export const V_RANGE = 3;
/** The program's context, plus a. */
export const V_CTX = 4;
/** r10 of the function's first frame, plus a. */
export const V_STACK = 5;
/** NULL or a value of the map whose values have tag a, from the call at instruction b. */
export const V_LOOKED_UP = 6;
/** A value of the map whose values have tag a, plus at least b and at most b + c. */
export const V_MAP_VALUE = 7;
/** Packet pointer: base b (0 = start of the packet), plus a; base .. base + c is in the packet. */
export const V_PACKET = 8;
export const V_PACKET_END = 9;
/** Function pointer: subprogram a. */
export const V_FUNCTION = 10;

/**
 * Perhaps made from r10; then it is r10 of the first frame plus at least a, and if c is not 0 less
 * than a + c. b = PURE: it is.
 */
export const PURE = 1;
export const V_MAYBE_STACK = 11;
/**
 * Hints, not knowledge: probably a pointer into the values that have tag a, into the packet.
 * They only choose which range checked code compares with first.
 */
export const V_MAYBE_MAP_VALUE = 12;
export const V_MAYBE_PACKET = 13;

/** Stack slots only: some path leads here on which nothing was written. */
export const V_UNWRITTEN = 14;

/** Lower bound of a pointer into the stack of which nothing is known. */
export const ANYWHERE = -0x40000000;

export type State = Int32Array;

export function setValue(s: State, v: number, kind: number, a = 0, b = 0, c = 0): void {
  const at = v * WORDS;
  s[at] = kind;
  s[at + 1] = a;
  s[at + 2] = b;
  s[at + 3] = c;
  s[at + SHADOW] = SHADOW_NONE;
  s[at + SHADOW_OFFSET] = 0;
  s[at + WINDOW] = 0;
}
