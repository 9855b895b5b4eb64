import { C_CPU } from '../../runtime/layout.ts';
import type { Emitter } from './emitter.ts';
import { I32, I64 } from './encoder.ts';
import type { HashFacts, MapFacts } from './facts.ts';
import * as W from './opcodes.ts';
import { piecesOf } from './pieces.ts';
import { NONE } from './program.ts';
import { slotOf } from './transfer.ts';

/** Links followed before the loop begins: V8 asks for interrupts at every turn of a loop. */
const STEPS = 2;

/** Sizes of keys that compiled code looks up itself: whole words, not too many. */
export function isShortKey(size: number): boolean {
  return size > 0 && size <= 64 && size % 4 === 0;
}

/** Locals of look-ups, which those of one function share. */
export class HashLocals {
  readonly state: readonly [number, number, number];
  readonly node: number;
  /** For updates: addresses of the bucket, of the link to the node, of the new node. */
  readonly bucket: number;
  readonly link: number;
  readonly fresh: number;
  private readonly e: Emitter;
  private readonly words: number[] = [];
  private readonly pieces: number[] = [];

  constructor(e: Emitter) {
    this.e = e;
    this.state = [e.addLocal(I32), e.addLocal(I32), e.addLocal(I32)];
    this.node = e.addLocal(I32);
    this.bucket = e.addLocal(I32);
    this.link = e.addLocal(I32);
    this.fresh = e.addLocal(I32);
  }

  /** i32: hash of the key, when it is whole. */
  get hash(): number {
    return this.state[2];
  }

  /** i32: word `k` of the key. */
  word(k: number): number {
    return (this.words[k] ??= this.e.addLocal(I32));
  }

  /** i64: piece `k` of the key, if it is one of 8 bytes. */
  piece(k: number): number {
    return (this.pieces[k] ??= this.e.addLocal(I64));
  }
}

/**
 * Pushes the pointer to the value of a key, or 0: what `<type>_lookup_<size>` of the runtime does
 * (runtime/core/hash.ts), with all that the map's header says written into the code.
 */
export function emitHashLookup(e: Emitter, base: number, map: MapFacts, hash: HashFacts): void {
  emitFind(e, base + 2, map, hash, false);
  emitResult(e, map, hash, e.hashLocals().node);
}

/**
 * Leaves the node of the key at variable `v`, or 0, in a local; for updates (`links`) its bucket
 * and the address of the link that leads to it as well.
 */
export function emitFind(
  e: Emitter,
  v: number,
  map: MapFacts,
  hash: HashFacts,
  links: boolean,
): void {
  emitHashOf(e, v, map, hash);
  emitFindHashed(e, map, hash, links);
}

/** Reads the key at variable `v` into locals, and hashes it. */
export function emitHashOf(e: Emitter, v: number, map: MapFacts, hash: HashFacts): void {
  const locals = e.hashLocals();
  emitKey(e, v, map.keySize, locals);
  emitHash(e, map.keySize >> 2, hash.init, locals);
}

/** `emitFind` for a key that is in the locals. */
export function emitFindHashed(e: Emitter, map: MapFacts, hash: HashFacts, links: boolean): void {
  const locals = e.hashLocals();
  e.with(W.LOCAL_GET, locals.hash);
  e.i32(hash.mask);
  e.op(W.I32_AND);
  e.i32(2);
  e.op(W.I32_SHL);
  if (links) {
    e.i32(hash.buckets);
    e.op(W.I32_ADD);
    e.with(W.LOCAL_TEE, locals.bucket);
    e.with(W.LOCAL_TEE, locals.link);
  }
  e.access(W.I32_LOAD, links ? 0 : hash.buckets, 2);
  e.with(W.LOCAL_SET, locals.node);
  emitWalk(e, map.keySize, hash.key, locals, links);
}

// ---- The key --------------------------------------------------------------------------------

