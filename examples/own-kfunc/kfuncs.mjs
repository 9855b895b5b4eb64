// Kernel functions of our own: a rate limiter with buckets, and a checksum.
// `beeyard kfunc define examples/own-kfunc/kfuncs.mjs` prints the header that limit.bpf.c includes.
import { kfunc } from 'beeyard';

const structs = { allowance: { tokens: 'u64', last: 'u64' } };
const buckets = new Map();

/** Finds (or makes) the bucket of an address; the program must put it back. */
export const bucketGet = kfunc('bucket_get', {
  args: [
    { int: 'u32', name: 'address' },
    { int: 'u64', name: 'burst' },
  ],
  ret: { ptr: 'allowance', acquire: true, nullable: true },
  structs,
  programs: ['xdp', 'tc'],
  body(context, address, burst) {
    if (!buckets.has(address)) {
      if (buckets.size === 1000) return null;
      buckets.set(address, context.create('allowance', { tokens: burst, last: context.now }));
    }
    return buckets.get(address);
  },
});

/** Takes one token if there is one. */
export const bucketTake = kfunc('bucket_take', {
  args: [{ ptr: 'allowance', name: 'bucket', trusted: true }],
  ret: { int: 'bool' },
  structs,
  programs: ['xdp', 'tc'],
  body(_, bucket) {
    const { tokens, last } = bucket.get();
    if (tokens === 0n) return false;
    bucket.set({ tokens: tokens - 1n, last });
    return true;
  },
});

export const bucketPut = kfunc('bucket_put', {
  args: [{ ptr: 'allowance', name: 'bucket', release: true }],
  structs,
  programs: ['xdp', 'tc'],
  body() {},
});

/** Sum of some bytes, which are a live view of the program's memory. */
export const bytesSum = kfunc('bytes_sum', {
  args: [
    { buf: true, sizeArg: 1, name: 'bytes' },
    { int: 'u32', name: 'length' },
  ],
  ret: { int: 'u32' },
  programs: ['xdp', 'tc'],
  body: (_, bytes) => bytes.reduce((sum, byte) => sum + byte, 0),
});
