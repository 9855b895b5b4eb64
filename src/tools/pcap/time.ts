import type { CaptureInterface } from './types.ts';

/**
 * Timestamps to nanoseconds without BigInt: a 64-bit number is a low and a high word, written
 * straight into a batch's `time` column.
 */
export type TimeWriter = (time: Uint32Array, at: number, high: number, low: number) => void;

const TWO_32 = 0x1_0000_0000;

/**
 * Seconds and nanoseconds as one 64-bit count of nanoseconds. Packets mostly share their second
 * with the one before, so its product is kept.
 */
export class SecondClock {
  #seconds = -1;
  #low = 0;
  #high = 0;

  /** Writes the time to `time[at]` (low half) and `time[at + 1]`. `nanos` is below 2^43. */
  write(time: Uint32Array, at: number, seconds: number, nanos: number): void {
    if (seconds !== this.#seconds) this.#startSecond(seconds);
    const low = this.#low + nanos;
    time[at] = low;
    time[at + 1] = low < TWO_32 ? this.#high : this.#high + Math.floor(low / TWO_32);
  }

  #startSecond(seconds: number): void {
    // seconds = a * 65536 + b: both products stay below 2^53, so doubles are exact.
    const upper = (seconds >>> 16) * 1e9;
    const lower = (seconds & 0xffff) * 1e9;
    const low = (upper % 65536) * 65536 + (lower % TWO_32);
    this.#seconds = seconds;
    this.#low = low % TWO_32;
    this.#high = Math.floor(upper / 65536) + Math.floor(lower / TWO_32) + Math.floor(low / TWO_32);
  }
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
