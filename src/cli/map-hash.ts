import type { MapHash } from '../runtime/index.ts';
import type { CommandCall } from './command.ts';

/** What --map-hash names; Linux's if it is not there. */
export function mapHashOf(call: CommandCall): MapHash {
  return (call.text('map-hash') ?? 'jhash') as MapHash;
}

/** What --seed says: of the machine, from which come those of its maps. */
export function seedOf(call: CommandCall): number {
  return call.count('seed', 0, 0, Number.MAX_SAFE_INTEGER);
}
