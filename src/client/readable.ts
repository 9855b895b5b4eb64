import { hexBytes } from '../base/index.ts';
import { type Btf, type BtfValue, decodeValue } from '../btf/index.ts';
import type { ObjectFile } from '../object/index.ts';
import { formatAddress } from '../packet/address.ts';

/** Names whose 4 or 16 bytes are an IP address. */
const ADDRESS_NAME =
  /addr|^ip|ip[46]?$|^src|^dst|source|dest|target|prefix|peer|remote|local|client|server|gateway/i;
const MAC_NAME = /mac|^h_source$|^h_dest$|ether/i;

/** Members that only take up room: nobody wants to see them in a table. */
export function isFiller(name: string): boolean {
  return /^(unused|pad|padding|reserved|_+\w*)$/.test(name);
}

/**
 * A decoded value made readable: addresses as text, big-endian numbers turned round, by the types'
 * and members' names. What it does not know stays as it is.
 */
export function readable(
  btf: Btf | undefined,
  typeId: number,
  value: BtfValue | Uint8Array,
  name = '',
): BtfValue {
  if (value instanceof Uint8Array) return readableBytes(value, name);
  if (!btf || typeId === 0) return value;
  const type = btf.resolved(typeId);
  if (type.kind === 'struct' || type.kind === 'union') {
    return mapMembers(value, (member, inner) => {
      const found = findMember(btf, type.id, member);
      return readable(btf, found, inner, member);
    });
  }
  if (type.kind === 'datasec') {
    return mapMembers(value, (variable, inner) => {
      const found = type.vars.find((one) => btf.type(one.type).name === variable);
      return readable(btf, found?.type ?? 0, inner, variable);
    });
  }
  if (type.kind === 'var') return readable(btf, type.type, value, name);
  if (Array.isArray(value)) return readableArray(btf, typeId, value as readonly BtfValue[], name);
  return typeof value === 'number' ? networkOrder(btf, typeId, value, name) : value;
}

function mapMembers(value: BtfValue, change: (name: string, inner: BtfValue) => BtfValue) {
  const entries = Object.entries(value as Readonly<Record<string, BtfValue>>);
  return Object.fromEntries(entries.map(([name, inner]) => [name, change(name, inner)]));
}

/** Type of a member, also of those in anonymous structs inside; 0 if there is none. */
function findMember(btf: Btf, typeId: number, name: string): number {
  const type = btf.resolved(typeId);
  if (type.kind !== 'struct' && type.kind !== 'union') return 0;
  for (const member of type.members) {
    if (member.name === name) return member.type;
    const inner = member.name === '' ? findMember(btf, member.type, name) : 0;
    if (inner !== 0) return inner;
  }
  return 0;
}

function readableArray(
  btf: Btf,
  typeId: number,
  value: readonly BtfValue[],
  name: string,
): BtfValue {
  const type = btf.resolved(typeId);
  if (type.kind !== 'array') return value;
  if (btf.sizeOf(type.type) === 1 && value.every((item) => typeof item === 'number')) {
    return readableBytes(Uint8Array.from(value as readonly number[]), name, value);
  }
  const words = btf.resolved(type.type);
  if (value.length === 4 && words.kind === 'int' && words.size === 4 && ADDRESS_NAME.test(name)) {
    return formatAddress(new Uint8Array(Uint32Array.from(value as readonly number[]).buffer));
  }
  return value.map((item) => readable(btf, type.type, item, name));
}

function readableBytes(bytes: Uint8Array, name: string, otherwise?: BtfValue): BtfValue {
  const size = bytes.length;
  if ((size === 4 || size === 16) && ADDRESS_NAME.test(name)) return formatAddress(bytes);
  if (size === 6 && MAC_NAME.test(name)) return hexBytes(bytes, ':');
  return otherwise ?? hexBytes(bytes, ' ');
}

/** __be16 and __be32 as people read them. */
function networkOrder(btf: Btf, typeId: number, value: number, name: string): BtfValue {
  for (let id = typeId; ; ) {
    const type = btf.type(id);
    if (type.kind === 'typedef' && type.name === '__be16') {
      return ((value & 0xff) << 8) | (value >> 8);
    }
    if (type.kind === 'typedef' && type.name === '__be32') return be32(value, name);
    if (!('type' in type) || type.kind === 'array' || type.kind === 'ptr') break;
    id = type.type;
  }
  const isWord = btf.sizeOf(typeId) === 4;
  return isWord && /^[sd]addr$|_ip$|^ip4?$|ipv4/i.test(name) ? be32(value, 'addr') : value;
}

function be32(value: number, name: string): BtfValue {
  const bytes = [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
  if (ADDRESS_NAME.test(name) || name === '') return bytes.join('.');
  return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
}

/** The key of an LPM trie: '10.0.0.0/8'. */
export function prefixText(key: Uint8Array): string {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const length = view.getUint32(0, true);
  const data = key.subarray(4);
  if (data.length !== 4 && data.length !== 16) return `${hexBytes(data)}/${length}`;
  const text = formatAddress(data);
  const mapped = data.length === 16 && text.includes('.') && length >= 96;
  return `${text}/${mapped ? length - 96 : length}`;
}

/** Decoded by type if the object says one, as a number if it is small, else as bytes in hex. */
export function decodeReadable(btf: Btf | undefined, typeId: number, bytes: Uint8Array): BtfValue {
  if (btf && typeId !== 0) return readable(btf, typeId, decodeValue(btf, typeId, bytes));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 4) return view.getUint32(0, true);
  if (bytes.length === 8) return view.getBigUint64(0, true);
  return readable(btf, 0, bytes);
}

/**
 * The struct a buffer's records are of. BTF does not say, so it is guessed: a struct with the map's
 * name (drops: drop, drop_event, …), else the only struct of that size no map uses otherwise.
 */
export function recordType(object: ObjectFile, map: string, size: number): number | undefined {
  const { btf } = object;
  if (!btf) return undefined;
  const used = new Set(object.maps.flatMap((one) => [one.keyTypeId, one.valueTypeId]));
  const fitting = btf.types.filter(
    (type) =>
      type.kind === 'struct' && type.name !== '' && type.size === size && !used.has(type.id),
  );
  const stem = map.toLowerCase().replace(/s$/, '');
  const named = fitting.filter(({ name }) => name.toLowerCase().includes(stem));
  const candidates =
    named.length > 0
      ? named
      : fitting.filter(
          ({ name }) => !/^(xdp_md|__sk_buff|ethhdr|iphdr|ipv6hdr|tcphdr|udphdr)$/.test(name),
        );
  return candidates.length === 1 ? candidates[0]!.id : undefined;
}
