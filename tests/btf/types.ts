/** Short ways to write types for tests. */
import { type Btf, BtfBuilder } from '../../src/btf/index.ts';
import type { BtfMember, BtfParam, NewBtfType } from '../../src/btf/index.ts';

/** The BTF that has these types, with or without a base. */
export function build(types: readonly NewBtfType[], base?: Btf): Btf {
  const builder = new BtfBuilder(base ? { base } : {});
  for (const type of types) builder.add(type);
  return builder.build();
}

export const int = (name = 'int', size = 4, signed = true): NewBtfType => ({
  kind: 'int',
  name,
  size,
  bits: size * 8,
  bitOffset: 0,
  signed,
  char: false,
  bool: false,
});

type ReferenceKind = 'ptr' | 'typedef' | 'volatile' | 'const' | 'restrict' | 'type_tag';

export const reference = (kind: ReferenceKind, type: number, name = ''): NewBtfType => ({
  kind,
  name,
  type,
});

export const pointer = (type: number): NewBtfType => reference('ptr', type);

export const array = (type: number, count: number, indexType: number): NewBtfType => ({
  kind: 'array',
  name: '',
  type,
  indexType,
  count,
});

export const member = (name: string, type: number, bitOffset: number, bitSize = 0): BtfMember => ({
  name,
  type,
  bitOffset,
  bitSize,
});

export const struct = (
  name: string,
  size: number,
  members: readonly BtfMember[],
  kind: 'struct' | 'union' = 'struct',
): NewBtfType => ({ kind, name, size, members });

export const forward = (name: string, of: 'struct' | 'union' = 'struct'): NewBtfType => ({
  kind: 'fwd',
  name,
  of,
});

export const enumeration = (
  name: string,
  values: Readonly<Record<string, number>>,
): NewBtfType => ({
  kind: 'enum',
  name,
  size: 4,
  signed: false,
  values: Object.entries(values).map(([key, value]) => ({ name: key, value })),
});

export const proto = (returns: number, params: readonly BtfParam[]): NewBtfType => ({
  kind: 'func_proto',
  name: '',
  returns,
  params,
});
