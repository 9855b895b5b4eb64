import { C_CPU, H_END, H_FREE, H_FRESH, M_COUNT, NODE_HASH } from '../../runtime/layout.ts';
import { emitCopy } from './copy.ts';
import type { Emitter } from './emitter.ts';
import { I64 } from './encoder.ts';
import type { HashFacts, MapFacts, TableFacts } from './facts.ts';
import { emitFind, emitFindHashed, emitHashOf, type HashLocals } from './hash-lookup.ts';
import type { InPlace } from './in-place.ts';
import * as W from './opcodes.ts';
import { piecesOf } from './pieces.ts';

const BPF_NOEXIST = 1;
const BPF_EXIST = 2;
const ENOENT = -2;
const E2BIG = -7;
const ENOMEM = -12;
const EEXIST = -17;

/**
 * Pushes what bpf_map_update_elem returns, for a hash whose nodes are its own: what `update` of
 * runtime/maps/hash.ts does. A key that is there gets this CPU's spare node at the head of its
 * chain, and its old node is the next spare one.
 */
export function emitHashUpdate(e: Emitter, base: number, form: InPlace & { what: 'update' }): void {
  const { map, flags } = form;
  const hash = map.hash!;
  const table = hash.table!;
  const locals = e.hashLocals();
  emitFind(e, base + 2, map, hash, true);
  e.with(W.LOCAL_GET, locals.node);
  e.start(W.IF, I64);
  if (flags === BPF_NOEXIST) e.i64(EEXIST);
  else emitReplace(e, base, map, hash, table);
  e.op(W.ELSE);
  if (flags === BPF_EXIST) e.i64(ENOENT);
  else emitInsert(e, base, map, hash, table);
  e.op(W.END);
}

/**
 * The same for an LRU: it takes a node first, which may evict an element, even the one with this
 * key, and gives back what is in no chain at the end.
 */
export function emitLruUpdate(e: Emitter, base: number, form: InPlace & { what: 'update' }): void {
  const { map, flags } = form;
  const hash = map.hash!;
  const { node, fresh } = e.hashLocals();
  emitHashOf(e, base + 2, map, hash);
  e.i32(map.address);
  e.with(W.LOCAL_GET, e.hashLocals().hash);
  e.with(W.CALL, e.module.imports.lru!.take);
  e.with(W.LOCAL_TEE, fresh);
  e.start(W.IF, I64);
  emitFill(e, base, map, hash);
  emitFindHashed(e, map, hash, true);
  e.with(W.LOCAL_GET, node);
  e.start(W.IF, I64);
  if (flags === BPF_NOEXIST) emitRefuse(e, map, EEXIST);
  else {
    e.with(W.LOCAL_GET, fresh);
    e.i32(1);
    e.access(W.I32_STORE8, hash.referenced!);
    emitLink(e);
    emitUnlinkOld(e);
    emitGive(e, map, node);
    e.i64(0);
  }
  e.op(W.ELSE);
  if (flags === BPF_EXIST) emitRefuse(e, map, ENOENT);
  else {
    emitLink(e);
    e.i64(0);
  }
  e.op(W.END);
  e.op(W.ELSE);
  e.i64(ENOMEM);
  e.op(W.END);
}

function emitRefuse(e: Emitter, map: MapFacts, error: number): void {
  emitGive(e, map, e.hashLocals().fresh);
  e.i64(error);
}

function emitGive(e: Emitter, map: MapFacts, node: number): void {
  e.i32(map.address);
  e.with(W.LOCAL_GET, node);
  e.with(W.CALL, e.module.imports.lru!.give);
}

/** Pushes what bpf_map_delete_elem returns. The node joins the free ones. */
export function emitHashDelete(e: Emitter, base: number, form: InPlace & { what: 'delete' }): void {
  const { map } = form;
  const { node, link } = e.hashLocals();
  emitFind(e, base + 2, map, map.hash!, true);
  e.with(W.LOCAL_GET, node);
  e.start(W.IF, I64);
  e.with(W.LOCAL_GET, link);
  e.with(W.LOCAL_GET, node);
  e.access(W.I32_LOAD, 0, 2);
  e.access(W.I32_STORE, 0, 2);
  e.with(W.LOCAL_GET, node);
  pushField(e, map, H_FREE);
  e.access(W.I32_STORE, NODE_HASH, 2);
  storeField(e, map, H_FREE, () => e.with(W.LOCAL_GET, node));
  emitCount(e, map, -1);
  e.i64(0);
  e.op(W.ELSE);
  e.i64(ENOENT);
  e.op(W.END);
}

