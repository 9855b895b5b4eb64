import type { Btf } from './btf.ts';
import { BtfBuilder } from './build.ts';
import { mapTypeIds } from './map-ids.ts';
import type { BtfComposite, BtfType } from './types.ts';

/** A member on the way to a field: by the id of its struct or union and its place in it. */
export interface BtfMemberPlace {
  readonly type: number;
  readonly index: number;
}

/**
 * What a program needs of a kernel's types.
 * - 'field': members from the root inwards; arrays and members without name between them are found
 * - 'type': that the type exists, its size, its id; what it points at too, without members
 * - 'match': the type as a whole, down to pointers
 * - 'enum': the values of an enum
 */
export type BtfUse =
  | { readonly what: 'field'; readonly type: number; readonly path: readonly BtfMemberPlace[] }
  | { readonly what: 'type' | 'match' | 'enum'; readonly type: number };

/**
 * Only what programs need of a kernel's types: CO-RE relocation against the result gives what it
 * gives against all of them (but for ids of types, which are others). Structs keep the members that
 * are accessed, at their places. The same types that `bpftool gen min_core_btf` keeps, in the same
 * order. A split BTF and its base become one.
 *
 * @example
 * const small = minimiseBtf(kernel, coreUses(object, kernel));
 */
export function minimiseBtf(btf: Btf, uses: Iterable<BtfUse>): Btf {
  const marks = new Marks(btf);
  for (const use of uses) marks.use(use);
  const ids = new Map([...marks.types].toSorted((a, b) => a - b).map((id, i) => [id, i + 1]));
  const builder = new BtfBuilder({ littleEndian: btf.littleEndian });
  for (const id of ids.keys()) {
    builder.add(mapTypeIds(marks.reduced(btf.type(id)), (to) => ids.get(to) ?? 0));
  }
  return builder.build();
}

class Marks {
  readonly types = new Set<number>();
  readonly #members = new Map<number, Set<number>>();
  readonly #wholeTypes = new Set<string>();
  readonly #btf: Btf;

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  use(use: BtfUse): void {
    switch (use.what) {
      case 'field':
        return this.#field(use.type, use.path);
      case 'match':
        return this.#match(use.type, false);
      default:
        return this.#type(use.type, use.what === 'type');
    }
  }

  /** The type with the members that are needed. */
  reduced(type: BtfType): BtfType {
    if (type.kind !== 'struct' && type.kind !== 'union') return type;
    const kept = this.#members.get(type.id);
    return { ...type, members: type.members.filter((_, index) => kept?.has(index)) };
  }

  #member(type: BtfComposite, index: number): number {
    let kept = this.#members.get(type.id);
    if (!kept) this.#members.set(type.id, (kept = new Set()));
    kept.add(index);
    return type.members[index]!.type;
  }

  /** A type and what it is made of, but for members. */
  #type(id: number, throughPointers: boolean): void {
    const key = `${id} ${throughPointers}`;
    if (id === 0 || this.#wholeTypes.has(key)) return;
    this.#wholeTypes.add(key);
    this.types.add(id);
    const type = this.#btf.type(id);
    if (type.kind === 'ptr' && !throughPointers) return;
    for (const part of partsOf(type)) this.#type(part, throughPointers);
  }

  #field(root: number, path: readonly BtfMemberPlace[]): void {
    this.#type(root, false);
    let from = root;
    for (const place of path) {
      for (const { type, index } of this.#chain(from, place)) {
        from = this.#member(type, index);
        this.#type(from, false);
      }
    }
  }

  /** The members from `from` to `place`: those without name that lead to its struct, and it. */
  #chain(from: number, place: BtfMemberPlace): { type: BtfComposite; index: number }[] {
    const chain = this.#find(this.#elementOf(from), place);
    return chain ?? this.#btf.fail(from, `does not hold type ${place.type}`);
  }

  #find(id: number, place: BtfMemberPlace): { type: BtfComposite; index: number }[] | undefined {
    const type = this.#btf.resolved(id);
    if (type.kind !== 'struct' && type.kind !== 'union') return undefined;
    if (type.id === place.type) return [{ type, index: place.index }];
    for (const [index, member] of type.members.entries()) {
      const rest = member.name === '' ? this.#find(member.type, place) : undefined;
      if (rest) return [{ type, index }, ...rest];
    }
    return undefined;
  }

  #elementOf(id: number): number {
    let type = this.#btf.resolved(id);
    while (type.kind === 'array') type = this.#btf.resolved(type.type);
    return type.id;
  }

  /** A type with all its members; of what is behind a pointer only the name. */
  #match(id: number, behindPointer: boolean): void {
    const key = `match ${id} ${behindPointer}`;
    if (id === 0 || this.#wholeTypes.has(key)) return;
    this.#wholeTypes.add(key);
    this.types.add(id);
    const type = this.#btf.type(id);
    if (type.kind === 'struct' || type.kind === 'union') {
      if (behindPointer) return;
      for (const index of type.members.keys()) this.#match(this.#member(type, index), false);
    }
    const passedOn = type.kind !== 'array' && type.kind !== 'func_proto' && behindPointer;
    for (const part of partsOf(type)) this.#match(part, type.kind === 'ptr' || passedOn);
  }
}

/** Types a type is spelled with. */
function partsOf(type: BtfType): readonly number[] {
  switch (type.kind) {
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
      return [type.type];
    case 'array':
      return [type.type, type.indexType];
    case 'func_proto':
      return [type.returns, ...type.params.map((param) => param.type)];
    default:
      return [];
  }
}
