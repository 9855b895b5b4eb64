import type { WildcardField } from '../../abi/wildcard.ts';
import {
  type Input,
  type MapOf,
  type MapValue,
  parseAddress,
  parsePrefix,
} from '../../client/index.ts';

/**
 * What a rule says of a field:
 *
 * - prefix: '10.0.0.0/8', '2001:db8::/32', an address, or [value, bits]
 * - range: [least, most], or one value
 * - match, wildcard_match: a value
 *
 * Fields that are left out match everything (but those of kind match, which must be given).
 */
export type FieldRule = string | number | bigint | readonly [number | bigint, number | bigint];

/** Fields by name, and the priority: the lowest number wins, the older of two. Default 0. */
export type Rule = { readonly priority?: number } & Readonly<Record<string, FieldRule>>;

/** A packet's fields by name: numbers, or addresses as text. */
export type Packet = Readonly<Record<string, string | number | bigint>>;

/** Keys are given as bytes, whatever their type is. */
type AnyMap<V> = MapOf<unknown, V> | MapOf<MapValue, V>;

const KEY_RULE = 0;
const KEY_ELEM = 1;
const PRIORITY_AT = 4;

/**
 * A wildcard map (see include/beeyard/wildcard.h) as rules by field name.
 *
 * @example
 * const rules = new WildcardRules(maps.rules);
 * rules.add({ saddr: '10.0.0.0/8', dport: [80, 443], priority: 10 }, { verdict: 2 });
 * rules.match({ saddr: '10.1.2.3', daddr: '10.0.0.1', dport: 80, proto: 6 });    // { verdict: 2 }
 */
export class WildcardRules<V = unknown> {
  readonly fields: readonly WildcardField[];
  readonly #map: AnyMap<V>;

  /** TypeError if it is no wildcard map. */
  constructor(map: AnyMap<V>) {
    const { fields, name } = map.spec;
    if (!fields) throw new TypeError(`map '${name}' is no wildcard map`);
    this.fields = fields;
    this.#map = map;
  }

  /** Adds a rule, or sets the value of one that is there. KernelError E2BIG if the map is full. */
  add(rule: Rule, value: Input<V> | Uint8Array): this {
    this.#map.set(this.ruleKey(rule), value);
    return this;
  }

  /** Takes a rule out; false if it was not there. */
  delete(rule: Rule): boolean {
    return this.#map.delete(this.ruleKey(rule));
  }

  /** Value of exactly that rule. */
  get(rule: Rule): V | undefined {
    return this.#map.get(this.ruleKey(rule));
  }

  /** Value of the best rule that covers the packet. */
  match(packet: Packet): V | undefined {
    return this.#map.get(this.packetKey(packet));
  }

  get size(): number {
    return this.#map.size;
  }

  /** Key of a rule, as bytes. RangeError if a field is not known or says what cannot be. */
  ruleKey(rule: Rule): Uint8Array {
    const bytes = this.#key(KEY_RULE, rule.priority ?? 0);
    const view = new DataView(bytes.buffer);
    this.#checkNames(rule, ['priority']);
    for (const field of this.fields) writeRule(view, field, rule[field.name]);
    return bytes;
  }

  /** Key of a packet, as bytes. RangeError if a field is missing or not known. */
  packetKey(packet: Packet): Uint8Array {
    const bytes = this.#key(KEY_ELEM, 0);
    const view = new DataView(bytes.buffer);
    this.#checkNames(packet, []);
    for (const field of this.fields) {
      const value = packet[field.name];
      if (value === undefined)
        throw new RangeError(`the packet's field '${field.name}' is missing`);
      write(view, field.element, field, numberOf(field, value));
    }
    return bytes;
  }

  /** Rules in the map's order, with their values. */
  *[Symbol.iterator](): IterableIterator<[Rule, V]> {
    for (const key of this.#map.rawKeys()) {
      const value = this.#map.get(key);
      if (value !== undefined) yield [this.#readRule(key), value];
    }
  }

  #key(type: number, priority: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#map.spec.keySize);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, type, true);
    view.setUint32(PRIORITY_AT, priority, true);
    return bytes;
  }

