/**
 * Bob Jenkins' lookup3 as Linux uses it (include/linux/jhash.h): jhash of bytes and jhash2 of words
 * agree on little-endian machines, so one function does both. `init` is 0xdeadbeef + length + seed.
 */

/** Number every hash starts from; add the length in bytes and the seed. */
export const JHASH_INITVAL: u32 = 0xdeadbeef;

/** The last step over up to 12 bytes. @inline */
function final(a: u32, b: u32, c: u32): u32 {
  c = (c ^ b) - rotl<u32>(b, 14);
  a = (a ^ c) - rotl<u32>(c, 11);
  b = (b ^ a) - rotl<u32>(a, 25);
  c = (c ^ b) - rotl<u32>(b, 16);
  a = (a ^ c) - rotl<u32>(c, 4);
  b = (b ^ a) - rotl<u32>(a, 14);
  return (c ^ b) - rotl<u32>(b, 24);
}

/**
 * A word of a key, in halves: programs build keys from fields, and a 32-bit read of two 16-bit
 * fields just written would wait until both are in the cache (ten times as long as the hash).
 * @inline
 */
export function keyWord(at: u32): u32 {
  return <u32>load<u16>(at) | ((<u32>load<u16>(at, 2)) << 16);
}

/** Hash of one word. @inline */
export function jhash4(w0: u32, init: u32): u32 {
  return final(init + w0, init, init);
}

/** Hash of two words. @inline */
export function jhash8(w0: u32, w1: u32, init: u32): u32 {
  return final(init + w0, init + w1, init);
}

/** Hash of four words: one round of mixing, then the last word. @inline */
export function jhash16(w0: u32, w1: u32, w2: u32, w3: u32, init: u32): u32 {
  let a = init + w0;
  let b = init + w1;
  let c = init + w2;
  a = (a - c) ^ rotl<u32>(c, 4);
  c += b;
  b = (b - a) ^ rotl<u32>(a, 6);
  a += c;
  c = (c - b) ^ rotl<u32>(b, 8);
  b += a;
  a = (a - c) ^ rotl<u32>(c, 16);
  c += b;
  b = (b - a) ^ rotl<u32>(a, 19);
  a += c;
  c = (c - b) ^ rotl<u32>(b, 4);
  b += a;
  return final(a + w3, b, c);
}

/** Up to 4 bytes, little endian. */
function part(key: u32, size: u32): u32 {
  if (size >= 4) return keyWord(key);
  let word: u32 = 0;
  for (let i: u32 = 0; i < size; i++) word |= (<u32>load<u8>(key + i)) << (i << 3);
  return word;
}

/** Hash of `size` bytes at `key`. */
export function jhash(key: u32, size: u32, init: u32): u32 {
  let a = init;
  let b = init;
  let c = init;
  while (size > 12) {
    a += keyWord(key);
    b += keyWord(key + 4);
    c += keyWord(key + 8);
    a = (a - c) ^ rotl<u32>(c, 4);
    c += b;
    b = (b - a) ^ rotl<u32>(a, 6);
    a += c;
    c = (c - b) ^ rotl<u32>(b, 8);
    b += a;
    a = (a - c) ^ rotl<u32>(c, 16);
    c += b;
    b = (b - a) ^ rotl<u32>(a, 19);
    a += c;
    c = (c - b) ^ rotl<u32>(b, 4);
    b += a;
    key += 12;
    size -= 12;
  }
  if (size == 0) return c;
  a += part(key, size);
  if (size > 4) b += part(key + 4, size - 4);
  if (size > 8) c += part(key + 8, size - 8);
  return final(a, b, c);
}
