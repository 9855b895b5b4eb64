import { C_CPU } from '../../runtime/layout.ts';
import type { Emitter } from './emitter.ts';
import { I32, I64 } from './encoder.ts';
import type { HashFacts, MapFacts } from './facts.ts';
import * as W from './opcodes.ts';
import { NONE } from './program.ts';
import { slotOf } from './transfer.ts';

/** Links followed before the loop begins: V8 asks for interrupts at every turn of a loop. */
const STEPS = 2;

/** How compiled code reads a key: one word of 4 bytes, or words of 8. */
export function keyPieces(keySize: number): { readonly size: number; readonly count: number } {
  return keySize === 4 ? { size: 4, count: 1 } : { size: 8, count: keySize / 8 };
}

/** Locals of one look-up; functions with many of them share these. */
export interface HashLocals {
  readonly words: readonly number[];
  readonly key: readonly number[];
  readonly state: readonly [number, number, number];
  readonly node: number;
}

/** Makes the locals a look-up needs; words of the key are i32, pieces to compare i64. */
export function hashLocals(e: Emitter): HashLocals {
  const four = [0, 0, 0, 0];
  return {
    words: four.map(() => e.addLocal(I32)),
    key: [e.addLocal(I64), e.addLocal(I64)],
    state: [e.addLocal(I32), e.addLocal(I32), e.addLocal(I32)],
    node: e.addLocal(I32),
  };
}

/**
 * Pushes the pointer to the value of a key, or 0: what `<type>_lookup_<size>` of the runtime does
 * (runtime/core/hash.ts), with all that the map's header says written into the code.
 */
export function emitHashLookup(e: Emitter, base: number, map: MapFacts, hash: HashFacts): void {
  const locals = e.hashLocals();
  emitKey(e, base + 2, map.keySize, locals);
  emitHash(e, map.keySize >> 2, hash.init, locals);
  e.with(W.LOCAL_GET, locals.state[2]);
  e.i32(hash.mask);
  e.op(W.I32_AND);
  e.i32(2);
  e.op(W.I32_SHL);
  e.access(W.I32_LOAD, hash.buckets, 2);
  e.with(W.LOCAL_SET, locals.node);
  emitWalk(e, map.keySize, hash.key, locals);
  emitResult(e, map, hash, locals.node);
}

// ---- The key --------------------------------------------------------------------------------

/** Reads the key of variable `v` into words, and into the pieces it is compared by. */
function emitKey(e: Emitter, v: number, keySize: number, { words, key }: HashLocals): void {
  const { size, count } = keyPieces(keySize);
  for (let k = 0; k < count; k++) {
    const slot = slotOf(e.analysis, e.state, v, k * size, size);
    if (size === 4) emitWord(e, v, slot, words[0]);
    else if (slot === NONE) emitPieceInMemory(e, v, k, words, key[k]);
    else emitPieceInSlot(e, slot, words, k, key[k]);
  }
}

function emitWord(e: Emitter, v: number, slot: number, word: number): void {
  if (slot === NONE) e.access(W.I32_LOAD, e.pushAddress(v, 0));
  else e.get32(slot);
  e.with(W.LOCAL_SET, word);
}

function emitPieceInSlot(
  e: Emitter,
  slot: number,
  words: readonly number[],
  k: number,
  piece: number,
): void {
  e.get(slot);
  e.with(W.LOCAL_TEE, piece);
  e.op(W.I32_WRAP_I64);
  e.with(W.LOCAL_SET, words[2 * k]);
  e.with(W.LOCAL_GET, piece);
  e.i64(32);
  e.op(W.I64_SHR_U);
  e.op(W.I32_WRAP_I64);
  e.with(W.LOCAL_SET, words[2 * k + 1]);
}

/** In halves of words (see keyWord in runtime/core/jhash.ts): but for the first of all. */
function emitPieceInMemory(
  e: Emitter,
  v: number,
  k: number,
  words: readonly number[],
  piece: number,
): void {
  for (let w = 2 * k; w < 2 * k + 2; w++) {
    if (w === 0) e.access(W.I32_LOAD, e.pushAddress(v, 0));
    else {
      e.access(W.I32_LOAD16_U, e.pushAddress(v, 4 * w));
      e.access(W.I32_LOAD16_U, e.pushAddress(v, 4 * w + 2));
      e.i32(16);
      e.op(W.I32_SHL);
      e.op(W.I32_OR);
    }
    e.with(W.LOCAL_SET, words[w]);
  }
  e.with(W.LOCAL_GET, words[2 * k]);
  e.op(W.I64_EXTEND_I32_U);
  e.with(W.LOCAL_GET, words[2 * k + 1]);
  e.op(W.I64_EXTEND_I32_U);
  e.i64(32);
  e.op(W.I64_SHL);
  e.op(W.I64_OR);
  e.with(W.LOCAL_SET, piece);
}

// ---- jhash (runtime/core/jhash.ts) ------------------------------------------------------------

/** Leaves the hash of `count` words (1, 2 or 4) in the third word of the state. */
function emitHash(e: Emitter, count: number, init: number, { words, state }: HashLocals): void {
  const first = Math.min(count, 3);
  state.forEach((local, k) => {
    e.i32(init);
    if (k < first) addLocal(e, words[k]);
    e.with(W.LOCAL_SET, local);
  });
  if (count === 4) {
    emitMix(e, state);
    e.with(W.LOCAL_GET, words[3]);
    addLocal(e, state[0]);
    e.with(W.LOCAL_SET, state[0]);
  }
  emitFinal(e, state);
}

function addLocal(e: Emitter, local: number): void {
  e.with(W.LOCAL_GET, local);
  e.op(W.I32_ADD);
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
    e.with(W.LOCAL_GET, state[3 - x - y]);
    addLocal(e, state[y]);
    e.with(W.LOCAL_SET, state[y]);
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
function emitWalk(e: Emitter, keySize: number, offset: number, locals: HashLocals): void {
  e.start(W.BLOCK);
  const out = e.depth;
  for (let step = 0; step < STEPS; step++) emitStep(e, keySize, offset, locals, out);
  e.start(W.LOOP);
  const again = e.depth;
  emitStep(e, keySize, offset, locals, out);
  e.branch(again);
  e.op(W.END);
  e.op(W.END);
}

function emitStep(
  e: Emitter,
  keySize: number,
  offset: number,
  { words, key, node }: HashLocals,
  out: number,
): void {
  e.with(W.LOCAL_GET, node);
  e.op(W.I32_EQZ);
  e.with(W.BR_IF, e.depth - out);
  e.with(W.LOCAL_GET, node);
  e.access(keySize === 4 ? W.I32_LOAD : W.I64_LOAD, offset);
  e.with(W.LOCAL_GET, keySize === 4 ? words[0] : key[0]);
  e.op(keySize === 4 ? W.I32_EQ : W.I64_EQ);
  if (keySize === 16) {
    e.start(W.IF);
    e.with(W.LOCAL_GET, node);
    e.access(W.I64_LOAD, offset + 8);
    e.with(W.LOCAL_GET, key[1]);
    e.op(W.I64_EQ);
    e.with(W.BR_IF, e.depth - out);
    e.op(W.END);
  } else {
    e.with(W.BR_IF, e.depth - out);
  }
  e.with(W.LOCAL_GET, node);
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
