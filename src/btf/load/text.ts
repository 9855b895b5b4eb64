import type { Names, RawMember, RawRecord } from './raw.ts';

/** The kernel's words for types in its log. */

/** '[2] STRUCT pair size=8 vlen=2': a type by all that is known of it. */
export function typeText(record: RawRecord, names: Names): string {
  const details = detailsOf(record, names);
  return details ? `${headText(record, names)} ${details}` : headText(record, names);
}

/** '[2] STRUCT pair'. */
export function headText({ id, kind, nameOffset }: RawRecord, names: Names): string {
  return `[${id}] ${kind.toUpperCase()} ${names.shown(nameOffset)}`;
}

/** The type's line and the member's under it. */
export function memberText(record: RawRecord, member: RawMember, names: Names): string {
  const width = record.flag ? `bitfield_size=${member.bitSize} ` : '';
  const place = `type_id=${member.type} ${width}bits_offset=${member.bitOffset}`;
  return `${typeText(record, names)}\n\t${names.shown(member.nameOffset)} ${place}`;
}

const ENCODINGS: Readonly<Record<number, string>> = {
  0: '(none)',
  1: 'SIGNED',
  2: 'CHAR',
  4: 'BOOL',
};

function detailsOf(record: RawRecord, names: Names): string {
  const { kind, value, vlen, extra } = record;
  switch (kind) {
    case 'int': {
      const word = extra[0]!;
      const encoding = ENCODINGS[(word >>> 24) & 0xf] ?? 'UNKN';
      const bits = `bits_offset=${(word >>> 16) & 0xff} nr_bits=${word & 0xff}`;
      return `size=${value} ${bits} encoding=${encoding}`;
    }
    case 'array':
      return `type_id=${extra[0]} index_type_id=${extra[1]} nr_elems=${extra[2]}`;
    case 'struct':
    case 'union':
    case 'enum':
    case 'enum64':
    case 'datasec':
      return `size=${value} vlen=${vlen}`;
    case 'float':
      return `size=${value}`;
    case 'fwd':
      return record.flag ? 'union' : 'struct';
    case 'func_proto':
      return `return=${value} args=(${argumentsText(record, names)})`;
    case 'var':
      return `type_id=${value} linkage=${extra[0]}`;
    case 'decl_tag':
      return `type=${value} component_idx=${extra[0]! | 0}`;
    default:
      return `type_id=${value}`;
  }
}

function argumentsText({ vlen, extra }: RawRecord, names: Names): string {
  if (vlen === 0) return 'void';
  return Array.from({ length: vlen }, (_, i) => {
    const [name, type] = [extra[2 * i]!, extra[2 * i + 1]!];
    return i === vlen - 1 && type === 0 ? 'vararg' : `${type} ${names.shown(name)}`;
  }).join(', ');
}
