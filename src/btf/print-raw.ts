import type { Btf } from './btf.ts';
import type { BtfInt, BtfType } from './types.ts';

/** The types as `bpftool btf dump` lists them: one per line, its parts indented under it. */
export function printRaw(btf: Btf): string {
  const lines: string[] = [];
  for (let id = btf.firstOwnId; id < btf.types.length; id++) {
    const type = btf.types[id]!;
    const [own, ...parts] = describe(btf, type);
    lines.push(`[${id}] ${type.kind.toUpperCase()} ${quoted(type.name)}${own}`);
    for (const part of parts) lines.push(`\t${part}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

function quoted(name: string): string {
  return `'${name || '(anon)'}'`;
}

/** What follows kind and name, then a line for each part. */
function describe(btf: Btf, type: BtfType): string[] {
  switch (type.kind) {
    case 'void':
      return [''];
    case 'int':
      return [
        ` size=${type.size} bits_offset=${type.bitOffset} nr_bits=${type.bits} ${encoding(type)}`,
      ];
    case 'array':
      return [` type_id=${type.type} index_type_id=${type.indexType} nr_elems=${type.count}`];
    case 'struct':
    case 'union':
      return [
        ` size=${type.size} vlen=${type.members.length}`,
        ...type.members.map(
          ({ name, type: id, bitOffset, bitSize }) =>
            `${quoted(name)} type_id=${id} bits_offset=${bitOffset}` +
            (bitSize > 0 ? ` bitfield_size=${bitSize}` : ''),
        ),
      ];
    case 'enum':
    case 'enum64':
      return describeEnum(type);
    case 'fwd':
      return [` fwd_kind=${type.of}`];
    case 'func':
      return [` type_id=${type.type} linkage=${type.linkage}`];
    case 'func_proto':
      return [
        ` ret_type_id=${type.returns} vlen=${type.params.length}`,
        ...type.params.map(({ name, type: id }) => `${quoted(name)} type_id=${id}`),
      ];
    case 'var':
      return [` type_id=${type.type}, linkage=${type.linkage}`];
    case 'datasec':
      return [` size=${type.size} vlen=${type.vars.length}`, ...describeVars(btf, type.vars)];
    case 'float':
      return [` size=${type.size}`];
    case 'decl_tag':
      return [` type_id=${type.type} component_idx=${type.component}`];
    default:
      return [` type_id=${type.type}`];
  }
}

function encoding({ signed, char, bool }: BtfInt): string {
  const set = [signed && 'SIGNED', char && 'CHAR', bool && 'BOOL'].filter(Boolean);
  return `encoding=${set.length > 1 ? 'UNKN' : (set[0] ?? '(none)')}`;
}

function describeEnum(type: BtfType & { kind: 'enum' | 'enum64' }): string[] {
  const suffix = type.kind === 'enum' ? '' : type.signed ? 'LL' : 'ULL';
  return [
    ` encoding=${type.signed ? 'SIGNED' : 'UNSIGNED'} size=${type.size} vlen=${type.values.length}`,
    ...type.values.map(({ name, value }) => `${quoted(name)} val=${value}${suffix}`),
  ];
}

function describeVars(btf: Btf, vars: (BtfType & { kind: 'datasec' })['vars']): string[] {
  return vars.map(({ type: id, offset, size }) => {
    const { kind, name } = btf.type(id);
    return `type_id=${id} offset=${offset} size=${size} (${kind.toUpperCase()} ${quoted(name)})`;
  });
}
