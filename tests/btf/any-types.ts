/** Types of every kind and shape for property tests: well-formed records, any references. */
import fc from 'fast-check';
import type { NewBtfType } from '../../src/btf/index.ts';

const MOST_TYPES = 12;

const name = fc.constantFrom('', 'a', 'b', 'int', 'list', 'größe');
const id = fc.nat(MOST_TYPES);
const u32 = fc.nat(0xffff_ffff);
const size = fc.constantFrom(1, 2, 4, 8);
const linkage = fc.constantFrom('static' as const, 'global' as const, 'extern' as const);
const some = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 4 });

const member = fc.record({ name, type: id, bitOffset: fc.nat(0xff_ffff), bitSize: fc.nat(64) });
const signedValue = fc.record({ name, value: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) });
const unsignedValue = fc.record({ name, value: u32 });
const wide = (signed: boolean) =>
  some(
    fc.record({
      name,
      value: signed ? fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) : fc.bigInt(0n, 2n ** 64n - 1n),
    }),
  );

const type: fc.Arbitrary<NewBtfType> = fc.oneof(
  fc
    .record({ name, size, signed: fc.boolean(), char: fc.boolean(), bool: fc.boolean() })
    .map((each) => ({ kind: 'int' as const, ...each, bits: each.size * 8, bitOffset: 0 })),
  fc.record({
    kind: fc.constantFrom(
      ...(['ptr', 'typedef', 'volatile', 'const', 'restrict', 'type_tag'] as const),
    ),
    name,
    type: id,
  }),
  fc.record({ kind: fc.constant('array' as const), name, type: id, indexType: id, count: u32 }),
  fc.record({
    kind: fc.constantFrom('struct' as const, 'union' as const),
    name,
    size: u32,
    members: some(member),
  }),
  fc.boolean().chain((signed) =>
    fc.record({
      kind: fc.constant('enum' as const),
      name,
      size,
      signed: fc.constant(signed),
      values: some(signed ? signedValue : unsignedValue),
    }),
  ),
  fc.boolean().chain((signed) =>
    fc.record({
      kind: fc.constant('enum64' as const),
      name,
      size,
      signed: fc.constant(signed),
      values: wide(signed),
    }),
  ),
  fc.record({
    kind: fc.constant('fwd' as const),
    name,
    of: fc.constantFrom('struct' as const, 'union' as const),
  }),
  fc.record({ kind: fc.constant('var' as const), name, type: id, linkage }),
  fc.record({
    kind: fc.constant('func_proto' as const),
    name,
    returns: id,
    params: some(fc.record({ name, type: id })),
  }),
  fc.record({ kind: fc.constant('float' as const), name, size: u32 }),
  fc.record({
    kind: fc.constant('decl_tag' as const),
    name,
    type: id,
    component: fc.integer({ min: -1, max: 9 }),
  }),
);

/** Lists of types whose references are all to types of the list (or to `void`). */
export const anyTypes: fc.Arbitrary<readonly NewBtfType[]> = fc.array(type, {
  minLength: MOST_TYPES,
  maxLength: MOST_TYPES,
});
