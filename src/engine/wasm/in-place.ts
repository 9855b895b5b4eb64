import type { MapFacts, RingFacts } from './facts.ts';
import type { TransferContext } from './transfer.ts';
import { MAP_HANDLE_TAG } from './tags.ts';
import { type State, V_CONST, WORDS } from './values.ts';

/** Values and records up to this many bytes are copied piece by piece. */
const MAX_COPY = 128;
const MAX_RECORD = 0x3fffffff;
const BPF_EXIST = 2;
const UPDATE = 2;

/** Memory that compiled code reads itself: `size` bytes at argument `argument` (1 = r1). */
interface Read {
  readonly argument: number;
  readonly size: number;
}

/** What compiled code does itself at a call of a helper, with the constants among its arguments. */
export type InPlace =
  | { readonly what: 'lookup'; readonly map: MapFacts; readonly reads: readonly Read[] }
  | {
      readonly what: 'update';
      readonly map: MapFacts;
      readonly flags: number;
      readonly reads: readonly Read[];
    }
  | { readonly what: 'delete'; readonly map: MapFacts; readonly reads: readonly Read[] }
  | {
      readonly what: 'reserve';
      readonly map: MapFacts;
      readonly ring: RingFacts;
      readonly size: number;
      readonly reads: readonly Read[];
    }
  | {
      readonly what: 'commit';
      readonly flags: number;
      readonly discards: boolean;
      readonly reads: readonly Read[];
    }
  | {
      readonly what: 'output';
      readonly map: MapFacts;
      readonly ring: RingFacts;
      readonly size: number;
      readonly flags: number;
      readonly reads: readonly Read[];
    };

type Form = (t: TransferContext, s: State, base: number) => InPlace | undefined;

/** By helper id. */
const FORMS: Readonly<Record<number, Form>> = {
  1: lookup,
  [UPDATE]: update,
  3: erase,
  130: output,
  131: reserve,
  132: (t, s, base) => commit(t, s, base, false),
  133: (t, s, base) => commit(t, s, base, true),
};

const NOTHING: readonly Read[] = [];

/** What compiled code does itself at the helper call `i`; undefined: it calls the helper. */
export function inPlace(
  t: TransferContext,
  s: State,
  i: number,
  base: number,
): InPlace | undefined {
  const id = t.program.code.imm[i];
  if (FORMS[id] === undefined || t.world.helper(id)?.isRuntime !== true) return undefined;
  const form = FORMS[id](t, s, base);
  return form !== undefined && mayBeInPlace(t, form) ? form : undefined;
}

/**
 * What the helper called at `i` reads of what compiled code reads itself elsewhere. Slots are
 * chosen before all is known that they make known: should a call not be in place after all, what
 * it reads must be in memory.
 */
export function readsOfHelper(
  t: TransferContext,
  s: State,
  i: number,
  base: number,
): readonly Read[] {
  const id = t.program.code.imm[i];
  if (FORMS[id] === undefined) return NOTHING;
  const map = mapOf(t, s, base);
  const first = { argument: 2, size: map?.keySize || MAX_COPY };
  return id === UPDATE ? [first, { argument: 3, size: map?.valueSize ?? MAX_COPY }] : [first];
}

/** Who watches elements wants to know of each that is handed out, written or freed. */
function mayBeInPlace(t: TransferContext, form: InPlace): boolean {
  return t.world.options.watch !== true || (form.what === 'lookup' && form.map.isArray);
}

/** Address of the map whose handle variable `v` holds, if that is known. */
export function mapInVariable(t: TransferContext, s: State, v: number): number | undefined {
  const at = v * WORDS;
  if (s[at] !== V_CONST || s[at + 2] !== MAP_HANDLE_TAG) return undefined;
  return t.world.mapAt(s[at + 1]) === undefined ? undefined : s[at + 1];
}

/** The number below 2^31 in variable `v`, or undefined. */
function numberIn(s: State, v: number): number | undefined {
  const at = v * WORDS;
  return s[at] === V_CONST && s[at + 2] === 0 && s[at + 1] >= 0 ? s[at + 1] : undefined;
}

function mapOf(t: TransferContext, s: State, base: number): MapFacts | undefined {
  const address = mapInVariable(t, s, base + 1);
  return address === undefined ? undefined : t.world.mapAt(address);
}

function lookup(t: TransferContext, s: State, base: number): InPlace | undefined {
  const map = mapOf(t, s, base);
  if (map === undefined || !(map.isArray || map.hash !== undefined)) return undefined;
  return { what: 'lookup', map, reads: [{ argument: 2, size: map.keySize }] };
}

function update(t: TransferContext, s: State, base: number): InPlace | undefined {
  const map = mapOf(t, s, base);
  const flags = numberIn(s, base + 4);
  if (map?.hash === undefined || !(map.hash.lru || map.hash.table !== undefined)) return undefined;
  if (flags === undefined || flags > BPF_EXIST || map.valueSize > MAX_COPY) return undefined;
  const key = { argument: 2, size: map.keySize };
  return { what: 'update', map, flags, reads: [key, { argument: 3, size: map.valueSize }] };
}

function erase(t: TransferContext, s: State, base: number): InPlace | undefined {
  const map = mapOf(t, s, base);
  if (map?.hash?.table === undefined) return undefined;
  return { what: 'delete', map, reads: [{ argument: 2, size: map.keySize }] };
}

/** The ring in r1, if `size` bytes may ever fit. Checked code needs a region for each record. */
function ringFor(t: TransferContext, s: State, base: number, size: number): MapFacts | undefined {
  const map = mapOf(t, s, base);
  if (t.world.checks || map?.ring === undefined || size > MAX_RECORD) return undefined;
  return recordBytes(size) <= map.maxEntries ? map : undefined;
}

/** Bytes that a record takes in its ring. */
export function recordBytes(size: number): number {
  return (size + 8 + 7) & ~7;
}

function reserve(t: TransferContext, s: State, base: number): InPlace | undefined {
  const size = numberIn(s, base + 2);
  if (size === undefined || numberIn(s, base + 3) !== 0) return undefined;
  const map = ringFor(t, s, base, size);
  if (map === undefined) return undefined;
  return { what: 'reserve', map, ring: map.ring!, size, reads: NOTHING };
}

function commit(
  t: TransferContext,
  s: State,
  base: number,
  discards: boolean,
): InPlace | undefined {
  const flags = numberIn(s, base + 2);
  if (t.world.checks || t.world.rings.length === 0 || flags === undefined) return undefined;
  return { what: 'commit', flags, discards, reads: NOTHING };
}

function output(t: TransferContext, s: State, base: number): InPlace | undefined {
  const size = numberIn(s, base + 3);
  const flags = numberIn(s, base + 4);
  if (size === undefined || size > MAX_COPY || flags === undefined || flags > 3) return undefined;
  const map = ringFor(t, s, base, size);
  if (map === undefined) return undefined;
  return { what: 'output', map, ring: map.ring!, size, flags, reads: [{ argument: 2, size }] };
}
