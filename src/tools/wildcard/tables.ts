import type { WildcardField } from '../../abi/wildcard.ts';

/**
 * Rules in tables, as the map of the extension keeps them, worked out here for maps that every
 * Linux has (export.ts). A rule is two numbers a lane; a lane is a field, or half an IPv6 address.
 */

/** Bytes of a lane at most. */
const LANE = 8;
/** Rules behind one hash from which on they get a table with more bits. */
const CROWDED = 8;

/** One number of a field that is compared at once. */
export interface Lane {
  readonly field: WildcardField;
  /** Bytes. */
  readonly size: number;
  /** Bits of the field that stand in lanes before. */
  readonly before: number;
  /** Ranges are compared, not hashed. */
  readonly hashed: boolean;
}

/** Value and mask of a lane, or least and most. */
export type LaneRule = readonly [first: bigint, second: bigint];

export interface LaneRules {
  readonly lanes: readonly LaneRule[];
  readonly priority: number;
}

export interface RuleTable<R extends LaneRules> {
  /** A mask for each lane; 0 for ranges. */
  readonly masks: readonly bigint[];
  /** Rules by what the masks leave of them, in order of priority. */
  readonly chains: ReadonlyMap<string, readonly R[]>;
  /** Lowest priority number of its rules. */
  readonly best: number;
}

/** Lanes of fields, in order. */
export function lanesOf(fields: readonly WildcardField[]): Lane[] {
  return fields.flatMap((field) =>
    Array.from({ length: Math.ceil(field.size / LANE) }, (_, i) => ({
      field,
      size: Math.min(field.size, LANE),
      before: i * LANE * 8,
      hashed: field.kind !== 'range',
    })),
  );
}

/** Places of the lanes that are hashed. */
export const hashedLanes = (lanes: readonly Lane[]): number[] =>
  lanes.flatMap((lane, i) => (lane.hashed ? [i] : []));

/** The first `prefix` bits of a field, as a mask of one of its lanes. */
export function laneMask({ size, before }: Lane, prefix: number): bigint {
  const bits = size * 8;
  const set = Math.min(Math.max(prefix - before, 0), bits);
  return ((1n << BigInt(set)) - 1n) << BigInt(bits - set);
}

/** Tables for rules, the one with the best rule first. Rules of one priority keep their order. */
export function tablesOf<R extends LaneRules>(
  lanes: readonly Lane[],
  rules: readonly R[],
): RuleTable<R>[] {
  const tables = new Map<string, Draft<R>>();
  const ordered = [...rules].sort((a, b) => a.priority - b.priority);
  for (const rule of ordered) {
    const known = [...tables.values()].find((table) => suits(lanes, table.masks, rule));
    const masks = known?.masks ?? roomyMasks(lanes, rule);
    put(tables, masks, rule);
  }
  for (const table of tables.values()) thinOut(lanes, tables, table);
  return [...tables.values()]
    .filter(({ chains }) => chains.size > 0)
    .map(({ masks, chains }) => ({ masks, chains, best: bestOf(chains) }))
    .sort((a, b) => a.best - b.best);
}

interface Draft<R> {
  readonly masks: readonly bigint[];
  readonly chains: Map<string, R[]>;
}

function put<R extends LaneRules>(
  tables: Map<string, Draft<R>>,
  masks: readonly bigint[],
  rule: R,
): void {
  const name = masks.join();
  const table = tables.get(name) ?? { masks, chains: new Map<string, R[]>() };
  tables.set(name, table);
  const place = masks.map((mask, i) => rule.lanes[i]![0] & mask).join();
  const chain = table.chains.get(place) ?? [];
  table.chains.set(place, chain);
  chain.push(rule);
  chain.sort((a, b) => a.priority - b.priority);
}

const bestOf = <R extends LaneRules>(chains: ReadonlyMap<string, readonly R[]>): number =>
  [...chains.values()].reduce((best, [first]) => Math.min(best, first!.priority), Infinity);

/** Has the rule all bits of the table, and says nothing of fields that the table leaves out? */
function suits(
  lanes: readonly Lane[],
  masks: readonly bigint[],
  { lanes: of }: LaneRules,
): boolean {
  return lanes.every(({ hashed, before }, i) => {
    if (!hashed) return true;
    const [mask, own] = [masks[i]!, of[i]![1]];
    return mask === 0n ? before > 0 || own === 0n : (own & mask) === mask;
  });
}

/** Bits of a new table: of prefixes an eighth is left, so that other rules find room in it. */
function roomyMasks(lanes: readonly Lane[], { lanes: of }: LaneRules): bigint[] {
  return lanes.map((lane, i) => {
    if (!lane.hashed) return 0n;
    if (lane.field.kind !== 'prefix') return of[i]![1];
    const prefix = prefixLength(lanes, of, lane);
    return laneMask(lane, prefix - (prefix >> 3));
  });
}

/** Bits set in all lanes of a lane's field. */
function prefixLength(lanes: readonly Lane[], of: readonly LaneRule[], { field }: Lane): number {
  const own = of.filter((_, i) => lanes[i]!.field === field);
  return own.reduce((sum, [, mask]) => sum + bitCount(mask), 0);
}

const bitCount = (mask: bigint): number => mask.toString(2).replaceAll('0', '').length;

/** Rules that stand too close move to tables that hash all of their bits, where that helps. */
function thinOut<R extends LaneRules>(
  lanes: readonly Lane[],
  tables: Map<string, Draft<R>>,
  table: Draft<R>,
): void {
  for (const [place, chain] of table.chains) {
    if (chain.length <= CROWDED) continue;
    const exact = (rule: R) => lanes.map(({ hashed }, i) => (hashed ? rule.lanes[i]![1] : 0n));
    const stay = chain.filter((rule) => exact(rule).join() === table.masks.join());
    for (const rule of chain) if (!stay.includes(rule)) put(tables, exact(rule), rule);
    if (stay.length > 0) table.chains.set(place, stay);
    else table.chains.delete(place);
  }
}
