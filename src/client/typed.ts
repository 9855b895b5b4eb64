/**
 * Types of an object that is imported: `import counter from './counter.bpf.o'` gives its bytes, and
 * the declaration beside the file (`beeyard gen types`) says what is in it.
 */
import type { BtfInput, BtfValue } from '../btf/index.ts';
import type { MapView } from '../kernel/index.ts';
import type { Live, ViewOptions, WritableLive } from './live/index.ts';
import type { MapOf, MapRecord } from './map.ts';
import type { Program } from './program.ts';

/** What an object has: programs and maps as they are once loaded, values of its globals. */
export interface ObjectShape {
  readonly programs: object;
  readonly maps: object;
  /** By name; `readonly` ones are constants, which only `load` can set. */
  readonly globals: object;
}

/** An object whose programs, maps and globals are not known when the TypeScript is compiled. */
export interface AnyObject extends ObjectShape {
  readonly programs: Readonly<Record<string, Program>>;
  readonly maps: Readonly<Record<string, MapOf>>;
  readonly globals: Record<string, BtfValue>;
}

/** Only a key for types to meet at: no value has it. */
declare const shape: unique symbol;

/**
 * The bytes of an object file, with what is in it as a type.
 *
 * ```ts
 * declare const counter: TypedObject<{
 *   programs: { count: Program<'xdp'> };
 *   maps: { flows: MapOf<number, { packets: bigint }, Ipv4> };
 *   globals: { readonly limit: bigint };
 * }>;
 * ```
 */
export interface TypedObject<Shape extends ObjectShape = AnyObject> extends Uint8Array {
  readonly [shape]?: Shape;
}

/**
 * What is taken where a value of type `T` comes out: members and elements may be left out (they
 * become zero), and arrays may be given as their bytes.
 */
export type Input<T> = BtfValue extends T ? BtfInput : InputOf<T>;

type InputOf<T> = T extends Uint8Array
  ? T
  : T extends readonly (infer Item)[]
    ? readonly InputOf<Item>[] | Uint8Array
    : T extends object
      ? // Text has a length as well: without `object` it would be a struct with such a member.
        { readonly [Member in keyof T]?: InputOf<T[Member]> } & object
      : T;

/** Names of globals that can be set after loading. */
export type WritableName<Globals> = {
  [Name in keyof Globals]-?: Same<
    { [One in Name]: Globals[One] },
    { -readonly [One in Name]: Globals[One] }
  > extends true
    ? Name
    : never;
}[keyof Globals];

/** `readonly` counts here, other than for assignments. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** '10.0.0.1': what keys of 4 bytes take too. */
export type Ipv4 = `${number}.${number}.${number}.${number}`;
/** 'fe80::1' or '10.0.0.1': what keys of 16 bytes take too. */
export type Address = Ipv4 | `${string}:${string}`;
/** '10.0.0.0/8' or '10.0.0.1': what keys of LPM tries over IPv4 take too. */
export type Ipv4Prefix = Ipv4 | `${Ipv4}/${number}`;
/** 'fe80::/10', 'fe80::1' or either for IPv4: what keys of LPM tries over IPv6 take too. */
export type AddressPrefix = Address | `${Address}/${number}`;

/** What every map has. */
type MapBase = Pick<MapOf, 'name' | 'spec' | 'kernelMap'>;

/** A map with a value per CPU: `get` gives them all, `set` takes them all, or one for all. */
export type PerCpuMap<K, V, KeyText extends string = never> = MapOf<
  K,
  V[],
  KeyText,
  Input<V> | readonly Input<V>[] | Uint8Array
>;

/** A map of maps or of programs: reads as the ids of what is in it. */
export type ObjectMap<K, KeyText extends string = never> = MapOf<K, number, KeyText, never>;

/** A queue, stack or bloom filter: values without keys. */
export type Queue<V> = MapBase & Pick<MapOf<undefined, V>, 'push' | 'pop'>;

/** A user ring buffer: records go to programs. */
export type UserRing = MapBase & Pick<MapOf, 'produce'>;

/** An arena: memory that programs and user space share. `Variables`: those of address space 1. */
export interface Arena<Variables = {}> extends MapBase {
  view(options?: ViewOptions): MapView;
  viewOf<Name extends keyof Variables & string>(
    name: Name,
    options: { readonly write: true },
  ): WritableLive<Variables[Name]>;
  viewOf<Name extends keyof Variables & string>(
    name: Name,
    options?: ViewOptions,
  ): Live<Variables[Name]>;
}

/**
 * A ring buffer or perf event array. `Records` are the structs of the object by name: what `type`
 * may be, and what the records then are.
 */
export interface RecordMap<Records> extends MapBase {
  drain(): MapRecord<Uint8Array>[];
  drain<Name extends keyof Records & string>(type: Name): MapRecord<Records[Name]>[];
  records(options?: { readonly signal?: AbortSignal }): AsyncGenerator<MapRecord<Uint8Array>>;
  records<Name extends keyof Records & string>(options: {
    readonly signal?: AbortSignal;
    readonly type: Name;
  }): AsyncGenerator<MapRecord<Records[Name]>>;
}
