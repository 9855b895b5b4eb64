/** A part of memory that is read at once. */
export interface Piece {
  readonly offset: number;
  readonly size: 1 | 2 | 4 | 8;
}

/** How compiled code reads `size` bytes: 8 at a time, then what is left. */
export function piecesOf(size: number): readonly Piece[] {
  const pieces: Piece[] = [];
  let offset = 0;
  for (const unit of [8, 4, 2, 1] as const) {
    for (; size - offset >= unit; offset += unit) pieces.push({ offset, size: unit });
  }
  return pieces;
}
