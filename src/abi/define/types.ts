/** Kernel functions of one's own, described argument by argument. */

import type { BtfInput, BtfValue } from '../../btf/index.ts';

/** Numbers by the kernel's names. */
export type KfuncInt = 'bool' | 'u8' | 'u16' | 'u32' | 'u64' | 's8' | 's16' | 's32' | 's64';

interface Named {
  /** Name in C, without suffix. Default: what it is, numbered. */
  readonly name?: string;
}

interface Pointer extends Named {
  /** NULL will do. */
  readonly nullable?: boolean;
}

/** A number. */
export interface KfuncNumber extends Named {
  readonly int: KfuncInt;
  /** The verifier must know it. */
  readonly constant?: boolean;
}

/** An object of the kernel (or of `structs`), by the name of its struct. */
export interface KfuncObject extends Pointer {
  readonly ptr: string;
  /** It must be vouched for: from a hook or an acquiring function. */
  readonly trusted?: boolean;
  /** Being protected by RCU is enough. */
  readonly rcu?: boolean;
  /** The call takes the reference over. */
  readonly release?: boolean;
}

/** Memory of the program, which the function may read and write. */
export interface KfuncBuffer extends Pointer {
  readonly buf: true;
  /** Index (0-based) of the argument that is its length: the next one. */
  readonly sizeArg?: number;
  /** Or a fixed length in bytes. */
  readonly size?: number;
}

/** A constant string. */
export interface KfuncString extends Pointer {
  readonly string: true;
}

export type KfuncArg = KfuncNumber | KfuncObject | KfuncBuffer | KfuncString;

/** What it returns. */
export type KfuncReturn =
  | { readonly int: KfuncInt }
  | {
      readonly ptr: string;
      /** A new reference, which the program must release. */
      readonly acquire?: boolean;
      readonly nullable?: boolean;
    };

/** A struct of numbers, laid out as C does. */
export type KfuncStruct = Readonly<Record<string, KfuncInt>>;

/** An object in the memory of a machine. */
export interface KfuncView {
  readonly struct: string;
  readonly address: number;
  /** Its members as JavaScript values (see BtfValue). */
  get(): BtfValue;
  /** Replaces it; members left out become 0. */
  set(value: BtfInput): void;
  /** Its bytes, live until memory grows. */
  bytes(): Uint8Array;
}

/** What a body is given beside its arguments. */
export interface KfuncContext {
  /** CPU the program runs on. */
  readonly cpu: number;
  /** Clock of the machine in nanoseconds. */
  readonly now: bigint;
  /** A new object, zero but for `value`; it stays until `free`. */
  create(struct: string, value?: BtfInput): KfuncView;
  free(object: KfuncView): void;
}

/** The JavaScript value of an argument. Buffers are live views of the program's memory. */
export type KfuncValue<Arg> =
  | (Arg extends { readonly int: infer Int }
      ? Int extends 'bool'
        ? boolean
        : Int extends 'u64' | 's64'
          ? bigint
          : number
      : Arg extends { readonly ptr: string }
        ? KfuncView
        : Arg extends { readonly buf: true }
          ? Uint8Array
          : string)
  | (Arg extends { readonly nullable: true } ? null : never);

type KfuncValues<Args extends readonly KfuncArg[]> = {
  -readonly [I in keyof Args]: KfuncValue<Args[I]>;
};

/** What a body answers: a number for numbers, an object or null for pointers. */
export type KfuncResult = number | bigint | boolean | KfuncView | null | undefined | void;

/** What a machine runs when a program calls the function. */
export type KfuncBody<Args extends readonly KfuncArg[] = readonly KfuncArg[]> = (
  context: KfuncContext,
  ...args: KfuncValues<Args>
) => KfuncResult;

export interface KfuncOptions<Args extends readonly KfuncArg[] = readonly KfuncArg[]> {
  readonly args?: Args;
  /** Default: nothing. */
  readonly ret?: KfuncReturn;
  readonly sleepable?: boolean;
  /** Needs CAP_SYS_BOOT. */
  readonly destructive?: boolean;
  /** Program types ('xdp', 'tc') and operations ('sched_ext_ops.dispatch'). Default: all. */
  readonly programs?: readonly string[];
  /** Structs that the kernel does not have. */
  readonly structs?: Readonly<Record<string, KfuncStruct>>;
  /** What a machine runs; without it, programs see a kernel without the function. */
  readonly body?: KfuncBody<Args>;
}

/** A kernel function of one's own. */
export interface OwnKfunc extends Omit<KfuncOptions, 'body'> {
  readonly name: string;
  readonly args: readonly KfuncArg[];
  readonly body?: (context: KfuncContext, ...args: never[]) => KfuncResult;
}

/** How the kernel would be told: names with suffixes, flags, and what it has no words for. */
export interface KfuncSpelling {
  /** Names of the parameters in C. */
  readonly params: readonly string[];
  /** KF_* bits. */
  readonly flags: number;
  /** Declaration tags ('kfunc:…') by parameter; -1 is the function. */
  readonly tags: readonly (readonly [component: number, tag: string])[];
  /** What Linux 6.12 cannot be told, in words; empty: the definition is portable. */
  readonly notPortable: readonly string[];
}
