/** Values as JSON: bytes and 64-bit numbers are marked, everything else is as it is. */
const BYTES = '$bytes';
const BIG = '$big';

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** What `plain` holds, without bytes and bigints. Members that are undefined are left out. */
export function toPlain(value: unknown): Json {
  if (typeof value === 'bigint') return { [BIG]: value.toString() };
  if (value instanceof Uint8Array) return { [BYTES]: toBase64(value) };
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value !== 'object' || value === null) return (value ?? null) as Json;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(entries.map(([key, one]) => [key, toPlain(one)]));
}

export function fromPlain(value: Json): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map(fromPlain);
  const object = value as { readonly [key: string]: Json };
  if (typeof object[BIG] === 'string') return BigInt(object[BIG]);
  if (typeof object[BYTES] === 'string') return fromBase64(object[BYTES]);
  return Object.fromEntries(Object.entries(object).map(([key, one]) => [key, fromPlain(one)]));
}

const PIECE = 0x8000;

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE) {
    text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  }
  return btoa(text);
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
