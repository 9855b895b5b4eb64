/** Decoded values in a line. */

/** `{ packets: 3, bytes: 180 }`, `[1, 2]`, `10.0.0.1`; bytes in hex. */
export function valueWords(value: unknown): string {
  if (value instanceof Uint8Array) return hexWords(value);
  if (Array.isArray(value)) return `[${value.map(valueWords).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([name]) => !/^_*(pad|unused)\w*$/.test(name));
    return `{ ${members.map(([name, inner]) => `${name}: ${valueWords(inner)}`).join(', ')} }`;
  }
  return String(value);
}

/** `0a 00 ff` */
export const hexWords = (bytes: Iterable<number>): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

export const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Uint8Array);