/** Reads the key of variable `v` into words, and into the pieces it is compared by. */
function emitKey(e: Emitter, v: number, keySize: number, locals: HashLocals): void {
  piecesOf(keySize).forEach(({ offset, size }, k) => {
    const slot = slotOf(e.analysis, e.state, v, offset, size);
    if (size === 8 && slot !== NONE) emitPieceInSlot(e, slot, k, locals);
    else if (size === 8) emitPieceOfWords(e, v, k, locals);
    else {
      pushWord(e, v, 2 * k);
      e.with(W.LOCAL_SET, locals.word(2 * k));
    }
  });
}

/**
 * A word of a key: a slot, or in memory in halves, because 32 bits of two fields just written are
 * read late (see keyWord in runtime/core/jhash.ts). Keys rarely begin with a field of 16 bits.
 */
function pushWord(e: Emitter, v: number, w: number): void {
  const slot = slotOf(e.analysis, e.state, v, 4 * w, 4);
  if (slot !== NONE) return e.get32(slot);
  if (w === 0) return e.access(W.I32_LOAD, e.pushAddress(v, 0));
  e.access(W.I32_LOAD16_U, e.pushAddress(v, 4 * w));
  e.access(W.I32_LOAD16_U, e.pushAddress(v, 4 * w + 2));
  e.i32(16);
  e.op(W.I32_SHL);
  e.op(W.I32_OR);
}

function emitPieceInSlot(e: Emitter, slot: number, k: number, locals: HashLocals): void {
  const piece = locals.piece(k);
  e.get(slot);
  e.with(W.LOCAL_TEE, piece);
  e.op(W.I32_WRAP_I64);
  e.with(W.LOCAL_SET, locals.word(2 * k));
  e.with(W.LOCAL_GET, piece);
  e.i64(32);
  e.op(W.I64_SHR_U);
  e.op(W.I32_WRAP_I64);
  e.with(W.LOCAL_SET, locals.word(2 * k + 1));
}

function emitPieceOfWords(e: Emitter, v: number, k: number, locals: HashLocals): void {
  const [low, high] = [locals.word(2 * k), locals.word(2 * k + 1)];
  pushWord(e, v, 2 * k);
  e.with(W.LOCAL_SET, low);
  pushWord(e, v, 2 * k + 1);
  e.with(W.LOCAL_SET, high);
  e.with(W.LOCAL_GET, low);
  e.op(W.I64_EXTEND_I32_U);
  e.with(W.LOCAL_GET, high);
  e.op(W.I64_EXTEND_I32_U);
  e.i64(32);
  e.op(W.I64_SHL);
  e.op(W.I64_OR);
  e.with(W.LOCAL_SET, locals.piece(k));
}

// ---- jhash (runtime/core/jhash.ts) ------------------------------------------------------------

/** Leaves the hash of the first `count` words in the third word of the state. */
function emitHash(e: Emitter, count: number, init: number, locals: HashLocals): void {
  const { state } = locals;
  for (const local of state) {
    e.i32(init);
    e.with(W.LOCAL_SET, local);
  }
  let word = 0;
  for (; count - word > 3; word += 3) {
    emitWords(e, locals, word, 3);
    emitMix(e, state);
  }
  emitWords(e, locals, word, count - word);
  emitFinal(e, state);
}

/** Adds up to three words to the state. */
function emitWords(e: Emitter, locals: HashLocals, first: number, count: number): void {
  for (let k = 0; k < count; k++) {
    e.addTo(locals.state[k], () => e.with(W.LOCAL_GET, locals.word(first + k)));
  }
}

/** x = (x - y) ^ rotl(y, bits); y += z */
const MIX: readonly (readonly [number, number, number])[] = [
  [0, 2, 4],
  [1, 0, 6],
  [2, 1, 8],
  [0, 2, 16],
  [1, 0, 19],
  [2, 1, 4],
];

function emitMix(e: Emitter, state: readonly number[]): void {
  for (const [x, y, bits] of MIX) {
    e.with(W.LOCAL_GET, state[x]);
    e.with(W.LOCAL_GET, state[y]);
    e.op(W.I32_SUB);
    emitRotated(e, state[y], bits);
    e.op(W.I32_XOR);
    e.with(W.LOCAL_SET, state[x]);
    e.addTo(state[y], () => e.with(W.LOCAL_GET, state[3 - x - y]));
  }
}

