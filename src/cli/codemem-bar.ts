import type { CodePack } from '../abi/index.ts';
import type { Style } from './io.ts';

/** Cells of the label before a bar. */
const LABEL = 6;

/**
 * A pack as a bar over the width of the terminal: programs in two shades in turn, holes where one
 * is gone, and what belongs to none.
 */
export function packBar(pack: CodePack, columns: number, style: Style): string {
  const width = Math.max(10, columns - LABEL - 1);
  let bar = '';
  for (let cell = 0; cell < width; cell++) {
    bar += cellAt(pack, ((cell + 0.5) * pack.bytes) / width, style);
  }
  return `${String(pack.id).padStart(LABEL - 1)} ${bar}`;
}

function cellAt({ chunks }: CodePack, byte: number, style: Style): string {
  const k = chunks.findIndex(({ offset, bytes }) => byte >= offset && byte < offset + bytes);
  if (k < 0) return style.dim('░');
  if (!chunks[k]!.live) return style.dim('·');
  return k % 2 === 0 ? style.accent('█') : style.accent('▓');
}
