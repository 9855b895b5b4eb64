import type { WildcardField } from '../../abi/wildcard.ts';
import { joinBytes } from '../../base/index.ts';
import type { Rule, WildcardRules } from './rules.ts';
import { hashedLanes, type Lane, laneMask, type LaneRule, lanesOf, tablesOf } from './tables.ts';

/** Rules behind one hash at most: the loop over them has a bound. */
const MAX_CHAIN = 64;
const MAX_TABLES = 1024;

/** What goes into the maps of a classifier: keys and values as bytes, in their maps' order. */
export interface ClassifierContents {
  readonly tables: readonly Entry[];
  readonly buckets: readonly Entry[];
  readonly rules: readonly Entry[];
}

export type Entry = readonly [key: Uint8Array, value: Uint8Array];

export interface ClassifierOptions {
  /** Prefix of all names: 'acl' makes acl_classify() and the maps acl_tables, …  */
  readonly name: string;
  /** Bytes of a rule's value; default 8. */
  readonly valueSize?: number;
  /** Room for so many rules; default 100,000. */
  readonly maxRules?: number;
}

/**
 * BPF C that does what a wildcard map does with maps that Linux has (5.17 and newer): a header with
 * `struct NAME_packet` and `void *NAME_classify(struct NAME_packet *)`, which returns the value of
 * the best rule or NULL. `classifierContents` fills its maps.
 *
 * @example
 * await writeFile('acl.h', classifierSource(rules.fields, { name: 'acl' }));
 */
export function classifierSource(
  fields: readonly WildcardField[],
  { name, valueSize = 8, maxRules = 100_000 }: ClassifierOptions,
): string {
  const lanes = lanesOf(fields);
  const hashed = hashedLanes(lanes);
  const masked = hashed.map(
    (lane, i) => `  bucket.lanes[${i}] = search->lanes[${lane}] & table->masks[${i}];`,
  );
  const tests = lanes.map((lane, i) =>
    lane.hashed
      ? `  if ((lanes[${i}] & rule->second[${i}]) != rule->first[${i}]) return 0;`
      : `  if (lanes[${i}] < rule->first[${i}] || lanes[${i}] > rule->second[${i}]) return 0;`,
  );
  const names = fields.map((field) => field.name).join(', ');
  return `/* Made by beeyard (classifierSource): rules over ${names}. */
#ifndef ${name.toUpperCase()}_CLASSIFIER_H
#define ${name.toUpperCase()}_CLASSIFIER_H

/* A packet's fields, as on the wire. */
struct ${name}_packet {
${fields.map(packetMember).join('\n')}
} __attribute__((packed));

struct ${name}_rule {
  __u64 first[${lanes.length}];
  __u64 second[${lanes.length}];
  __u32 priority;
  /* Next rule of the same bucket, or 0. */
  __u32 next;
  __u8 value[${valueSize}] __attribute__((aligned(8)));
};

/* One way to mask fields; in order of their best rules. */
struct ${name}_table {
  __u64 masks[${hashed.length}];
  __u32 best;
  __u32 used;
};

struct ${name}_bucket {
  __u64 lanes[${hashed.length}];
  __u64 table;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, ${MAX_TABLES});
  __type(key, __u32);
  __type(value, struct ${name}_table);
} ${name}_tables SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, ${maxRules});
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct ${name}_bucket);
  __type(value, __u32);
} ${name}_buckets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, ${maxRules + 1});
  __type(key, __u32);
  __type(value, struct ${name}_rule);
} ${name}_rules SEC(".maps");

struct ${name}_search {
  __u64 lanes[${lanes.length}];
  void *found;
  __u32 best;
};

static __always_inline int ${name}_covers(const struct ${name}_rule *rule, const __u64 *lanes) {
${tests.join('\n')}
  return 1;
}

static long ${name}_look(__u32 index, void *context) {
  struct ${name}_search *search = context;
  struct ${name}_table *table = bpf_map_lookup_elem(&${name}_tables, &index);
  if (!table || !table->used || table->best >= search->best) return 1;
  struct ${name}_bucket bucket = {.table = index};
${masked.join('\n')}
  __u32 *head = bpf_map_lookup_elem(&${name}_buckets, &bucket);
  __u32 at = head ? *head : 0;
  for (int i = 0; i < ${MAX_CHAIN} && at; i++) {
    struct ${name}_rule *rule = bpf_map_lookup_elem(&${name}_rules, &at);
    if (!rule || rule->priority >= search->best) return 0;
    if (${name}_covers(rule, search->lanes)) {
      search->best = rule->priority;
      search->found = rule->value;
      return 0;
    }
    at = rule->next;
  }
  return 0;
}

/* The value of the rule with the lowest priority number that covers the packet, or NULL. */
static __always_inline void *${name}_classify(const struct ${name}_packet *packet) {
  struct ${name}_search search = {.best = 0xffffffff};
${lanes.map(laneAssignment).join('\n')}
  bpf_loop(${MAX_TABLES}, ${name}_look, &search, 0);
  return search.found;
}

#endif
`;
}

