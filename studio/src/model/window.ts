/** Which rows of a long list are drawn. */

/** Browsers end elements at about 33 million pixels. */
const TALLEST = 24_000_000;

export interface ListWindow {
  readonly first: number;
  readonly last: number;
  /** Where row `first` stands. */
  readonly top: number;
  /** Height of all rows. */
  readonly height: number;
}

/** Rows `first` to before `last` are seen; lists taller than a browser can scroll are squeezed. */
export function windowOf(
  rows: number,
  rowHeight: number,
  scrollTop: number,
  viewHeight: number,
  margin = 8,
): ListWindow {
  const full = rows * rowHeight;
  const height = Math.min(full, TALLEST);
  const room = Math.max(1, height - viewHeight);
  const at = full <= TALLEST ? scrollTop : (scrollTop / room) * (full - viewHeight);
  const first = Math.max(0, Math.floor(at / rowHeight) - margin);
  const last = Math.min(rows, Math.ceil((at + viewHeight) / rowHeight) + margin);
  return { first, last, top: scrollTop - at + first * rowHeight, height };
}

/** Where to scroll so that a row is seen; undefined: it is. */
export function scrollFor(
  row: number,
  rows: number,
  rowHeight: number,
  scrollTop: number,
  viewHeight: number,
): number | undefined {
  const full = rows * rowHeight;
  const room = Math.max(1, Math.min(full, TALLEST) - viewHeight);
  const scale = full <= TALLEST ? 1 : (full - viewHeight) / room;
  const at = scrollTop * scale;
  const top = row * rowHeight;
  if (top >= at && top + rowHeight <= at + viewHeight) return undefined;
  const wanted = top - viewHeight / 2 + rowHeight / 2;
  return Math.max(0, Math.min(wanted, full - viewHeight)) / scale;
}
