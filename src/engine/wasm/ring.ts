import {
  RB_BUSY,
  RB_CONSUMER,
  RB_DATA,
  RB_DISCARD,
  RB_PENDING,
  RB_PRODUCER,
  RB_WAKEUPS,
} from '../../runtime/layout.ts';
import type { Emitter } from './emitter.ts';
import { I32, I64 } from './encoder.ts';
import type { MapFacts, RingFacts } from './facts.ts';
import { type InPlace, recordBytes } from './in-place.ts';
import * as W from './opcodes.ts';
import { emitCopy } from './copy.ts';

const BPF_RB_NO_WAKEUP = 1;
const BPF_RB_FORCE_WAKEUP = 2;
const EAGAIN = -11;
/** Pages of a ring have 1 << PAGE_SHIFT bytes. */
const PAGE_SHIFT = 12;

/** Locals of ring buffers, which those of one function share. */
export class RingLocals {
  /** i64: where the record begins and ends, as positions. */
  readonly producer: number;
  readonly end: number;
  /** i32: where the record begins, from the first byte of data; its length word. */
  readonly record: number;
  readonly word: number;

  constructor(e: Emitter) {
    this.producer = e.addLocal(I64);
    this.end = e.addLocal(I64);
    this.record = e.addLocal(I32);
    this.word = e.addLocal(I32);
  }
}

/** Pushes a position of the ring, as i64 or (low half) i32. */
function pushPosition(e: Emitter, ring: RingFacts, field: number, opcode = W.I64_LOAD): void {
  e.i32(ring.pages);
  e.access(opcode, field, 2);
}

function storePosition(e: Emitter, ring: RingFacts, field: number, push: () => void): void {
  e.i32(ring.pages);
  push();
  e.access(W.I64_STORE, field, 3);
}

/** Address of the data: what an access relative to `record` adds. */
function dataOf(ring: RingFacts): number {
  return (ring.pages >>> 0) + RB_DATA;
}

/**
 * Leaves the positions of a new record of `length` bytes in the locals; branches to the end of what
 * was opened at depth `full` when there is no room. Only when what is pending is in the way, the
 * runtime looks how far that has become.
 */
function emitRoom(e: Emitter, map: MapFacts, ring: RingFacts, length: number, full: number): void {
  const { producer, end, record } = e.ringLocals();
  const isFree = (field: number) => {
    e.with(W.LOCAL_GET, end);
    pushPosition(e, ring, field);
    e.op(W.I64_SUB);
    e.i64(map.maxEntries, 0);
    e.op(W.I64_LT_U);
  };
  pushPosition(e, ring, RB_PRODUCER);
  e.with(W.LOCAL_TEE, producer);
  e.op(W.I32_WRAP_I64);
  e.i32(map.maxEntries - 1);
  e.op(W.I32_AND);
  e.with(W.LOCAL_SET, record);
  e.with(W.LOCAL_GET, producer);
  e.i64(length);
  e.op(W.I64_ADD);
  e.with(W.LOCAL_SET, end);
  e.start(W.BLOCK);
  isFree(RB_CONSUMER);
  isFree(RB_PENDING);
  e.op(W.I32_AND);
  e.with(W.BR_IF, 0);
  e.i32(map.address);
  e.i32(length);
  e.with(W.CALL, e.module.imports.ringRoom);
  e.op(W.I32_EQZ);
  e.with(W.BR_IF, e.depth - full);
  e.op(W.END);
}

/** Writes the header of the record and moves the producer behind it. */
function emitRecord(e: Emitter, ring: RingFacts, word: number, payload?: () => void): void {
  const { record, end } = e.ringLocals();
  e.with(W.LOCAL_GET, record);
  e.with(W.LOCAL_GET, record);
  e.i32(RB_DATA);
  e.op(W.I32_ADD);
  e.i32(PAGE_SHIFT);
  e.op(W.I32_SHR_U);
  e.op(W.I64_EXTEND_I32_U);
  e.i64(32);
  e.op(W.I64_SHL);
  e.i64(word, 0);
  e.op(W.I64_OR);
  e.access(W.I64_STORE, dataOf(ring), 3);
  payload?.();
  storePosition(e, ring, RB_PRODUCER, () => e.with(W.LOCAL_GET, end));
}

/** Pushes the pointer to a reservation, or 0: bpf_ringbuf_reserve with a size that is known. */
export function emitReserve(e: Emitter, form: InPlace & { what: 'reserve' }): void {
  const { map, ring, size } = form;
  e.start(W.BLOCK, I64);
  const done = e.depth;
  e.start(W.BLOCK);
  emitRoom(e, map, ring, recordBytes(size), e.depth);
  emitRecord(e, ring, size | RB_BUSY);
  e.with(W.LOCAL_GET, e.ringLocals().record);
  e.op(W.I64_EXTEND_I32_U);
  e.i64(dataOf(ring) + 8, map.valueTag);
  e.op(W.I64_ADD);
  e.branch(done);
  e.op(W.END);
  e.i64(0);
  e.op(W.END);
}

