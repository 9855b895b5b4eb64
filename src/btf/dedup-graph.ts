import type { Btf } from './btf.ts';
import { enumKey, leafKey } from './dedup-keys.ts';
import type { CanonicalMap } from './dedup-map.ts';
import type { BtfComposite, BtfEnum, BtfEnum64, BtfForward, BtfType } from './types.ts';

/** 'conflict': equal but for a declaration in the base, which must not change. */
export type Equivalence = 'equal' | 'different' | 'conflict';

/**
 * Compares the graphs that two types span: everything reachable must be equal in pairs, where a
 * forward declaration equals a definition of its name. Types of the canonical graph are assumed to
 * equal those they were first met with; that assumption is what ends cycles.
 *
 * The rules are those of libbpf (`btf_dedup_is_equiv`), so that what it merges is merged here.
 */
export class GraphComparison {
  readonly #btf: Btf;
  readonly #map: CanonicalMap;
  /** Canonical id → candidate id it is assumed to equal, in the order they were met. */
  readonly #assumed = new Map<number, number>();
  /** Pairs to compare, candidate before canonical; the last one is next. */
  readonly #open: number[] = [];
  /** Pairs of structs that are known to be twins or not. */
  readonly #twins = new Map<number, boolean>();
  #conflict = false;

  constructor(btf: Btf, map: CanonicalMap) {
    this.#btf = btf;
    this.#map = map;
  }

  compare(candidate: number, canonical: number): Equivalence {
    this.#assumed.clear();
    this.#open.length = 0;
    this.#conflict = false;
    this.#open.push(candidate, canonical);
    while (this.#open.length > 0) {
      const right = this.#open.pop()!;
      const left = this.#open.pop()!;
      if (!this.#pair(left, right)) return 'different';
    }
    return this.#conflict ? 'conflict' : 'equal';
  }

  /**
   * Keeps what the last comparison found out: forward declarations stand for the definitions they
   * were met with, and structs inside of the compared ones for their counterparts.
   */
  keep(): void {
    for (const [canonical, candidate] of this.#assumed) {
      const left = this.#map.resolve(candidate);
      const right = this.#map.resolve(canonical);
      const leftKind = this.#btf.type(left).kind;
      const rightKind = this.#btf.type(right).kind;
      if (leftKind !== 'fwd' && rightKind === 'fwd') this.#map.set(right, left);
      if (this.#conflict) continue;
      if (leftKind === 'fwd' && rightKind !== 'fwd') this.#map.set(left, right);
      const composite = leftKind === 'struct' || leftKind === 'union';
      if (composite && rightKind !== 'fwd' && this.#map.has(right) && !this.#map.has(left)) {
        this.#map.set(left, right);
      }
    }
  }

  #pair(left: number, right: number): boolean {
    if (this.#map.resolve(left) === this.#map.resolve(right)) return true;
    const canonical = this.#definitionOf(right);
    const assumed = this.#assumed.get(canonical);
    if (assumed !== undefined) return assumed === left || this.#isTwin(assumed, left);
    this.#assumed.set(canonical, left);
    return this.#compareTypes(this.#btf.type(left), this.#btf.type(canonical));
  }

  /** What a forward declaration was resolved to, or the type itself. */
  #definitionOf(id: number): number {
    if (this.#btf.type(id).kind !== 'fwd') return id;
    const resolved = this.#map.resolve(id);
    return this.#btf.type(resolved).kind === 'fwd' ? id : resolved;
  }

  /**
   * Compilers describe one type twice at times, for different members of a struct. Such arrays,
   * structs and pointers are equal down to the ids they refer to.
   */
  #isTwin(first: number, second: number): boolean {
    const a = this.#btf.type(first);
    const b = this.#btf.type(second);
    if (a.kind === 'ptr' && b.kind === 'ptr') return a.type === b.type;
    return this.#isTwinArray(a, b) || this.#isTwinComposite(a, b);
  }

  #isTwinArray(a: BtfType, b: BtfType): boolean {
    if (a.kind !== 'array' || b.kind !== 'array') return false;
    return a.type === b.type && a.indexType === b.indexType && a.count === b.count;
  }

