import type { Btf } from '../../btf/index.ts';

/** A number in a key, by its name: 'sport', 'id.address', 'source[3]'. */
export interface KeyField {
  readonly name: string;
  readonly offset: number;
  /** Bytes: 1, 2, 4 or 8. */
  readonly size: number;
  readonly bigEndian: boolean;
}

/** A field that is there to fill a hole: it stays zero. */
export function isPadding({ name }: KeyField): boolean {
  return /^_*(pad|padding|reserved|unused|zero|hole)\d*(\[\d+\])?$/i.test(name.split('.').at(-1)!);
}

/** More are left out: they stay zero. */
const MAX_FIELDS = 256;

/**
 * The numbers a key consists of. Types named __be16, __be32, __be64 say that they are big endian.
 * Bit fields, floats and padding are left out: they stay zero.
 */
export function keyFields(btf: Btf, typeId: number): KeyField[] {
  const fields: KeyField[] = [];
  collect(btf, typeId, '', 0, false, fields);
  return fields;
}

function collect(
  btf: Btf,
  typeId: number,
  name: string,
  offset: number,
  bigEndian: boolean,
  fields: KeyField[],
): void {
  const type = btf.type(typeId);
  if (type.kind === 'struct') {
    for (const member of type.members) {
      if (member.bitSize > 0) continue;
      const path = [name, member.name].filter((part) => part !== '').join('.');
      collect(btf, member.type, path, offset + member.bitOffset / 8, false, fields);
    }
  } else if (type.kind === 'union') {
    // Its first member stands for all.
    const first = type.members[0];
    if (first) collect(btf, first.type, name === '' ? first.name : name, offset, false, fields);
  } else if (type.kind === 'array') {
    const size = btf.sizeOf(type.type);
    for (let i = 0; i < Math.min(type.count, MAX_FIELDS) && fields.length < MAX_FIELDS; i++) {
      collect(btf, type.type, `${name}[${i}]`, offset + i * size, bigEndian, fields);
    }
  } else if (type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64') {
    if (type.size <= 8) fields.push({ name: name || 'key', offset, size: type.size, bigEndian });
  } else if (type.kind !== 'void' && type.kind !== 'ptr' && 'type' in type) {
    const big = bigEndian || /^__be(16|32|64)$/.test(type.name);
    collect(btf, type.type, name, offset, big, fields);
  }
}

/**
 * Values of a field as text: '80', '1024-65535', '0x10-0x1f', an IPv4 address '10.0.0.1' or network
 * '10.0.0.0/8' (of a field of 4 bytes, which then is big endian). Throws RangeError.
 */
export function parseRange(
  field: KeyField,
  text: string,
): KeyField & { readonly from: bigint; readonly to: bigint } {
  const address = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(text);
  const range = address ? network(field, address) : numbers(text);
  const limit = 1n << BigInt(8 * field.size);
  if (!range || range.from > range.to || range.to >= limit) {
    throw new RangeError(`${field.name}: '${text}' is no range of ${field.size} bytes`);
  }
  return { ...field, ...range, bigEndian: field.bigEndian || address !== null };
}

function numbers(text: string): { from: bigint; to: bigint } | undefined {
  const found = /^(0x[0-9a-f]+|\d+)(?:-(0x[0-9a-f]+|\d+))?$/i.exec(text);
  return found ? { from: BigInt(found[1]!), to: BigInt(found[2] ?? found[1]!) } : undefined;
}

function network(
  field: KeyField,
  parts: RegExpExecArray,
): { from: bigint; to: bigint } | undefined {
  const bytes = parts.slice(1, 5).map(Number);
  const prefix = Number(parts[5] ?? 32);
  if (field.size !== 4 || prefix > 32 || bytes.some((byte) => byte > 255)) return undefined;
  const all = bytes.reduce((value, byte) => value * 256n + BigInt(byte), 0n);
  const rest = (1n << BigInt(32 - prefix)) - 1n;
  return { from: all & ~rest, to: all | rest };
}
