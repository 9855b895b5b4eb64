/**
 * Which queue a packet belongs to: the Toeplitz hash over addresses and ports that network cards
 * compute for receive-side scaling, with the key Microsoft publishes as example (and most drivers
 * ship). Packets of a flow always get the same number.
 */
const KEY = [
  0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
  0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
  0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];
/** Two IPv6 addresses and two ports. */
const INPUT_MAX = 36;

/** The 32 key bits from bit `at` on. */
function keyWindow(at: number): number {
  let word = 0;
  for (let bit = at; bit < at + 32; bit++) {
    word = (word << 1) | ((KEY[bit >> 3]! >> (7 - (bit & 7))) & 1);
  }
  return word;
}

/** For each input byte position and value, what it contributes. Made when first needed. */
let table: Int32Array | undefined;

function makeTable(): Int32Array {
  const made = new Int32Array(INPUT_MAX * 256);
  for (let position = 0; position < INPUT_MAX; position++) {
    for (let bit = 0; bit < 8; bit++) {
      const window = keyWindow(position * 8 + bit);
      const mask = 0x80 >> bit;
      for (let value = 0; value < 256; value++) {
        if (value & mask) made[position * 256 + value]! ^= window;
      }
    }
  }
  return made;
}

/** The hash of `size` bytes at `at`, as input bytes from `position` on. */
function toeplitz(bytes: Uint8Array, at: number, size: number, position: number): number {
  const made = (table ??= makeTable());
  let hash = 0;
  for (let i = 0; i < size; i++) hash ^= made[((position + i) << 8) | bytes[at + i]!]!;
  return hash;
}

/** Hash of the Ethernet packet at `start`; 0 if it is not IP. Fragments hash by addresses only. */
export function flowHash(bytes: Uint8Array, start: number, length: number): number {
  let at = start + 12;
  const end = start + length;
  while (at + 6 <= end && isTag(bytes, at)) at += 4;
  const type = (bytes[at]! << 8) | bytes[at + 1]!;
  at += 2;
  if (type === 0x0800 && at + 20 <= end) return hashIpv4(bytes, at, end);
  if (type === 0x86dd && at + 40 <= end) return hashIpv6(bytes, at, end);
  return 0;
}

function isTag(bytes: Uint8Array, at: number): boolean {
  const type = (bytes[at]! << 8) | bytes[at + 1]!;
  return type === 0x8100 || type === 0x88a8;
}

const hasPorts = (protocol: number) => protocol === 6 || protocol === 17;

function hashIpv4(bytes: Uint8Array, at: number, end: number): number {
  const hash = toeplitz(bytes, at + 12, 8, 0);
  const ports = at + (bytes[at]! & 15) * 4;
  const fragment = ((bytes[at + 6]! & 0x3f) | bytes[at + 7]!) !== 0;
  if (fragment || !hasPorts(bytes[at + 9]!) || ports + 4 > end) return hash >>> 0;
  return (hash ^ toeplitz(bytes, ports, 4, 8)) >>> 0;
}

function hashIpv6(bytes: Uint8Array, at: number, end: number): number {
  const hash = toeplitz(bytes, at + 8, 32, 0);
  if (!hasPorts(bytes[at + 6]!) || at + 44 > end) return hash >>> 0;
  return (hash ^ toeplitz(bytes, at + 40, 4, 32)) >>> 0;
}
