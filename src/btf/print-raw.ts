import type { Btf } from './btf.ts';
import type { BtfInt, BtfMember, BtfType } from './types.ts';

/**
 * A type as bpftool describes it, with its keys: `{ id: 1, kind: 'INT', name: 'int', size: 4, … }`.
 */
export interface RawType {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly [key: string]: RawField | readonly RawPart[];
}

type RawField = string | number | bigint;

/** A member, value, parameter or variable. */
export type RawPart = Readonly<Record<string, RawField>>;

/** The types as `bpftool -j btf dump` gives them in `types`; with `roots`, only those. */
export function rawTypes(btf: Btf, roots?: readonly number[]): RawType[] {
  const types = roots ? roots.map((id) => btf.type(id)) : btf.types.slice(btf.firstOwnId);
  return types.map((type) => ({
    id: type.id,
    kind: type.kind.toUpperCase(),
    name: shown(type.name),
    ...fieldsOf(type),
  }));
}

/**
 * The types as `bpftool btf dump` lists them: one per line, its parts indented under it. With
 * `roots`, only those.
 */
export function printRaw(btf: Btf, roots?: readonly number[]): string {
  const lines: string[] = [];
  for (const { id, kind, name, ...fields } of rawTypes(btf, roots)) {
    // bpftool puts a comma between the two fields of a variable, and only there.
    const text = fieldsText(fields, kind === 'VAR' ? ', ' : ' ');
    lines.push(`[${id}] ${kind} '${name}'${text && ` ${text}`}\n`);
    const parts = Object.values(fields).find((value) => Array.isArray(value));
    for (const part of parts ?? []) lines.push(`\t${partText(btf, btf.type(id), part)}\n`);
  }
  return lines.join('');
}

const shown = (name: string): string => name || '(anon)';

function fieldsText(fields: Readonly<Record<string, unknown>>, separator: string): string {
  return Object.entries(fields)
    .filter(([, value]) => !Array.isArray(value))
    .map(([key, value]) => `${key}=${value}`)
    .join(separator);
}

function partText(btf: Btf, owner: BtfType, { name, ...fields }: RawPart): string {
  const text = fieldsText(fields, ' ');
  if (owner.kind === 'enum64') return `'${name}' ${text}${owner.signed ? 'LL' : 'ULL'}`;
  if (owner.kind !== 'datasec') return `'${name}' ${text}`;
  const { kind, name: variable } = btf.type(Number(fields['type_id']));
  return `${text} (${kind.toUpperCase()} '${shown(variable)}')`;
}

/** What follows kind and name, in bpftool's order. */
function fieldsOf(type: BtfType): Readonly<Record<string, RawField | readonly RawPart[]>> {
  switch (type.kind) {
    case 'void':
      return {};
    case 'int':
      return {
        size: type.size,
        bits_offset: type.bitOffset,
        nr_bits: type.bits,
        encoding: encoding(type),
      };
    case 'array':
      return { type_id: type.type, index_type_id: type.indexType, nr_elems: type.count };
    case 'struct':
    case 'union':
      return { size: type.size, vlen: type.members.length, members: type.members.map(memberPart) };
    case 'enum':
    case 'enum64': {
      const values = type.values.map(({ name, value }) => ({ name: shown(name), val: value }));
      const sign = type.signed ? 'SIGNED' : 'UNSIGNED';
      return { encoding: sign, size: type.size, vlen: values.length, values };
    }
    case 'fwd':
      return { fwd_kind: type.of };
    case 'func':
    case 'var':
      return { type_id: type.type, linkage: type.linkage };
    case 'func_proto': {
      const params = type.params.map(({ name, type: id }) => ({ name: shown(name), type_id: id }));
      return { ret_type_id: type.returns, vlen: params.length, params };
    }
    case 'datasec': {
      const vars = type.vars.map(({ type: id, offset, size }) => ({ type_id: id, offset, size }));
      return { size: type.size, vlen: vars.length, vars };
    }
    case 'float':
      return { size: type.size };
    case 'decl_tag':
      return { type_id: type.type, component_idx: type.component };
    default:
      return { type_id: type.type };
  }
}

function memberPart({ name, type, bitOffset, bitSize }: BtfMember): RawPart {
  const part = { name: shown(name), type_id: type, bits_offset: bitOffset };
  return bitSize > 0 ? { ...part, bitfield_size: bitSize } : part;
}

function encoding({ signed, char, bool }: BtfInt): string {
  const set = [signed && 'SIGNED', char && 'CHAR', bool && 'BOOL'].filter(Boolean);
  return set.length > 1 ? 'UNKN' : set[0] || '(none)';
}
