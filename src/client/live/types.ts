import type { BtfValue } from '../../btf/index.ts';
import type { Input } from '../typed.ts';
import type { SharedView } from './share.ts';

/** What every view has. */
export interface LiveBase<T> extends Disposable {
  /** Whether the value is still there. */
  readonly $alive: boolean;
  /** The value as it is now, as `get` decodes it; special fields are zeros. */
  $copy(): T;
  /** To read it in another thread, with `openView`. Machines with `shared: true` only. */
  $share(): SharedView<T>;
}

/** An array where it is; `set` only if the view was asked for with `{ write: true }`. */
export interface LiveArray<T> extends LiveBase<T[]>, Iterable<LivePart<T>> {
  readonly length: number;
  /** The element at an index, from the end if it is negative; undefined beyond. */
  at(index: number): LivePart<T> | undefined;
  set(index: number, value: Input<T>): void;
  /** An integer element as a number: exact up to 2 ** 53, and nothing is allocated. */
  $number(index: number): number;
}

/** One number, name or text where it is. */
export interface LiveScalar<T> extends LiveBase<T> {
  readonly $value: T;
  /** An integer as a number: exact up to 2 ** 53, and nothing is allocated. */
  $number(): number;
}

/** A struct where it is: each access reads memory. */
export type LiveStruct<T> = LiveBase<T> & {
  /** An integer member as a number: exact up to 2 ** 53, and nothing is allocated. */
  $number(name: keyof T & string): number;
} & { readonly [Member in keyof T]: LivePart<T[Member]> };

/** A member of a view: numbers and text are values, structs and arrays are views. */
export type LivePart<T> = BtfValue extends T
  ? LiveUnknown
  : Extract<T, string | number | bigint | boolean> extends never
    ? T extends readonly (infer Item)[]
      ? LiveArray<Item>
      : LiveStruct<T>
    : T;

/** The live view of a value of type `T`, as `get` gives it: see `MapOf.view`. */
export type Live<T> = BtfValue extends T
  ? LiveUnknown
  : Extract<T, string | number | bigint | boolean> extends never
    ? LivePart<T>
    : LiveScalar<T>;

/** A view of a type that the compiler does not know. */
export type LiveUnknown = LiveBase<BtfValue> & {
  readonly $value: BtfValue;
  readonly length: number;
  at(index: number): LiveUnknown & BtfValue;
  $number(what?: string | number): number;
} & { readonly [member: string]: unknown };

type WritablePart<T> = BtfValue extends T
  ? LiveUnknown
  : Extract<T, string | number | bigint | boolean> extends never
    ? T extends readonly (infer Item)[]
      ? LiveArray<Item>
      : WritableStruct<T>
    : T;

type WritableStruct<T> = LiveBase<T> & {
  $number(name: keyof T & string): number;
} & { -readonly [Member in keyof T]: WritablePart<T[Member]> };

/** A view with which fields can be written: `v.limit = 3n`. */
export type WritableLive<T> = BtfValue extends T
  ? LiveUnknown & { [member: string]: unknown }
  : Extract<T, string | number | bigint | boolean> extends never
    ? WritablePart<T>
    : { -readonly [Member in keyof LiveScalar<T>]: LiveScalar<T>[Member] };