function emitReplace(
  e: Emitter,
  base: number,
  map: MapFacts,
  hash: HashFacts,
  table: TableFacts,
): void {
  const { node, fresh } = e.hashLocals();
  const spare = e.scratch32();
  e.loadCpu(C_CPU);
  e.i32(2);
  e.op(W.I32_SHL);
  e.with(W.LOCAL_TEE, spare);
  e.access(W.I32_LOAD, table.spare, 2);
  e.with(W.LOCAL_SET, fresh);
  e.with(W.LOCAL_GET, spare);
  e.with(W.LOCAL_GET, node);
  e.access(W.I32_STORE, table.spare, 2);
  emitNode(e, base, map, hash);
  emitUnlinkOld(e);
  e.i64(0);
}

/** Takes the old node out of the chain. Its link is in the new node if it was the first. */
function emitUnlinkOld(e: Emitter): void {
  const { node, fresh, link, bucket } = e.hashLocals();
  e.with(W.LOCAL_GET, fresh);
  e.with(W.LOCAL_GET, link);
  e.with(W.LOCAL_GET, link);
  e.with(W.LOCAL_GET, bucket);
  e.op(W.I32_EQ);
  e.op(W.SELECT);
  e.with(W.LOCAL_GET, node);
  e.access(W.I32_LOAD, 0, 2);
  e.access(W.I32_STORE, 0, 2);
}

/** A free node; else one that never was used; else there is none. */
function emitInsert(
  e: Emitter,
  base: number,
  map: MapFacts,
  hash: HashFacts,
  table: TableFacts,
): void {
  const { fresh } = e.hashLocals();
  e.start(W.BLOCK, I64);
  const done = e.depth;
  pushField(e, map, H_FREE);
  e.with(W.LOCAL_TEE, fresh);
  e.start(W.IF);
  storeField(e, map, H_FREE, () => {
    e.with(W.LOCAL_GET, fresh);
    e.access(W.I32_LOAD, NODE_HASH, 2);
  });
  e.op(W.ELSE);
  e.i64(E2BIG);
  pushField(e, map, H_FRESH);
  e.with(W.LOCAL_TEE, fresh);
  pushField(e, map, H_END);
  e.op(W.I32_GE_U);
  e.with(W.BR_IF, e.depth - done);
  e.op(W.DROP);
  storeField(e, map, H_FRESH, () => {
    e.with(W.LOCAL_GET, fresh);
    e.i32(table.stride);
    e.op(W.I32_ADD);
  });
  e.op(W.END);
  emitNode(e, base, map, hash);
  emitCount(e, map, 1);
  e.i64(0);
  e.op(W.END);
}

/** Fills the node `fresh` and puts it at the head of its chain. */
function emitNode(e: Emitter, base: number, map: MapFacts, hash: HashFacts): void {
  emitFill(e, base, map, hash);
  emitLink(e);
}

function emitFill(e: Emitter, base: number, map: MapFacts, hash: HashFacts): void {
  const locals = e.hashLocals();
  emitStoreKey(e, map.keySize, hash.key, locals);
  emitCopy(e, base + 3, map.valueSize, locals.fresh, hash.value);
}

function emitLink(e: Emitter): void {
  const locals = e.hashLocals();
  const { fresh, bucket } = locals;
  e.with(W.LOCAL_GET, fresh);
  e.with(W.LOCAL_GET, bucket);
  e.access(W.I64_LOAD32_U, 0, 2);
  e.with(W.LOCAL_GET, locals.hash);
  e.op(W.I64_EXTEND_I32_U);
  e.i64(32);
  e.op(W.I64_SHL);
  e.op(W.I64_OR);
  e.access(W.I64_STORE, 0, 3);
  e.with(W.LOCAL_GET, bucket);
  e.with(W.LOCAL_GET, fresh);
  e.access(W.I32_STORE, 0, 2);
}

function emitStoreKey(e: Emitter, size: number, key: number, locals: HashLocals): void {
  piecesOf(size).forEach((piece, k) => {
    const isWord = piece.size === 4;
    e.with(W.LOCAL_GET, locals.fresh);
    e.with(W.LOCAL_GET, isWord ? locals.word(2 * k) : locals.piece(k));
    e.access(isWord ? W.I32_STORE : W.I64_STORE, key + piece.offset);
  });
}

/** Pushes a field of the map's header. */
function pushField(e: Emitter, map: MapFacts, field: number): void {
  e.i32(map.address);
  e.access(W.I32_LOAD, field, 2);
}

function storeField(e: Emitter, map: MapFacts, field: number, push: () => void): void {
  e.i32(map.address);
  push();
  e.access(W.I32_STORE, field, 2);
}

function emitCount(e: Emitter, map: MapFacts, by: number): void {
  storeField(e, map, M_COUNT, () => {
    pushField(e, map, M_COUNT);
    e.i32(by);
    e.op(W.I32_ADD);
  });
}
