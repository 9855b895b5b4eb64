/**
 * Objects of JavaScript in a saved machine: sockets, packets that wait, cards. A class says what of
 * an object is kept (`Kept`); references between objects, also in circles, stay what they are. What
 * every machine has by itself (the stack, a device, a program) is a root, known by name.
 */
import { FormatError } from '../../base/index.ts';
import { refuse } from '../errno.ts';
import type { EventQueue, PendingEvent } from '../../runtime/index.ts';

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Asks for what was saved under a name. */
type Ask<Parts> = <Name extends keyof Parts>(name: Name) => Parts[Name];

/** How objects of a class are put into a file and come back. */
export interface Kept<One extends object, Parts extends object> {
  /** In the file. */
  readonly name: string;
  readonly of: { readonly prototype: One };
  save(one: One): Parts;
  /** An object as good as new. It may ask only for what does not lead back to it. */
  make(ask: Ask<Parts>, thaw: Thaw): One;
  /** Everything else. */
  fill?(one: One, parts: Parts, thaw: Thaw): void;
}

/** Classes of any kind. */
export type AnyKept = Kept<never, never>;

/** Says what `Parts` are by what `save` gives. */
export function kept<One extends object, Parts extends object>(
  how: Kept<One, Parts>,
): Kept<One, Parts> {
  return how;
}

/** A class whose fields are all public: those named are not kept. */
export function keptFields<One extends object>(
  name: string,
  of: { readonly prototype: One },
  without: readonly (keyof One & string)[] = [],
): Kept<One, Record<string, unknown>> {
  return {
    name,
    of,
    save: (one) =>
      Object.fromEntries(
        Object.entries(one).filter(([field]) => !(without as readonly string[]).includes(field)),
      ),
    make: () => Object.create(of.prototype) as One,
    fill(one, parts) {
      for (const field of without) Object.assign(one, { [field]: undefined });
      Object.assign(one, parts);
    },
  };
}

/** An object that a file names: 'dev pod1/eth0'. */
export type Roots = Iterable<readonly [name: string, object: object]>;

/** Members that say what an object of JSON stands for. */
const MARK = '$';
type Marked = { readonly [mark: string]: Json };

/** Puts objects into JSON. */
export class Freezer {
  readonly #kinds = new Map<unknown, AnyKept>();
  readonly #roots = new Map<object, string>();
  readonly #numbers = new Map<object, number>();
  readonly #nodes: object[] = [];
  readonly #events: EventQueue;
  /** Events that objects wait for. */
  readonly #found = new Set<PendingEvent>();

  constructor(kinds: Iterable<AnyKept>, events: EventQueue) {
    for (const kind of kinds) this.#kinds.set(kind.of.prototype, kind);
    this.#events = events;
  }

  addRoots(roots: Roots): void {
    for (const [name, object] of roots) this.#roots.set(object, name);
  }

  /** How many events were met. */
  get events(): number {
    return this.#found.size;
  }

  /** Throws KernelError EOPNOTSUPP for an object of a class that no file holds. */
  value(value: unknown): Json {
    if (typeof value === 'bigint') return { $big: value.toString() };
    if (typeof value === 'number' && !Number.isFinite(value)) return { $number: String(value) };
    if (typeof value === 'function') return null;
    if (typeof value !== 'object' || value === null) return (value ?? null) as Json;
    return this.#object(value);
  }

  #object(value: object): Json {
    const root = this.#roots.get(value);
    if (root !== undefined) return { $root: root };
    if (value instanceof Uint8Array) return { $bytes: toBase64(value) };
    if (value instanceof SharedArrayBuffer) return { $shared: toBase64(new Uint8Array(value)) };
    if (ArrayBuffer.isView(value)) return { $array: [value.constructor.name, bytesOf(value)] };
    if (Array.isArray(value)) return value.map((one) => this.value(one));
    if (value instanceof Map) {
      return { $map: [...value].map(([key, one]) => [this.value(key), this.value(one)]) };
    }
    if (value instanceof Set) return { $set: [...value].map((one) => this.value(one)) };
    const place = this.#events.placeOf(value as PendingEvent);
    if (place) {
      this.#found.add(value as PendingEvent);
      return { $event: [place.time, place.order] };
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (this.#kinds.has(prototype)) return { $ref: this.#number(value) };
    // An event that happened already, or was cancelled.
    if (typeof (value as Partial<PendingEvent>).cancel === 'function') return null;
    if (prototype === Object.prototype || prototype === null) return this.#plain(value);
    return refuse('EOPNOTSUPP', `no file holds a ${value.constructor.name}`);
  }

  #plain(value: object): Json {
    const entries = Object.entries(value)
      .map(([key, one]) => [key, this.value(one)] as const)
      .filter(([, one]) => one !== null);
    const marked = entries.some(([key]) => key.startsWith(MARK) || key === '__proto__');
    return marked ? { $object: entries } : Object.fromEntries(entries);
  }

