import { KernelError } from '../../../base/index.ts';
import { formatAddress, parseAddress, parseMac } from '../../../packet/index.ts';

/** An IPv4 or IPv6 address from text. Throws KernelError EINVAL. */
export function ipAddress(text: string): Uint8Array {
  const bytes = parseAddress(text, text.includes(':') ? 16 : 4);
  if (bytes) return bytes;
  throw new KernelError('EINVAL', 22, `'${text}' is no IPv4 or IPv6 address`);
}

export interface Prefix {
  readonly address: Uint8Array;
  readonly length: number;
}

/** '10.0.0.1/24' with the host's bits; without a length: all bits. Throws KernelError EINVAL. */
export function ipPrefix(text: string): Prefix {
  const [host, length, ...rest] = text.split('/');
  const address = ipAddress(host!);
  const most = address.length * 8;
  const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : most + 1;
  if (rest.length === 0 && bits <= most) return { address, length: bits };
  throw new KernelError('EINVAL', 22, `'${text}' is no prefix: 10.0.0.0/8, fd00::/64`);
}

/** The prefix of a route: also 'default'. */
export const routePrefix = (text: string): Prefix =>
  ipPrefix(text === 'default' ? '0.0.0.0/0' : text);

/** The address with the bits behind the first `length` all `fill` (0 or 1). */
export function masked(address: Uint8Array, length: number, fill: 0 | 1 = 0): Uint8Array {
  return address.map((byte, i) => {
    const mask = (0xff00 >> Math.min(8, Math.max(0, length - 8 * i))) & 0xff;
    return (byte & mask) | (fill ? ~mask & 0xff : 0);
  });
}

/** 6 bytes from bytes or '02:00:00:00:00:01'. Throws KernelError EINVAL. */
export function hardwareAddress(given: Uint8Array | string, name: string): Uint8Array {
  const bytes = typeof given === 'string' ? macBytes(given) : given;
  if (bytes?.length === 6) return bytes;
  throw new KernelError('EINVAL', 22, `${name}: '${given}' is no hardware address of 6 bytes`);
}

function macBytes(text: string): Uint8Array | undefined {
  try {
    return parseMac(text);
  } catch {
    return undefined;
  }
}

export const addressText = (bytes: Uint8Array): string => formatAddress(bytes);

/** Addresses as keys of maps: 4 bytes are a number, 16 text. */
export function addressKey(address: Uint8Array): number | string {
  if (address.length !== 4) return String.fromCharCode(...address);
  return ((address[0]! << 24) | (address[1]! << 16) | (address[2]! << 8) | address[3]!) >>> 0;
}

/** fe80::/10 */
export const isLinkLocal = (address: Uint8Array): boolean =>
  address.length === 16 && address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;
