import type { Node } from './ast.ts';
import type { MapKind } from './builtins.ts';
import { Refusal, refuse } from './source-error.ts';
import type { StructType, Type } from './types.ts';

/** A compiled expression. */
export interface Expr {
  /** C of exactly `type`; for memory held by reference the pointer, or the memory if `place`. */
  readonly c: string;
  readonly type: Type;
  /** C names the memory itself: it can be assigned, or its address taken. */
  readonly place?: boolean;
  /** It is a bit field of this width. */
  readonly bits?: number;
  /** Why it must not be assigned. */
  readonly fixed?: string;
  /** Refers to memory of this function's stack. */
  readonly stack?: boolean;
  /** Holds a value that may change when it is evaluated twice. */
  readonly calls?: boolean;
  /** A whole .rodata variable: only its members may be read. */
  readonly volatile?: boolean;
  /** The value, where it is known when compiling and has a type. */
  readonly constant?: bigint;
  /** It is the variable of a loop over a range. */
  readonly counts?: boolean;
  /** The largest value it can have, where more is known than its type says. */
  readonly most?: bigint;
}

export interface Local {
  readonly kind: 'local';
  readonly name: string;
  readonly expr: Expr;
  readonly mutable: boolean;
}
export interface MapSymbol {
  readonly kind: 'map';
  readonly name: string;
  readonly map: MapKind;
  readonly key: Type;
  readonly value: Type;
}
export interface RingSymbol {
  readonly kind: 'ring';
  readonly name: string;
  readonly value: StructType;
}
export interface FunctionSymbol {
  readonly kind: 'function';
  readonly name: string;
  readonly params: readonly { readonly name: string; readonly type: Type }[];
  readonly result: Type;
}
export type Symbol =
  | Local
  | MapSymbol
  | RingSymbol
  | FunctionSymbol
  | { readonly kind: 'value'; readonly expr: Expr }
  | { readonly kind: 'type'; readonly type: Type; readonly bits?: number }
  | { readonly kind: 'builtin'; readonly name: string }
  | { readonly kind: 'program' }
  /** Declared further down. */
  | { readonly kind: 'later' }
  /** Its declaration was refused. */
  | { readonly kind: 'refused' };

/** Names of one block and of those around it. */
export class Scope {
  readonly parent: Scope | undefined;
  readonly #names = new Map<string, Symbol>();

  constructor(parent?: Scope) {
    this.parent = parent;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  set(name: string, symbol: Symbol): void {
    this.#names.set(name, symbol);
  }

  find(name: string): Symbol | undefined {
    return this.#names.get(name) ?? this.parent?.find(name);
  }

  /** Throws where the name means nothing, or nothing yet. */
  get(name: string, node: Node): Symbol {
    const found = this.find(name);
    if (!found) refuse(node, `there is no '${name}' here`, importHint(name));
    if (found.kind === 'refused') throw new Refusal();
    if (found.kind === 'later') refuse(node, `'${name}' is used before it is declared`);
    return found;
  }
}

const GLOBALS =
  /^(console|Math|JSON|Object|Array|Number|BigInt|String|Map|Set|Promise|Date|process)$/;

function importHint(name: string): string {
  if (name === 'console') return "write printk() of 'beeyard/bpf'";
  if (GLOBALS.test(name)) return 'a BPF program has no JavaScript library';
  return "declare it, or import it from 'beeyard/bpf'";
}
