import type { Btf } from './btf.ts';
import { BtfBuilder } from './build.ts';
import { GraphComparison } from './dedup-graph.ts';
import { compositeKey, enumKey, leafKey, referenceKey } from './dedup-keys.ts';
import { CanonicalMap } from './dedup-map.ts';
import { mapTypeIds } from './map-ids.ts';
import type { BtfComposite, BtfEnum, BtfEnum64, BtfType } from './types.ts';

/** What `dedupBtf` gives. */
export interface DedupResult {
  readonly btf: Btf;
  /** New id by old id. */
  readonly ids: Uint32Array;
}

/**
 * The same types, each only once: what the compiler said in every object is said once for all.
 * Structs and unions are equal if everything reachable from them is, and forward declarations
 * become the definitions that are met; variables and datasecs stay as they are. Of a split BTF only
 * its own types go, also in favour of those of the base. The rules are those of libbpf's
 * `btf__dedup`, so the types left are the same.
 *
 * Throws `FormatError` for types C can not have (a pointer that is reached from itself without a
 * struct on the way).
 *
 * @example
 * const { btf, ids } = dedupBtf(both);
 * btf.type(ids[oldId]!);
 */
export function dedupBtf(btf: Btf): DedupResult {
  const map = new Dedup(btf).run();
  const ids = new Uint32Array(btf.count);
  let next = btf.firstOwnId;
  for (let id = 0; id < btf.count; id++) {
    if (id < btf.firstOwnId) ids[id] = id;
    else if (map.isCanonical(id)) ids[id] = next++;
  }
  const newId = (id: number): number => ids[map.resolve(id)]!;
  const { littleEndian, base } = btf;
  const builder = new BtfBuilder(base ? { littleEndian, base } : { littleEndian });
  for (let id = btf.firstOwnId; id < btf.count; id++) {
    if (map.isCanonical(id)) builder.add(mapTypeIds(btf.type(id), newId));
  }
  return { btf: builder.build(), ids: ids.map((_, id) => newId(id)) };
}

/** A chain of pointers, arrays and functions longer than this is no C. */
const MAX_DEPTH = 1000;

class Dedup {
  readonly #btf: Btf;
  readonly #map: CanonicalMap;
  readonly #comparison: GraphComparison;
  /** Canonical types by key: of those with equal keys one is enough. */
  readonly #byKey = new Map<string, number>();
  readonly #composites = new Map<string, number[]>();
  readonly #enums = new Map<string, { declared?: number; newest: number }>();
  #depth = 0;

  constructor(btf: Btf) {
    this.#btf = btf;
    this.#map = new CanonicalMap(btf.count);
    this.#comparison = new GraphComparison(btf, this.#map);
  }

  run(): CanonicalMap {
    const { firstOwnId, count } = this.#btf;
    for (let id = 1; id < firstOwnId; id++) this.#addBase(this.#btf.type(id));
    this.#each(firstOwnId, count, (type) => this.#leaf(type));
    this.#each(firstOwnId, count, (type) => {
      if (type.kind === 'struct' || type.kind === 'union') this.#composite(type);
    });
    this.#resolveForwards();
    this.#each(firstOwnId, count, ({ id }) => this.#reference(id));
    return this.#map;
  }

  #each(first: number, end: number, visit: (type: BtfType) => void): void {
    for (let id = first; id < end; id++) visit(this.#btf.type(id));
  }

  /** Types of the base stand for themselves. */
  #addBase(type: BtfType): void {
    const { id } = type;
    this.#map.set(id, id);
    if (type.kind === 'enum' || type.kind === 'enum64') this.#addEnum(type);
    else if (type.kind === 'struct' || type.kind === 'union') {
      this.#candidates(compositeKey(type)).push(id);
    } else {
      const key = leafKey(type) || referenceKey(type, (to) => to);
      if (key && !this.#byKey.has(key)) this.#byKey.set(key, id);
    }
  }

  #leaf(type: BtfType): void {
    switch (type.kind) {
      case 'int':
      case 'float':
      case 'fwd':
        return this.#map.set(type.id, this.#sameOr(leafKey(type), type.id));
      case 'enum':
      case 'enum64':
        return this.#enum(type);
      case 'var':
      case 'datasec':
        return this.#map.set(type.id, type.id);
      default:
    }
  }

  /** The canonical type of that key; `id` becomes it if there is none. */
  #sameOr(key: string, id: number): number {
    const same = this.#byKey.get(key);
    if (same === undefined) this.#byKey.set(key, id);
    return same ?? id;
  }

  /** One that is only declared is the newest definition of its name, or becomes a later one. */
  #enum(type: BtfEnum | BtfEnum64): void {
    const named = this.#enums.get(type.name);
    if (named && type.values.length === 0) return this.#map.set(type.id, named.newest);
    const same = this.#byKey.get(enumKey(type));
    this.#map.set(type.id, same ?? type.id);
    if (same !== undefined) return;
    if (named?.declared !== undefined) this.#map.set(named.declared, type.id);
    this.#addEnum(type);
  }

  #addEnum(type: BtfEnum | BtfEnum64): void {
    const key = enumKey(type);
    if (!this.#byKey.has(key)) this.#byKey.set(key, type.id);
    const declared = type.values.length === 0 ? type.id : this.#enums.get(type.name)?.declared;
    const newest = type.id;
    this.#enums.set(type.name, declared === undefined ? { newest } : { declared, newest });
  }

  #candidates(key: string): number[] {
    let list = this.#composites.get(key);
    if (!list) this.#composites.set(key, (list = []));
    return list;
  }

  #composite(type: BtfComposite): void {
    if (this.#map.has(type.id)) return;
    const candidates = this.#candidates(compositeKey(type));
    const same = candidates.findLast((id) => {
      const outcome = this.#comparison.compare(type.id, id);
      if (outcome !== 'different') this.#comparison.keep();
      return outcome === 'equal';
    });
    this.#map.set(type.id, same ?? type.id);
    if (same === undefined) candidates.push(type.id);
  }

  /** A declaration that no comparison met is the only definition of its name, if there is one. */
  #resolveForwards(): void {
    const definitions = new Map<string, BtfType | undefined>();
    this.#each(1, this.#btf.count, (type) => {
      if (type.kind !== 'struct' && type.kind !== 'union') return;
      if (!this.#map.isCanonical(type.id)) return;
      definitions.set(type.name, definitions.has(type.name) ? undefined : type);
    });
    this.#each(this.#btf.firstOwnId, this.#btf.count, (type) => {
      if (type.kind !== 'fwd' || !this.#map.isCanonical(type.id)) return;
      const definition = definitions.get(type.name);
      if (definition?.kind === type.of) this.#map.set(type.id, definition.id);
    });
  }

  /** The canonical type of one that refers to others, which are found first. */
  #reference(id: number): number {
    if (this.#map.has(id)) return this.#map.resolve(id);
    if (++this.#depth > MAX_DEPTH) this.#btf.fail(id, 'types are nested too deep');
    const key = referenceKey(this.#btf.type(id), (to) => this.#reference(to));
    const same = this.#sameOr(key, id);
    this.#map.set(id, same);
    this.#depth--;
    return same;
  }
}
