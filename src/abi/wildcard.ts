/**
 * The key of a wildcard map (an extension), as include/beeyard/wildcard.h lays it out and as Linux
 * was to get it in 2022: the key's BTF type says which fields there are.
 */
import type { Btf, BtfMember } from '../btf/index.ts';

export type WildcardKind = 'prefix' | 'range' | 'match' | 'wildcard_match';

/** One field. Offsets are in bytes from the key's start, behind `type` and `priority`. */
export interface WildcardField {
  readonly name: string;
  readonly kind: WildcardKind;
  /** Bytes: 1, 2, 4, 8, and 16 unless it is a range. */
  readonly size: number;
  /** Where it is in the key of a packet. */
  readonly element: number;
  /** In the key of a rule: the value, or the least one. */
  readonly value: number;
  /** In the key of a rule: the u32 prefix length, or the greatest value. */
  readonly second: number | undefined;
}

/** Offset of `rule` and `elem` in a key. */
export const WILDCARD_FIELDS = 8;
const KINDS: readonly WildcardKind[] = ['prefix', 'range', 'match', 'wildcard_match'];
const SIZES = [1, 2, 4, 8, 16];
const MAX_FIELDS = 9;
/** Bytes of a lane: what is compared at once. */
const LANE = 8;

/** Fields of a key's type; undefined if it is no key of a wildcard map, or an impossible one. */
export function wildcardFields(btf: Btf, keyTypeId: number): WildcardField[] | undefined {
  const described = describedFields(btf, keyTypeId);
  if (!described || described.length === 0 || described.length > MAX_FIELDS) return undefined;
  let [element, rule] = [WILDCARD_FIELDS, WILDCARD_FIELDS];
  const fields: WildcardField[] = [];
  for (const { name, kind, size } of described) {
    const value = rule;
    const hasSecond = kind === 'prefix' || kind === 'range';
    if (kind === undefined || !SIZES.includes(size)) return undefined;
    if (size === 2 * LANE && kind === 'range') return undefined;
    fields.push({ name, kind, size, element, value, second: hasSecond ? rule + size : undefined });
    element += size;
    rule += size + (kind === 'prefix' ? 4 : kind === 'range' ? size : 0);
  }
  return rule <= btf.sizeOf(keyTypeId) ? fields : undefined;
}

interface Described {
  readonly name: string;
  readonly kind: WildcardKind | undefined;
  readonly size: number;
}

/** What `desc`, the key's first member, says: `int (*name)[kind << 8 | size]` for each field. */
function describedFields(btf: Btf, keyTypeId: number): Described[] | undefined {
  const key = btf.resolved(keyTypeId);
  if (key.kind !== 'struct' || key.members[0]?.name !== 'desc') return undefined;
  const array = btf.resolved(key.members[0].type);
  const desc = array.kind === 'array' ? btf.resolved(array.type) : array;
  if (desc.kind !== 'struct' || desc.members[0]?.name !== 'n_rules') return undefined;
  const fields = desc.members.slice(1).map((member) => {
    const said = numberOf(btf, member) ?? 0;
    return { name: member.name, kind: KINDS[said >> 8], size: said & 0xff };
  });
  return numberOf(btf, desc.members[0]) === fields.length ? fields : undefined;
}

function numberOf(btf: Btf, member: BtfMember): number | undefined {
  const pointer = btf.resolved(member.type);
  const array = pointer.kind === 'ptr' ? btf.resolved(pointer.type) : undefined;
  return array?.kind === 'array' ? array.count : undefined;
}

/** Fields as the runtime reads them: see src/runtime/maps/wildcard.ts. */
export function wildcardDescriptor(fields: readonly WildcardField[]): Uint32Array {
  const lanes = fields.flatMap((field) => {
    const count = Math.ceil(field.size / LANE);
    return Array.from({ length: count }, (_, lane) => laneWords(field, lane * LANE));
  });
  return Uint32Array.from([lanes.length, ...lanes.flat()]);
}

function laneWords({ kind, size, element, value, second }: WildcardField, at: number): number[] {
  const bytes = Math.min(size, LANE);
  const [packet, rule] = [element + at - WILDCARD_FIELDS, value + at - WILDCARD_FIELDS];
  const other = second === undefined ? 0 : second - WILDCARD_FIELDS;
  return [KINDS.indexOf(kind), packet, rule, other, bytes, at * 8, size * 8, 0];
}
