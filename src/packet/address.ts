/** Addresses as text, for keys: IPv4, IPv6, and either with a prefix length. */
import { parseAddress, parseIpv4 } from '../base/index.ts';

export { formatAddress, parseAddress } from '../base/index.ts';

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