const INTEGERS: Readonly<Record<number, string>> = {
  1: '__u8',
  2: '__u16',
  4: '__u32',
  8: '__u64',
};

const packetMember = ({ name, size }: WildcardField): string =>
  size === 16 ? `  __u8 ${name}[16];` : `  ${INTEGERS[size]} ${name};`;

/** A lane is a number in host order; a field stands in the packet as on the wire. */
function laneAssignment({ field, size, before }: Lane, i: number): string {
  const at = field.size === 16 ? `*(__u64 *)&packet->${field.name}[${before / 8}]` : '';
  const value = at || `packet->${field.name}`;
  const host = size === 1 ? value : `__builtin_bswap${size * 8}(${value})`;
  return `  search.lanes[${i}] = ${host};`;
}

/**
 * What the maps of a classifier hold for these rules. RangeError if more than 64 rules differ in
 * ranges alone, or if there are too many ways to mask.
 *
 * @example
 * const { tables, buckets, rules } = classifierContents(wildcard, [[rule, value]]);
 * for (const [key, value] of tables) maps.acl_tables.set(key, value);
 */
export function classifierContents(
  wildcard: Pick<WildcardRules, 'fields' | 'ruleKey'>,
  given: Iterable<readonly [Rule, Uint8Array]>,
): ClassifierContents {
  const lanes = lanesOf(wildcard.fields);
  const all = Array.from(given, ([rule, value]) => ({
    lanes: laneRules(lanes, wildcard.ruleKey(rule)),
    priority: rule.priority ?? 0,
    value,
  }));
  const tables = tablesOf(lanes, all);
  if (tables.length > MAX_TABLES) {
    throw new RangeError(`the rules need ${tables.length} tables, there are ${MAX_TABLES}`);
  }
  const hashed = hashedLanes(lanes);
  const buckets: Entry[] = [];
  const rules: Entry[] = [];
  for (const [index, { masks, chains }] of tables.entries()) {
    for (const chain of chains.values()) {
      if (chain.length > MAX_CHAIN) {
        const text = `${chain.length} rules differ in ranges alone: at most ${MAX_CHAIN} may`;
        throw new RangeError(text);
      }
      const left = hashed.map((lane) => chain[0]!.lanes[lane]![0] & masks[lane]!);
      buckets.push([words(...left, BigInt(index)), u32(rules.length + 1)]);
      for (const [place, rule] of chain.entries()) {
        const number = rules.length + 1;
        rules.push([u32(number), ruleBytes(rule, place + 1 < chain.length ? number + 1 : 0)]);
      }
    }
  }
  return { tables: tables.map((table, i) => [u32(i), tableBytes(table, hashed)]), buckets, rules };
}

/** The same as commands for `bpftool batch file`. `name` as given to `classifierSource`. */
export function bpftoolBatch({ tables, buckets, rules }: ClassifierContents, name: string): string {
  const text = (bytes: Uint8Array) => [...bytes].join(' ');
  // Rules first and tables last: who looks meanwhile finds nothing that is not there yet.
  const maps: [string, readonly Entry[]][] = [
    ['rules', rules],
    ['buckets', buckets],
    ['tables', tables],
  ];
  const lines = maps.flatMap(([map, entries]) =>
    entries.map(
      ([key, value]) => `map update name ${name}_${map} key ${text(key)} value ${text(value)}`,
    ),
  );
  return `${lines.join('\n')}\n`;
}

/** A rule's key, lane by lane. */
function laneRules(lanes: readonly Lane[], key: Uint8Array): LaneRule[] {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const number = (at: number, size: number) =>
    key.subarray(at, at + size).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return lanes.map((lane): LaneRule => {
    const { field, size, before } = lane;
    const value = number(field.value + before / 8, size);
    if (field.kind === 'range') return [value, number(field.second!, size)];
    const whole = field.size * 8;
    const prefix = field.kind === 'prefix' ? view.getUint32(field.second!, true) : whole;
    const missing = field.kind === 'wildcard_match' && value === 0n;
    const mask = missing ? 0n : laneMask(lane, prefix);
    return [value & mask, mask];
  });
}

function ruleBytes(
  rule: { lanes: readonly LaneRule[]; priority: number; value: Uint8Array },
  next: number,
): Uint8Array {
  const numbers = words(...rule.lanes.map(([first]) => first), ...rule.lanes.map((one) => one[1]));
  const padding = new Uint8Array((8 - (rule.value.length % 8)) % 8);
  return joinBytes([numbers, u32(rule.priority), u32(next), rule.value, padding]);
}

const tableBytes = (
  { masks, best }: { masks: readonly bigint[]; best: number },
  hashed: readonly number[],
): Uint8Array => joinBytes([words(...hashed.map((lane) => masks[lane]!)), u32(best), u32(1)]);

const words = (...values: bigint[]): Uint8Array =>
  new Uint8Array(BigUint64Array.from(values).buffer);
const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
