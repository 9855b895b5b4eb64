import type { CaptureInterface } from './types.ts';

/**
 * Timestamps to nanoseconds without BigInt: a 64-bit number is a low and a high word, written
 * straight into a batch's `time` column.
 */
export type TimeWriter = (time: Uint32Array, at: number, high: number, low: number) => void;

const TWO_32 = 0x1_0000_0000;

/** Writes `seconds` and `nanoseconds` (below 2^32) as one 64-bit count of nanoseconds. */
export function writeSeconds(time: Uint32Array, at: number, seconds: number, nanos: number): void {
  // seconds = a * 65536 + b; both products stay below 2^53, so doubles are exact.
  const upper = (seconds >>> 16) * 1e9;
  const lower = (seconds & 0xffff) * 1e9 + nanos;
  const low = (upper % 65536) * 65536 + (lower % TWO_32);
  time[at] = low;
  time[at + 1] = Math.floor(upper / 65536) + Math.floor(lower / TWO_32) + (low >= TWO_32 ? 1 : 0);
}

function writeNanos(time: Uint32Array, at: number, high: number, low: number): void {
  time[at] = low;
  time[at + 1] = high;
}

function scaledBy(factor: number): TimeWriter {
  return (time, at, high, low) => {
    const product = low * factor;
    time[at] = product;
    time[at + 1] = high * factor + Math.floor(product / TWO_32);
  };
}

function exact(ticksPerSecond: bigint, offset: bigint): TimeWriter {
  return (time, at, high, low) => {
    const ticks = (BigInt(high) << 32n) | BigInt(low);
    const nanos = (ticks * 1_000_000_000n) / ticksPerSecond + offset * 1_000_000_000n;
    time[at] = Number(nanos & 0xffffffffn);
    time[at + 1] = Number((nanos >> 32n) & 0xffffffffn);
  };
}

/** The conversion for an interface's if_tsresol and if_tsoffset; the usual ones avoid BigInt. */
export function timeWriter(of: Pick<CaptureInterface, 'resolution' | 'timeOffset'>): TimeWriter {
  const { base, exponent } = of.resolution;
  if (of.timeOffset === 0n && base === 10 && exponent <= 9) {
    return exponent === 9 ? writeNanos : scaledBy(10 ** (9 - exponent));
  }
  return exact(BigInt(base) ** BigInt(exponent), of.timeOffset);
}