/** Pushes 0 or -EAGAIN: bpf_ringbuf_output of as many bytes as are known. */
export function emitOutput(e: Emitter, base: number, form: InPlace & { what: 'output' }): void {
  const { map, ring, size, flags } = form;
  const { record, producer, end } = e.ringLocals();
  e.start(W.BLOCK, I64);
  const done = e.depth;
  e.start(W.BLOCK);
  emitRoom(e, map, ring, recordBytes(size), e.depth);
  emitRecord(e, ring, size, () => emitCopy(e, base + 2, size, record, dataOf(ring) + 8));
  pushPosition(e, ring, RB_PENDING);
  e.with(W.LOCAL_GET, producer);
  e.op(W.I64_EQ);
  e.start(W.IF);
  storePosition(e, ring, RB_PENDING, () => e.with(W.LOCAL_GET, end));
  e.op(W.END);
  emitWakeup(e, map, ring, flags);
  e.i64(0);
  e.branch(done);
  e.op(W.END);
  e.i64(EAGAIN);
  e.op(W.END);
}

/** Counts a wake-up: if the reader waits for this record, unless the flags say otherwise. */
function emitWakeup(e: Emitter, map: MapFacts, ring: RingFacts, flags: number): void {
  const isForced = (flags & BPF_RB_FORCE_WAKEUP) !== 0;
  if (!isForced && flags & BPF_RB_NO_WAKEUP) return;
  if (!isForced) {
    emitIsAt(e, map, ring, RB_CONSUMER);
    e.start(W.IF);
  }
  e.i32(ring.pages);
  pushPosition(e, ring, RB_WAKEUPS, W.I32_LOAD);
  e.i32(1);
  e.op(W.I32_ADD);
  e.access(W.I32_STORE, RB_WAKEUPS, 2);
  if (!isForced) e.op(W.END);
}

/** Pushes whether a position is that of the record. */
function emitIsAt(e: Emitter, map: MapFacts, ring: RingFacts, field: number): void {
  pushPosition(e, ring, field, W.I32_LOAD);
  e.i32(map.maxEntries - 1);
  e.op(W.I32_AND);
  e.with(W.LOCAL_GET, e.ringLocals().record);
  e.op(W.I32_EQ);
}

/**
 * bpf_ringbuf_submit and bpf_ringbuf_discard; pushes 0. A pointer with the tag of all data of a
 * ring has no region of its own to give back, and the tag says which ring it is. For any other
 * pointer, `other` calls the helper and pushes what that returns.
 */
export function emitCommit(
  e: Emitter,
  base: number,
  form: InPlace & { what: 'commit' },
  other: () => void,
): void {
  e.start(W.BLOCK, I64);
  const done = e.depth;
  for (const map of e.world.rings) {
    e.get(base + 1);
    e.i64(32);
    e.op(W.I64_SHR_U);
    e.op(W.I32_WRAP_I64);
    e.i32(map.valueTag);
    e.op(W.I32_EQ);
    e.start(W.IF);
    emitCommitTo(e, base, map, map.ring!, form);
    e.i64(0);
    e.branch(done);
    e.op(W.END);
  }
  other();
  e.op(W.END);
}

function emitCommitTo(
  e: Emitter,
  base: number,
  map: MapFacts,
  ring: RingFacts,
  { flags, discards }: InPlace & { what: 'commit' },
): void {
  const { record, word } = e.ringLocals();
  e.get32(base + 1);
  e.i32(dataOf(ring) + 8);
  e.op(W.I32_SUB);
  e.with(W.LOCAL_TEE, record);
  e.with(W.LOCAL_GET, record);
  e.access(W.I32_LOAD, dataOf(ring), 2);
  e.i32(~RB_BUSY);
  e.op(W.I32_AND);
  e.with(W.LOCAL_TEE, word);
  if (discards) {
    e.i32(RB_DISCARD);
    e.op(W.I32_OR);
  }
  e.access(W.I32_STORE, dataOf(ring), 2);
  emitIsAt(e, map, ring, RB_PENDING);
  e.start(W.IF);
  storePosition(e, ring, RB_PENDING, () => {
    pushPosition(e, ring, RB_PENDING);
    e.with(W.LOCAL_GET, word);
    e.i32(15);
    e.op(W.I32_ADD);
    e.i32(-8);
    e.op(W.I32_AND);
    e.op(W.I64_EXTEND_I32_U);
    e.op(W.I64_ADD);
  });
  e.op(W.END);
  emitWakeup(e, map, ring, flags);
}