  #isTwinComposite(a: BtfType, b: BtfType): boolean {
    if (!isComposite(a) || !isComposite(b) || !sameShape(a, b)) return false;
    const pair = a.id * this.#btf.count + b.id;
    const known = this.#twins.get(pair);
    if (known !== undefined) return known;
    this.#twins.set(pair, true);
    const twins = this.#haveTwinMembers(a, b);
    this.#twins.set(pair, twins);
    return twins;
  }

  #haveTwinMembers(a: BtfComposite, b: BtfComposite): boolean {
    return a.members.every(({ type: id }, i) => {
      const other = b.members[i]!.type;
      if (id === other) return true;
      const [inner, outer] = [this.#btf.type(id), this.#btf.type(other)];
      return this.#isTwinArray(inner, outer) || this.#isTwinComposite(inner, outer);
    });
  }

  /** Compares two types but for what they refer to, which is left to do. */
  #compareTypes(left: BtfType, right: BtfType): boolean {
    if (left.name !== right.name) return false;
    if (left.kind === 'fwd' && right.kind !== 'fwd') return left.of === right.kind;
    if (right.kind === 'fwd' && left.kind !== 'fwd') return this.#candidateDefines(left, right);
    switch (left.kind) {
      case 'void':
        return right.kind === 'void';
      case 'int':
      case 'float':
      case 'fwd':
        return leafKey(left) === leafKey(right);
      case 'enum':
      case 'enum64':
        return left.kind === right.kind && areCompatibleEnums(left, right as BtfEnum | BtfEnum64);
      case 'struct':
      case 'union':
        return isComposite(right) && sameShape(left, right) && this.#later(left, right);
      default:
        return this.#compareReferences(left, right);
    }
  }

  #candidateDefines(left: BtfType, right: BtfForward): boolean {
    if (left.kind !== right.of) return false;
    if (right.id < this.#btf.firstOwnId) this.#conflict = true;
    return true;
  }

  #compareReferences(left: BtfType, right: BtfType): boolean {
    switch (left.kind) {
      case 'ptr':
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
        return left.kind === right.kind && this.#push(left.type, right.type);
      case 'func':
        return (
          left.kind === right.kind &&
          left.linkage === right.linkage &&
          this.#push(left.type, right.type)
        );
      case 'array':
        if (left.kind !== right.kind || left.count !== right.count) return false;
        this.#push(left.type, right.type);
        return this.#push(left.indexType, right.indexType);
      case 'func_proto':
        if (left.kind !== right.kind || left.params.length !== right.params.length) return false;
        for (let i = left.params.length - 1; i >= 0; i--) {
          const [a, b] = [left.params[i]!, right.params[i]!];
          if (a.name !== b.name) return false;
          this.#push(a.type, b.type);
        }
        return this.#push(left.returns, right.returns);
      default:
        return this.#btf.fail(left.id, `a ${left.kind} can not be part of another type`);
    }
  }

  #push(left: number, right: number): true {
    this.#open.push(left, right);
    return true;
  }

  /** Leaves the types of members to do, the first one first. */
  #later(left: BtfComposite, right: BtfComposite): true {
    for (let i = left.members.length - 1; i >= 0; i--) {
      this.#push(left.members[i]!.type, right.members[i]!.type);
    }
    return true;
  }
}

function isComposite(type: BtfType): type is BtfComposite {
  return type.kind === 'struct' || type.kind === 'union';
}

/** True if kind, name, size and the names and places of members are the same. */
function sameShape(a: BtfComposite, b: BtfComposite): boolean {
  return (
    a.kind === b.kind &&
    a.name === b.name &&
    a.size === b.size &&
    a.members.length === b.members.length &&
    a.members.every(({ name, bitOffset, bitSize }, i) => {
      const other = b.members[i]!;
      return name === other.name && bitOffset === other.bitOffset && bitSize === other.bitSize;
    })
  );
}

/** Equal, or one of them only declares the name. */
function areCompatibleEnums(a: BtfEnum | BtfEnum64, b: BtfEnum | BtfEnum64): boolean {
  if (a.values.length === 0 || b.values.length === 0) return true;
  return enumKey(a) === enumKey(b);
}
