import type { MapTypeDef, SizeRange } from '../../abi/types.ts';
import type { MapDefinition } from '../types.ts';
import { kernelError } from './errno.ts';

const BPF_F_ACCESS_PROG = (1 << 7) | (1 << 8);
const BPF_F_ACCESS_USER = (1 << 3) | (1 << 4);

/**
 * What BPF_MAP_CREATE refuses by a type's facts alone, in the kernel's order (map_create, then the
 * type's map_alloc_check). What depends on the machine is checked by the type's `_create`.
 */
export function checkMapDefinition(definition: MapDefinition, facts: MapTypeDef): void {
  const refuse = (code: string, what: string): never => {
    throw kernelError(code, `map '${definition.name}' (${facts.name}): ${what}`);
  };
  if (definition.extra && !facts.extra) refuse('EINVAL', `takes no map_extra`);
  if (both(definition.flags, BPF_F_ACCESS_USER)) refuse('EINVAL', 'read-only and write-only');
  const unknown = definition.flags & ~facts.flags;
  if (unknown !== 0) refuse('EINVAL', `does not take flags 0x${unknown.toString(16)}`);
  const missing = (facts.needsFlags ?? 0) & ~definition.flags;
  if (missing !== 0) refuse('EINVAL', `needs flags 0x${missing.toString(16)}`);
  if (both(definition.flags, BPF_F_ACCESS_PROG)) {
    refuse('EINVAL', 'read-only and write-only for programs');
  }
  const sizes = [
    ['max_entries', definition.maxEntries, facts.maxEntries],
    ['key size', definition.keySize, facts.keySize],
    ['value size', definition.valueSize, facts.valueSize],
  ] as const;
  for (const [what, size, range] of sizes) {
    if (!acceptable(size, range)) refuse('EINVAL', `${what} cannot be ${size}`);
  }
  for (const [what, size, range] of sizes) {
    if (tooBig(size, range)) refuse('E2BIG', `${what} ${size} is too big`);
  }
}

function both(flags: number, mask: number): boolean {
  return (flags & mask) === mask;
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
