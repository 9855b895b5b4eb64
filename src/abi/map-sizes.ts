import type { MapTypeDef, SizeRange } from './types.ts';

/** Sizes of a map that is to be made. */
export interface MapSizes {
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
}

/** What BPF_MAP_CREATE says of a size. */
export interface WrongSize {
  readonly code: 'EINVAL' | 'E2BIG';
  /** 'key size cannot be 0' */
  readonly words: string;
}

/** The size that BPF_MAP_CREATE refuses first, by the type's facts alone (map_alloc_check). */
export function wrongMapSize(given: MapSizes, facts: MapTypeDef): WrongSize | undefined {
  const sizes = [
    ['max_entries', given.maxEntries, facts.maxEntries],
    ['key size', given.keySize, facts.keySize],
    ['value size', given.valueSize, facts.valueSize],
  ] as const;
  for (const [what, size, range] of sizes) {
    if (!acceptable(size, range)) return { code: 'EINVAL', words: `${what} cannot be ${size}` };
  }
  for (const [what, size, range] of sizes) {
    if (tooBig(size, range)) return { code: 'E2BIG', words: `${what} ${size} is too big` };
  }
  return undefined;
}

function acceptable(size: number, range: number | (SizeRange & { powerOfTwo?: boolean })): boolean {
  if (typeof range === 'number') return size === range;
  if (size < range.min || (range.tooBig === 'EINVAL' && size > range.max)) return false;
  if (range.powerOfTwo && (size & (size - 1)) !== 0) return false;
  return range.multipleOf === undefined || size % range.multipleOf === 0;
}

function tooBig(size: number, range: number | SizeRange): boolean {
  return typeof range !== 'number' && size > range.max;
}
