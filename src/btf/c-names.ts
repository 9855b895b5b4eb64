import type { Btf } from './btf.ts';
import type { BtfType } from './types.ts';

/**
 * Names for C: BTF may hold several types of one name, C may not. The second one printed gets
 * `___2` behind its name, as with bpftool. Tags (`struct x`) and identifiers (typedefs,
 * enumerators) are apart, as in C.
 */
export class CNames {
  readonly #btf: Btf;
  readonly #names = new Map<number, string>();
  readonly #tags = new Map<string, number>();
  readonly #identifiers = new Map<string, number>();

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  /** Name of a type, '' if it is anonymous. */
  of(id: number): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const type = this.#btf.type(id);
    const taken = type.kind === 'typedef' ? this.#identifiers : this.#tags;
    const name = !type.name || isDeclarationOnly(type) ? type.name : unique(taken, type.name);
    this.#names.set(id, name);
    return name;
  }

  /** Name for an enumerator that is being printed. */
  enumerator(name: string): string {
    return unique(this.#identifiers, name);
  }
}

/** Types that only say a name exists: they share it with the definition. */
function isDeclarationOnly(type: BtfType): boolean {
  return type.kind === 'fwd' || (type.kind === 'enum' && type.values.length === 0);
}

function unique(taken: Map<string, number>, name: string): string {
  const count = (taken.get(name) ?? 0) + 1;
  taken.set(name, count);
  return count > 1 ? `${name}___${count}` : name;
}
