/**
 * A cell: where a live value is, for readers in any thread of one memory. Cells are never given
 * back to the heap, so that a reader that comes too late still reads a cell. Only integer
 * constants: both compilers read this file.
 *
 *   u32 address of the value, u32 generation (another one: the value is gone), u32 why it went
 */
export const CELL_GENERATION = 4;
export const CELL_WHY = 8;
export const CELL_SIZE = 16;

/** Why a value is gone. */
export const CELL_DELETED = 1;
export const CELL_OWNER_DIED = 2;
export const CELL_MAP_FREED = 3;
