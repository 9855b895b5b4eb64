import type { Emitter } from './emitter.ts';
import * as W from './opcodes.ts';
import { type Piece, piecesOf } from './pieces.ts';
import { NONE } from './program.ts';
import { slotOf } from './transfer.ts';

const LOADS = { 1: W.I64_LOAD8_U, 2: W.I64_LOAD16_U, 4: W.I64_LOAD32_U, 8: W.I64_LOAD };
const STORES = { 1: W.I64_STORE8, 2: W.I64_STORE16, 4: W.I64_STORE32, 8: W.I64_STORE };

/** Copies `size` bytes from where variable `v` points to `offset` behind the i32 local `to`. */
export function emitCopy(e: Emitter, v: number, size: number, to: number, offset: number): void {
  for (const piece of piecesOf(size)) emitPiece(e, v, piece, to, offset);
}

/** A piece is a slot, two slots that were written as words, or in memory. */
function emitPiece(e: Emitter, v: number, piece: Piece, to: number, offset: number): void {
  const slot = slotOf(e.analysis, e.state, v, piece.offset, piece.size);
  if (slot === NONE && piece.size === 8 && isInHalves(e, v, piece.offset)) {
    emitPiece(e, v, { offset: piece.offset, size: 4 }, to, offset);
    emitPiece(e, v, { offset: piece.offset + 4, size: 4 }, to, offset);
    return;
  }
  e.with(W.LOCAL_GET, to);
  if (slot !== NONE) e.get(slot);
  else e.access(LOADS[piece.size], e.pushAddress(v, piece.offset));
  e.access(STORES[piece.size], offset + piece.offset);
}

function isInHalves(e: Emitter, v: number, offset: number): boolean {
  const half = (at: number) => slotOf(e.analysis, e.state, v, at, 4) !== NONE;
  return half(offset) || half(offset + 4);
}
