import type { Btf, BtfReference, BtfType } from '../../btf/index.ts';

/** A type and the BTF it is in. */
export interface TypeRef {
  readonly btf: Btf;
  readonly id: number;
}

/**
 * Why two types of one global name do not go together, or undefined if they do: the rules of
 * libbpf's linker. Structs must have the same members at the same places; behind pointers only
 * kinds and names count, and a forward declaration goes with the full type. Names of parameters,
 * lengths of arrays and how integers are encoded do not matter.
 */
export function typeMismatch(a: TypeRef, b: TypeRef): string | undefined {
  return new Comparison(a.btf, b.btf).compare(a.id, b.id, true);
}

type Same<K extends BtfType['kind']> = Extract<BtfType, { readonly kind: K }>;

class Comparison {
  readonly #a: Btf;
  readonly #b: Btf;
  /** Pairs that were looked at: types may be shared many times over. */
  readonly #seen = new Set<string>();

  constructor(a: Btf, b: Btf) {
    this.#a = a;
    this.#b = b;
  }

  /** `exact`: by value; otherwise seen through a pointer. */
  compare(idA: number, idB: number, exact: boolean): string | undefined {
    const a = bare(this.#a, idA);
    const b = bare(this.#b, idB);
    const key = `${a.id} ${b.id} ${exact}`;
    if (this.#seen.has(key)) return undefined;
    this.#seen.add(key);
    if (!exact && (a.kind === 'fwd') !== (b.kind === 'fwd')) return forwardMismatch(a, b);
    if (a.kind !== b.kind) return `one is ${said(a)}, the other ${said(b)}`;
    return nameMismatch(a, b) ?? this.#compareKind(a, b, exact);
  }

  #compareKind(a: BtfType, b: BtfType, exact: boolean): string | undefined {
    switch (a.kind) {
      case 'int':
      case 'float':
      case 'enum':
      case 'enum64':
        return sizeMismatch(a, b as typeof a);
      case 'ptr':
        return this.compare(a.type, (b as BtfReference).type, false);
      case 'array':
        return this.compare(a.type, (b as Same<'array'>).type, exact);
      case 'func':
      case 'var':
        return (
          linkageMismatch(a, b as typeof a) ?? this.compare(a.type, (b as typeof a).type, exact)
        );
      case 'struct':
      case 'union':
        return exact ? this.#members(a, b as Same<'struct' | 'union'>) : undefined;
      case 'func_proto':
        return this.#prototypes(a, b as Same<'func_proto'>, exact);
      case 'void':
      case 'fwd':
        return undefined;
      default:
        return `${said(a)} can not be compared`;
    }
  }

  #members(a: Same<'struct' | 'union'>, b: typeof a): string | undefined {
    const [countA, countB] = [a.members.length, b.members.length];
    if (countA !== countB) return `${said(a)} has ${countA} members in one, ${countB} in the other`;
    for (const [i, one] of a.members.entries()) {
      const other = b.members[i]!;
      if (one.name !== other.name) {
        return `member ${i} of ${said(a)} is '${one.name}' in one, '${other.name}' in the other`;
      }
      if (one.bitOffset !== other.bitOffset || one.bitSize !== other.bitSize) {
        return `member '${one.name}' of ${said(a)} is at different places`;
      }
      const reason = this.compare(one.type, other.type, true);
      if (reason) return `member '${one.name}' of ${said(a)}: ${reason}`;
    }
    return undefined;
  }

  #prototypes(a: Same<'func_proto'>, b: typeof a, exact: boolean): string | undefined {
    const [countA, countB] = [a.params.length, b.params.length];
    if (countA !== countB) return `one takes ${countA} parameters, the other ${countB}`;
    for (const [i, one] of a.params.entries()) {
      const reason = this.compare(one.type, b.params[i]!.type, exact);
      if (reason) return `parameter ${i + 1}: ${reason}`;
    }
    const reason = this.compare(a.returns, b.returns, exact);
    return reason && `what it returns: ${reason}`;
  }
}

/** The type under modifiers and typedefs. */
const bare = (btf: Btf, id: number): BtfType => btf.resolved(id);

/** Kind and name for a message: "struct 'flow'". */
function said(type: BtfType): string {
  if (type.kind === 'void') return 'void';
  return type.name ? `${type.kind} '${type.name}'` : `an unnamed ${type.kind}`;
}

const NAMED = new Set<BtfType['kind']>(['struct', 'union', 'enum', 'enum64', 'fwd', 'func', 'var']);

function nameMismatch(a: BtfType, b: BtfType): string | undefined {
  if (!NAMED.has(a.kind) || a.name === b.name) return undefined;
  return `one is ${said(a)}, the other ${said(b)}`;
}

function sizeMismatch(
  a: { readonly kind: string; readonly name: string; readonly size: number },
  b: { readonly name: string; readonly size: number },
): string | undefined {
  if (a.size === b.size) return undefined;
  return `${a.kind} '${a.name}' of ${a.size} bytes in one, '${b.name}' of ${b.size} in the other`;
}

function linkageMismatch(a: Same<'func' | 'var'>, b: Same<'func' | 'var'>): string | undefined {
  if ((a.linkage === 'static') === (b.linkage === 'static')) return undefined;
  return `${said(a)} is static in one and not in the other`;
}

function forwardMismatch(a: BtfType, b: BtfType): string | undefined {
  if (a.name !== b.name) return `one is ${said(a)}, the other ${said(b)}`;
  const [forward, whole] = a.kind === 'fwd' ? [a, b] : [b as Same<'fwd'>, a];
  if (forward.of === whole.kind) return undefined;
  return `'${a.name}' is declared as a ${forward.of} and defined as ${said(whole)}`;
}