/** x = (x ^ y) - rotl(y, bits) */
const FINAL: readonly (readonly [number, number, number])[] = [
  [2, 1, 14],
  [0, 2, 11],
  [1, 0, 25],
  [2, 1, 16],
  [0, 2, 4],
  [1, 0, 14],
  [2, 1, 24],
];

function emitFinal(e: Emitter, state: readonly number[]): void {
  for (const [x, y, bits] of FINAL) {
    e.with(W.LOCAL_GET, state[x]);
    e.with(W.LOCAL_GET, state[y]);
    e.op(W.I32_XOR);
    emitRotated(e, state[y], bits);
    e.op(W.I32_SUB);
    e.with(W.LOCAL_SET, state[x]);
  }
}

function emitRotated(e: Emitter, local: number, bits: number): void {
  e.with(W.LOCAL_GET, local);
  e.i32(bits);
  e.op(W.I32_ROTL);
}

// ---- The chain --------------------------------------------------------------------------------

/** Follows links until the node is the key's, or 0. */
function emitWalk(
  e: Emitter,
  keySize: number,
  offset: number,
  locals: HashLocals,
  links: boolean,
): void {
  e.start(W.BLOCK);
  const out = e.depth;
  for (let step = 0; step < STEPS; step++) emitStep(e, keySize, offset, locals, out, links);
  e.start(W.LOOP);
  const again = e.depth;
  emitStep(e, keySize, offset, locals, out, links);
  e.branch(again);
  e.op(W.END);
  e.op(W.END);
}

function emitStep(
  e: Emitter,
  keySize: number,
  offset: number,
  locals: HashLocals,
  out: number,
  links: boolean,
): void {
  const { node } = locals;
  e.with(W.LOCAL_GET, node);
  e.op(W.I32_EQZ);
  e.with(W.BR_IF, e.depth - out);
  e.start(W.BLOCK);
  const other = e.depth;
  const pieces = piecesOf(keySize);
  pieces.forEach((piece, k) => {
    const isLast = k === pieces.length - 1;
    const isWord = piece.size === 4;
    e.with(W.LOCAL_GET, node);
    e.access(isWord ? W.I32_LOAD : W.I64_LOAD, offset + piece.offset);
    e.with(W.LOCAL_GET, isWord ? locals.word(2 * k) : locals.piece(k));
    if (isLast) e.op(isWord ? W.I32_EQ : W.I64_EQ);
    else e.op(W.I64_NE);
    e.with(W.BR_IF, e.depth - (isLast ? out : other));
  });
  e.op(W.END);
  e.with(W.LOCAL_GET, node);
  if (links) e.with(W.LOCAL_TEE, locals.link);
  e.access(W.I32_LOAD, 0, 2);
  e.with(W.LOCAL_SET, node);
}

/** Pushes the pointer to the node's value, and marks the node as used if the map wants that. */
function emitResult(e: Emitter, map: MapFacts, hash: HashFacts, node: number): void {
  e.with(W.LOCAL_GET, node);
  e.start(W.IF, I64);
  if (hash.referenced !== undefined) emitTouch(e, node, hash.referenced);
  e.with(W.LOCAL_GET, node);
  if (hash.home !== undefined) {
    e.access(W.I32_LOAD, hash.home, 2);
    e.loadCpu(C_CPU);
    e.i32(map.cpuStride);
    e.op(W.I32_MUL);
    e.op(W.I32_ADD);
  }
  e.op(W.I64_EXTEND_I32_U);
  e.i64(hash.home === undefined ? hash.value : 0, map.valueTag);
  e.op(W.I64_ADD);
  e.op(W.ELSE);
  e.i64(0);
  e.op(W.END);
}

function emitTouch(e: Emitter, node: number, referenced: number): void {
  e.with(W.LOCAL_GET, node);
  e.access(W.I32_LOAD8_U, referenced);
  e.op(W.I32_EQZ);
  e.start(W.IF);
  e.with(W.LOCAL_GET, node);
  e.i32(1);
  e.access(W.I32_STORE8, referenced);
  e.op(W.END);
}
