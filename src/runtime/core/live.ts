/**
 * Cells of live values: what others read while programs run (abi/live-cell.ts). A cell is made when
 * somebody looks at a value, and ends with it; ended cells are used again, never freed.
 */
import { CELL_GENERATION, CELL_SIZE, CELL_WHY } from '../../abi/live-cell';
import { GLOBALS, G_LIVE_FREE } from '../layout';
import { storeLink } from './lock';
import { heap_alloc } from './memory';
import { ownersLock, ownersUnlock } from './owner';

/** u32: the next free cell. */
const NEXT: u32 = 12;

/** A cell for what is at an address, or 0 without memory. Under the lock of the owners. */
export function cellNew(address: u32): u32 {
  let cell = load<u32>(GLOBALS, G_LIVE_FREE);
  if (cell != 0) store<u32>(GLOBALS, load<u32>(cell, NEXT), G_LIVE_FREE);
  else cell = heap_alloc(CELL_SIZE, 16);
  if (cell == 0) return 0;
  storeLink(cell, address);
  storeLink(cell + CELL_WHY, 0);
  return cell;
}

/** The value moves: readers follow it. */
export function cellMove(cell: u32, address: u32): void {
  if (cell != 0) storeLink(cell, address);
}

/** The value is gone; cell 0: nobody looks at it. Under the lock of the owners. */
export function cellEnd(cell: u32, why: u32): void {
  if (cell == 0) return;
  storeLink(cell + CELL_WHY, why);
  storeLink(cell + CELL_GENERATION, load<u32>(cell, CELL_GENERATION) + 1);
  store<u32>(cell, load<u32>(GLOBALS, G_LIVE_FREE), NEXT);
  store<u32>(GLOBALS, cell, G_LIVE_FREE);
}

export function live_cell(address: u32): u32 {
  ownersLock();
  const cell = cellNew(address);
  ownersUnlock();
  return cell;
}

export function live_end(cell: u32, why: u32): void {
  ownersLock();
  cellEnd(cell, why);
  ownersUnlock();
}
