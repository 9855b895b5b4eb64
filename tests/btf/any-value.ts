/** Types as compilers lay them out, in any combination, for property tests of values. */
import fc from 'fast-check';
import type { BtfMember, NewBtfType } from '../../src/btf/index.ts';
import { BtfBuilder } from '../../src/btf/index.ts';

/** A type to be made: what of, without ids. */
export type Shape =
  | { readonly of: 'int'; readonly size: number; readonly signed: boolean }
  | { readonly of: 'bool' | 'char' | 'pointer' }
  | { readonly of: 'float'; readonly size: number }
  | { readonly of: 'enum'; readonly size: number; readonly signed: boolean; readonly wide: boolean }
  | { readonly of: 'array'; readonly item: Shape; readonly count: number }
  | { readonly of: 'alias'; readonly target: Shape }
  | {
      readonly of: 'bits';
      readonly base: Shape & { readonly size: number };
      readonly width: number;
    }
  | { readonly of: 'struct' | 'union'; readonly members: readonly Member[] };

interface Member {
  readonly named: boolean;
  readonly shape: Shape;
}

const integer = fc.record({
  of: fc.constant('int' as const),
  size: fc.constantFrom(1, 2, 4, 8, 16),
  signed: fc.boolean(),
});

const enumeration = fc.record({
  of: fc.constant('enum' as const),
  size: fc.constantFrom(1, 2, 4, 8),
  signed: fc.boolean(),
  wide: fc.boolean(),
});

const leaf: fc.Arbitrary<Shape> = fc.oneof(
  integer,
  enumeration,
  fc.constantFrom<Shape>({ of: 'bool' }, { of: 'char' }, { of: 'pointer' }),
  fc.record({ of: fc.constant('float' as const), size: fc.constantFrom(4, 8, 16) }),
);

const bits: fc.Arbitrary<Shape> = fc
  .oneof(integer, enumeration)
  .filter(({ size }) => size <= 8)
  .chain((base) =>
    fc.record({
      of: fc.constant('bits' as const),
      base: fc.constant(base),
      width: fc.integer({ min: 1, max: base.size * 8 - 1 }),
    }),
  );

const shapes = fc.letrec<{ shape: Shape }>((tie) => {
  const composite = (member: fc.Arbitrary<Shape>) =>
    fc.record({
      of: fc.constantFrom('struct' as const, 'union' as const),
      members: fc.array(fc.record({ named: fc.boolean(), shape: member }), { maxLength: 5 }),
    });
  return {
    shape: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaf,
      fc.record({ of: fc.constant('alias' as const), target: tie('shape') }),
      fc.record({ of: fc.constant('array' as const), item: tie('shape'), count: fc.nat(4) }),
      composite(fc.oneof(tie('shape'), bits)),
    ),
  };
});

function parts(shape: Shape): readonly Shape[] {
  switch (shape.of) {
    case 'array':
      return [shape.item];
    case 'alias':
      return [shape.target];
    case 'struct':
    case 'union':
      return shape.members.map((member) => member.shape);
    default:
      return [];
  }
}

const contains = (shape: Shape, what: Shape['of']): boolean =>
  shape.of === what || parts(shape).some((part) => contains(part, what));

/** A bit field over some bits of a boolean: of a byte like 128 no value tells all bits. */
const losesBits = (shape: Shape): boolean =>
  (shape.of === 'union' && contains(shape, 'bool') && contains(shape, 'bits')) ||
  parts(shape).some(losesBits);

/** Any type that has values, and whose values tell all that its bytes do but for padding. */
export const anyShape: fc.Arbitrary<Shape> = shapes.shape.filter((shape) => !losesBits(shape));

/** Adds a shape to a builder; returns its id and size, and its alignment. */
export class Layout {
  readonly builder: BtfBuilder;
  #names = 0;

  constructor(littleEndian: boolean) {
    this.builder = new BtfBuilder({ littleEndian });
  }

  add(shape: Shape): { id: number; size: number } {
    switch (shape.of) {
      case 'int':
        return this.#int(`i${shape.size}`, shape.size, { signed: shape.signed });
      case 'bool':
        return this.#int('_Bool', 1, { bool: true });
      case 'char':
        return this.#int('char', 1, { signed: true });
      case 'pointer':
        return { id: this.builder.add({ kind: 'ptr', name: '', type: 0 }), size: 8 };
      case 'float':
        return { id: this.builder.add({ kind: 'float', name: 'f', size: shape.size }), ...shape };
      case 'enum':
        return this.#enum(shape);
      case 'array': {
        const { id, size } = this.add(shape.item);
        const array = {
          kind: 'array',
          name: '',
          type: id,
          indexType: 0,
          count: shape.count,
        } as const;
        return { id: this.builder.add(array), size: size * shape.count };
      }
      case 'alias': {
        const { id, size } = this.add(shape.target);
        const constant = this.builder.add({ kind: 'const', name: '', type: id });
        return { id: this.builder.add({ kind: 'typedef', name: 't', type: constant }), size };
      }
      case 'bits':
        return this.add(shape.base);
      default:
        return this.#composite(shape.of, shape.members);
    }
  }

  #int(name: string, size: number, flags: { signed?: boolean; bool?: boolean }) {
    const plain = { signed: false, char: false, bool: false, ...flags };
    const type: NewBtfType = { kind: 'int', name, size, bits: size * 8, bitOffset: 0, ...plain };
    return { id: this.builder.add(type), size };
  }

  #enum({ size, signed, wide }: Shape & { of: 'enum' }) {
    const numbers = signed ? [0, 1, -1, -7] : [0, 1, 3, 200];
    const name = `e${this.#names++}`;
    const named = numbers.map((value) => ({ name: `V${this.#names++}`, value }));
    const type: NewBtfType = wide
      ? {
          kind: 'enum64',
          name,
          size,
          signed,
          values: named.map((each) => ({ ...each, value: BigInt(each.value) })),
        }
      : { kind: 'enum', name, size, signed, values: named };
    return { id: this.builder.add(type), size };
  }

  /** Members one after the other, bit fields at the next free bit of their own bytes. */
  #composite(kind: 'struct' | 'union', given: readonly Member[]) {
    const members: BtfMember[] = [];
    let bit = 0;
    let size = 0;
    for (const { named, shape } of given) {
      const { id, size: bytes } = this.add(shape);
      const width = shape.of === 'bits' ? shape.width : bytes * 8;
      if (kind === 'union') bit = 0;
      const [storage, at] = [bytes * 8, bit];
      const sameUnit = shape.of === 'bits' && (at % storage) + width <= storage;
      const start = sameUnit ? at : Math.ceil(at / 8) * 8;
      const nested = shape.of === 'struct' || shape.of === 'union';
      const name = named || !nested ? `m${this.#names++}` : '';
      members.push({ name, type: id, bitOffset: start, bitSize: shape.of === 'bits' ? width : 0 });
      bit = start + width;
      size = Math.max(size, Math.ceil(bit / 8));
    }
    return { id: this.builder.add({ kind, name: '', size, members }), size };
  }
}