  #number(value: object): number {
    let number = this.#numbers.get(value);
    if (number === undefined) {
      number = this.#nodes.length;
      this.#numbers.set(value, number);
      this.#nodes.push(value);
    }
    return number;
  }

  /** All objects that were met, and those met with them: their class and parts. */
  nodes(): Json {
    const nodes: Json[] = [];
    while (nodes.length < this.#nodes.length) {
      const node = this.#nodes[nodes.length]!;
      const kind = this.#kinds.get(Object.getPrototypeOf(node))!;
      nodes.push([kind.name, this.#plain((kind.save as unknown as (one: object) => object)(node))]);
    }
    return nodes;
  }
}

interface Alarm {
  readonly time: number;
  readonly order: number;
  readonly run: () => void;
  readonly set: (event: PendingEvent) => void;
}

/** Reads objects out of JSON. Whatever makes no sense is a FormatError. */
export class Thaw {
  readonly #kinds = new Map<string, AnyKept>();
  readonly #roots = new Map<string, object>();
  readonly #nodes: readonly Json[];
  readonly #made = new Map<number, object>();
  readonly #unfilled: (() => void)[] = [];
  readonly #last: (() => void)[] = [];
  readonly #alarms: Alarm[] = [];
  readonly #saved = new Map<PendingEvent, Omit<Alarm, 'run' | 'set'>>();
  readonly #making = new Set<number>();

  constructor(kinds: Iterable<AnyKept>, nodes: Json) {
    for (const kind of kinds) this.#kinds.set(kind.name, kind);
    this.#nodes = Array.isArray(nodes) ? nodes : fail('its objects are no list');
  }

  addRoots(roots: Roots): void {
    for (const [name, object] of roots) this.#roots.set(name, object);
  }

  /** A value with all that hangs on it. */
  value<Value>(json: Json): Value {
    const value = this.#read(json);
    for (let fill = this.#unfilled.pop(); fill; fill = this.#unfilled.pop()) fill();
    for (const action of this.#last.splice(0)) action();
    return value as Value;
  }

  /**
   * What was to happen to an object happens again, in the same order: `set` gets the event when all
   * objects are there. Nothing was to happen: nothing does.
   */
  arm(
    event: PendingEvent | undefined,
    run: () => void,
    set: (event: PendingEvent) => void = () => {},
  ): void {
    const saved = event && this.#saved.get(event);
    if (saved) this.#alarms.push({ ...saved, run, set });
  }

  /** The same for the event that is a member of an object: until then it has none. */
  armMember<Name extends string>(
    of: Record<Name, PendingEvent | undefined>,
    name: Name,
    run: () => void,
  ): void {
    const event = of[name];
    of[name] = undefined;
    this.arm(event, run, (again) => {
      of[name] = again;
    });
  }

  /** Does something when all objects of a value are there. */
  later(action: () => void): void {
    this.#last.push(action);
  }

  /** Puts the events into the queue. */
  startEvents(events: EventQueue): void {
    this.#alarms.sort((one, other) => one.order - other.order);
    for (const { time, run, set } of this.#alarms) set(events.at(time, run));
  }

  #read(json: Json): unknown {
    if (typeof json !== 'object' || json === null) return json ?? undefined;
    if (Array.isArray(json)) return (json as readonly Json[]).map((one) => this.#read(one));
    const object = json as Marked;
    const keys = Object.keys(object);
    if (keys.length === 1 && keys[0]!.startsWith(MARK)) return this.#marked(keys[0]!, object);
    return Object.fromEntries(keys.map((key) => [key, this.#read(object[key]!)]));
  }

  #marked(mark: string, object: Marked): unknown {
    const json = object[mark]!;
    switch (mark) {
      case '$big':
        return BigInt(json as string);
      case '$number':
        return Number(json);
      case '$bytes':
        return fromBase64(json as string);
      case '$shared':
        return sharedBytes(fromBase64(json as string));
      case '$array':
        return arrayOf(json as string[]);
      case '$map':
        return new Map(this.#pairs(json));
      case '$object':
        return Object.fromEntries(this.#pairs(json) as [string, unknown][]);
      case '$set':
        return new Set((json as Json[]).map((one) => this.#read(one)));
      case '$event':
        return this.#event(json as number[]);
      case '$root':
        return this.#roots.get(json as string) ?? fail(`there is no ${String(json)}`);
      case '$ref':
        return this.#node(json as number);
      default:
        return fail(`nothing is marked '${mark}'`);
    }
  }

  #pairs(json: Json): [unknown, unknown][] {
    return (json as Json[][]).map(([key, one]) => [this.#read(key!), this.#read(one!)]);
  }

  #event([time, order]: number[]): PendingEvent {
    if (!Number.isFinite(time) || !Number.isFinite(order)) fail('an event has no time');
    const event: PendingEvent = { time: time!, cancel: () => false };
    this.#saved.set(event, { time: time!, order: order! });
    return event;
  }

  #node(number: number): object {
    const there = this.#made.get(number);
    if (there) return there;
    const node = this.#nodes[number] as readonly [string, Marked] | undefined;
    const kind = Array.isArray(node) ? this.#kinds.get(node[0]) : undefined;
    if (!kind || typeof node![1] !== 'object') return fail(`there is no object ${number}`);
    if (this.#making.has(number)) fail(`object ${number} is made of itself`);
    this.#making.add(number);
    const how = kind as unknown as Kept<object, Record<string, unknown>>;
    const json = node![1];
    const made = how.make((name) => this.#read(json[name as string] ?? null), this);
    this.#making.delete(number);
    this.#made.set(number, made);
    this.#unfilled.push(() => how.fill?.(made, this.#read(json) as Record<string, unknown>, this));
    return made;
  }
}

function fail(reason: string): never {
  throw new FormatError('machine', 0, reason);
}

function sharedBytes(bytes: Uint8Array): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  return shared;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): string =>
  toBase64(new Uint8Array(buffer, byteOffset, byteLength));

const ARRAYS: Readonly<Record<string, new (bytes: ArrayBuffer) => object>> = {
  Uint16Array,
  Uint32Array,
  Int32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
};

function arrayOf([name, text]: readonly string[]): object {
  const Kind = ARRAYS[name!] ?? fail(`nothing is kept in a ${name}`);
  return new Kind(fromBase64(text!).buffer);
}

const PIECE = 0x8000;

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE) {
    text += String.fromCharCode(...Uint8Array.from(bytes.subarray(at, at + PIECE)));
  }
  return btoa(text);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
