import { CELL_DELETED, CELL_MAP_FREED, CELL_OWNER_DIED } from '../../abi/live-cell.ts';
import { OwnerGone } from '../../abi/live.ts';
import { KernelError } from '../../base/index.ts';

/** Whose value a view is of, for errors. */
export interface LiveNames {
  readonly map: string;
  /** 'task 7'; of arrays and arenas nobody's. */
  readonly owner?: string;
}

/** What access to a value that is gone throws, by what its cell says. */
export function goneError({ map, owner }: LiveNames, why: number): KernelError {
  if (why === CELL_OWNER_DIED) return new OwnerGone(owner ?? `what map '${map}' held`);
  if (why === CELL_MAP_FREED) return new KernelError('EBADF', 9, `map '${map}' is freed`);
  const how = why === CELL_DELETED ? 'was deleted' : 'is gone';
  return new KernelError('ENOENT', 2, `the value of ${owner ?? 'nobody'} in map '${map}' ${how}`);
}