  #checkNames(given: object, also: readonly string[]): void {
    for (const name of Object.keys(given)) {
      const known = also.includes(name) || this.fields.some((field) => field.name === name);
      if (known) continue;
      const names = this.fields.map((field) => field.name).join(', ');
      throw new RangeError(`'${name}' is no field of map '${this.#map.name}' (${names})`);
    }
  }

  #readRule(key: Uint8Array): Rule {
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
    const fields = this.fields.map((field): [string, FieldRule] => {
      const value = read(view, field.value, field);
      if (field.kind === 'prefix') {
        return [field.name, [value, view.getUint32(field.second!, true)]];
      }
      if (field.kind !== 'range') return [field.name, value];
      return [field.name, [value, read(view, field.second!, field)]];
    });
    return { priority: view.getUint32(PRIORITY_AT, true), ...Object.fromEntries(fields) };
  }
}

/** A field of a rule; without a word on it, whatever covers everything. */
function writeRule(view: DataView, field: WildcardField, said: FieldRule | undefined): void {
  const bits = field.size * 8;
  const most = (1n << BigInt(bits)) - 1n;
  if (field.kind === 'prefix') {
    const [value, length] = said === undefined ? [0n, 0] : prefixOf(field, said);
    write(view, field.value, field, value);
    view.setUint32(field.second!, length, true);
  } else if (field.kind === 'range') {
    const [low, high] = said === undefined ? [0n, most] : rangeOf(field, said);
    write(view, field.value, field, low);
    write(view, field.second!, field, high);
  } else {
    if (said === undefined && field.kind === 'match') {
      throw new RangeError(`a rule needs field '${field.name}': it is matched exactly`);
    }
    write(view, field.value, field, said === undefined ? 0n : numberOf(field, said));
  }
}

function prefixOf(field: WildcardField, said: FieldRule): [bigint, number] {
  if (typeof said === 'string') {
    // As the key of an LPM trie: the length in front.
    const key = parsePrefix(said, 4 + field.size, true);
    if (!key) throw new RangeError(`field '${field.name}': '${said}' is no prefix`);
    return [numberOfBytes(key.subarray(4)), new DataView(key.buffer).getUint32(0, true)];
  }
  if (typeof said !== 'object') return [BigInt(said), field.size * 8];
  const [value, length] = said;
  if (!(length >= 0 && length <= field.size * 8)) {
    throw new RangeError(
      `field '${field.name}' has ${field.size * 8} bits, no prefix of ${length}`,
    );
  }
  return [BigInt(value), Number(length)];
}

function rangeOf(field: WildcardField, said: FieldRule): [bigint, bigint] {
  if (typeof said !== 'object') return [numberOf(field, said), numberOf(field, said)];
  const [low, high] = [BigInt(said[0]), BigInt(said[1])];
  if (low > high) throw new RangeError(`field '${field.name}': no range from ${low} to ${high}`);
  return [low, high];
}

function numberOf(field: WildcardField, said: FieldRule): bigint {
  if (typeof said === 'object') throw new RangeError(`field '${field.name}' takes one value`);
  if (typeof said !== 'string') return BigInt(said);
  const bytes = parseAddress(said, field.size);
  if (!bytes) throw new RangeError(`field '${field.name}': '${said}' is no address`);
  return numberOfBytes(bytes);
}

function numberOfBytes(bytes: Uint8Array): bigint {
  return bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

/** In network order. */
function write(view: DataView, at: number, { name, size }: WildcardField, value: bigint): void {
  if (value < 0n || value >= 1n << BigInt(size * 8)) {
    throw new RangeError(`field '${name}' has ${size} bytes, ${value} does not fit`);
  }
  for (let i = size - 1; i >= 0; i--, value >>= 8n) view.setUint8(at + i, Number(value & 255n));
}

function read(view: DataView, at: number, { size }: WildcardField): bigint {
  return numberOfBytes(new Uint8Array(view.buffer, view.byteOffset + at, size));
}
