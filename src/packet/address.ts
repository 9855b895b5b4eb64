/** Addresses as text, for keys: IPv4, IPv6, and either with a prefix length. */

/** The 4 bytes of '10.0.0.1', or undefined. */
export function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  const bytes = parts.map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256));
  if (bytes.length !== 4 || bytes.some((byte) => byte > 255)) return undefined;
  return Uint8Array.from(bytes);
}

/** The 16 bytes of 'fe80::1' or '::ffff:10.0.0.1', or undefined. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const v4 = dotted && parseIpv4(dotted[2]!);
  if (dotted && !v4) return undefined;
  const plain = v4 ? `${dotted![1]}${hex16(v4[0]!, v4[1]!)}:${hex16(v4[2]!, v4[3]!)}` : text;
  const halves = plain.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const groups = tail ? [...head!, ...zeros(8 - head!.length - tail.length), ...tail] : head!;
  if (groups.length !== 8 || (tail && head!.length + tail.length > 7)) return undefined;
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return Uint8Array.from(groups.flatMap((group) => pair(Number.parseInt(group, 16))));
}

const hex16 = (high: number, low: number) => ((high << 8) | low).toString(16);
const pair = (group: number) => [group >> 8, group & 255];
const zeros = (count: number) => Array.from({ length: Math.max(0, count) }, () => '0');

/**
 * The bytes of an address in a field of `size` bytes (4 or 16); IPv4 in 16 bytes is ::ffff:a.b.c.d.
 */
export function parseAddress(text: string, size: number): Uint8Array | undefined {
  if (size === 4) return parseIpv4(text);
  if (size !== 16) return undefined;
  const v4 = parseIpv4(text);
  return v4 ? Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...v4) : parseIpv6(text);
}

/**
 * The key of a prefix in an LPM trie of `keySize` bytes: prefix length, then the address.
 * '10.0.0.1' alone is the prefix of full length. `littleEndian` is the object's byte order.
 */
export function parsePrefix(
  text: string,
  keySize: number,
  littleEndian: boolean,
): Uint8Array | undefined {
  const [address, length, ...rest] = text.split('/');
  const bytes = parseAddress(address!, keySize - 4);
  if (!bytes || rest.length > 0) return undefined;
  const mapped = bytes.length === 16 && parseIpv4(address!) !== undefined;
  const most = mapped ? 32 : bytes.length * 8;
  const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : 999;
  if (bits > most) return undefined;
  const key = new Uint8Array(keySize);
  new DataView(key.buffer).setUint32(0, mapped ? bits + 96 : bits, littleEndian);
  key.set(bytes, 4);
  return key;
}

/** '10.0.0.1' or 'fe80::1' for 4 or 16 bytes; IPv4 in IPv6 as IPv4. */
export function formatAddress(bytes: ArrayLike<number>): string {
  if (bytes.length === 4) return Array.from(bytes).join('.');
  const all = Array.from(bytes);
  const mapped = all.slice(0, 10).every((byte) => byte === 0) && all[10] === 255 && all[11] === 255;
  if (mapped) return all.slice(12).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => (all[2 * i]! << 8) | all[2 * i + 1]!);
  return compress(groups);
}

/** The longest run of zero groups (of two or more) becomes '::', the first of equals (RFC 5952). */
function compress(groups: readonly number[]): string {
  let best = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) [best, length] = [i, end - i];
  }
  const hex = (list: readonly number[]) => list.map((group) => group.toString(16)).join(':');
  return best < 0
    ? hex(groups)
    : `${hex(groups.slice(0, best))}::${hex(groups.slice(best + length))}`;
}
