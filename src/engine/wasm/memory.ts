import {
  BPF_ABS,
  BPF_ADD,
  BPF_AND,
  BPF_CMPXCHG,
  BPF_FETCH,
  BPF_MEMSX,
  BPF_OR,
  BPF_ST,
  BPF_XCHG,
  BPF_XOR,
} from '../../isa/index.ts';
import { C_CTX, FAULT_BAD_INSN, FAULT_UNALIGNED } from '../../runtime/layout.ts';
import { emitCheck } from './checks.ts';

import type { Emitter } from './emitter.ts';
import { accessSize } from './insn.ts';
import * as W from './opcodes.ts';
import { NONE } from './program.ts';
import { slotOf } from './transfer.ts';
import { setValue, V_CONST, V_MAP_VALUE, V_UNKNOWN } from './values.ts';

const LOADS: Readonly<Record<number, number>> = {
  1: W.I64_LOAD8_U,
  2: W.I64_LOAD16_U,
  4: W.I64_LOAD32_U,
  8: W.I64_LOAD,
};
const SIGNED_LOADS: Readonly<Record<number, number>> = {
  1: W.I64_LOAD8_S,
  2: W.I64_LOAD16_S,
  4: W.I64_LOAD32_S,
};
const STORES: Readonly<Record<number, number>> = {
  1: W.I64_STORE8,
  2: W.I64_STORE16,
  4: W.I64_STORE32,
  8: W.I64_STORE,
};
const SIGN_EXTENSIONS: Readonly<Record<number, number>> = {
  1: W.I64_EXTEND8_S,
  2: W.I64_EXTEND16_S,
  4: W.I64_EXTEND32_S,
};

export function emitLoad(e: Emitter, i: number, base: number): void {
  const { code } = e.program;
  const op = code.op[i];
  const size = accessSize(op);
  const pointer = base + code.src[i];
  const off = code.off[i];
  const dst = base + code.dst[i];
  const signed = (op & 0xe0) === BPF_MEMSX;
  const slot = slotOf(e.analysis, e.state, pointer, off, size);
  if (slot !== NONE) {
    e.get(slot);
    if (signed) e.op(SIGN_EXTENSIONS[size]);
    else e.copyShadow(dst, slot);
  } else {
    emitCheck(e, { pointer, off, size, write: false, insn: i });
    const offset = e.pushAddress(pointer, off);
    e.access((signed ? SIGNED_LOADS : LOADS)[size], offset);
  }
  e.set(dst);
}

export function emitStore(e: Emitter, i: number, base: number): void {
  const { code } = e.program;
  const op = code.op[i];
  const size = accessSize(op);
  const pointer = base + code.dst[i];
  const off = code.off[i];
  const isImmediate = (op & 7) === BPF_ST;
  const slot = slotOf(e.analysis, e.state, pointer, off, size);
  if (slot !== NONE) {
    e.operand(i, base, !isImmediate);
    emitTruncation(e, size);
    e.set(slot);
    if (!isImmediate && size === 8) e.copyShadow(slot, base + code.src[i]);
    return;
  }
  emitCheck(e, { pointer, off, size, write: true, insn: i });
  const offset = e.pushAddress(pointer, off);
  e.operand(i, base, !isImmediate);
  e.access(STORES[size], offset);
}

/** What a slot smaller than 8 bytes keeps of the value on the stack. */
function emitTruncation(e: Emitter, size: number): void {
  if (size === 8) return;
  e.i64(size === 4 ? -1 : (1 << (size * 8)) - 1, 0);
  e.op(W.I64_AND);
}

const ATOMIC_INDEX: Readonly<Record<number, number>> = {
  [BPF_ADD]: 0,
  [BPF_AND]: 2,
  [BPF_OR]: 3,
  [BPF_XOR]: 4,
  [BPF_XCHG]: 5,
  [BPF_CMPXCHG]: 6,
};
const PLAIN: Readonly<Record<number, number>> = {
  [BPF_ADD]: W.I64_ADD,
  [BPF_AND]: W.I64_AND,
  [BPF_OR]: W.I64_OR,
  [BPF_XOR]: W.I64_XOR,
};

export function emitAtomic(e: Emitter, i: number, base: number): void {
  const { code } = e.program;
  const imm = code.imm[i];
  const size = accessSize(code.op[i]);
  const pointer = base + code.dst[i];
  const off = code.off[i];
  const operation = imm === BPF_XCHG || imm === BPF_CMPXCHG ? imm : imm & ~BPF_FETCH;
  emitCheck(e, { pointer, off, size, write: true, insn: i });
  if (e.world.checks || e.world.facts.shared) emitAlignmentCheck(e, pointer, off, size, i);
  const offset = e.pushAddress(pointer, off);
  const atomic: Atomic = {
    operation,
    size,
    offset,
    src: base + code.src[i],
    r0: base,
    fetches: (imm & BPF_FETCH) !== 0,
  };
  if (e.world.facts.shared) emitSharedAtomic(e, atomic);
  else emitPlainAtomic(e, atomic);
}

interface Atomic {
  readonly operation: number;
  readonly size: number;
  readonly offset: number;
  readonly src: number;
  readonly r0: number;
  readonly fetches: boolean;
}

/** An address that is known at compile time to be aligned needs no test. */
function emitAlignmentCheck(e: Emitter, pointer: number, off: number, size: number, insn: number) {
  if (isAligned(e, pointer, off, size)) return;
  const address = e.scratch64();
  e.get(pointer);
  e.i64(off);
  e.op(W.I64_ADD);
  e.with(W.LOCAL_TEE, address);
  e.op(W.I32_WRAP_I64);
  e.i32(size - 1);
  e.op(W.I32_AND);
  e.start(W.IF);
  e.i32(FAULT_UNALIGNED);
  e.i32(insn);
  e.with(W.LOCAL_GET, address);
  e.i32(size);
  e.i32(1);
  e.with(W.CALL, e.module.fault);
  e.op(W.END);
}

function isAligned(e: Emitter, pointer: number, off: number, size: number): boolean {
  const isMultiple = (n: number) => (n & (size - 1)) === 0;
  if (e.kind(pointer) === V_CONST) return isMultiple(e.word(pointer, 1) + off);
  if (e.kind(pointer) !== V_MAP_VALUE || e.word(pointer, 3) !== 0) return false;
  const map = e.world.mapOfTag(e.word(pointer, 1));
  const isArray = map?.isArray === true && map.region.start !== 0;
  return isArray && isMultiple(map.values | map.stride) && isMultiple(e.word(pointer, 2) + off);
}

/** The address is on the stack. */
function emitSharedAtomic(e: Emitter, { operation, size, offset, src, r0, fetches }: Atomic): void {
  const first = size === 8 ? W.I64_ATOMIC_RMW_ADD : W.I64_ATOMIC_RMW32_ADD;
  const opcode = first + ATOMIC_INDEX[operation] * W.ATOMIC_RMW_STEP;
  const isCompare = operation === BPF_CMPXCHG;
  if (isCompare) {
    e.get(r0);
    // The 64-bit form of a 32-bit compare would compare all 64 bits.
    emitTruncation(e, size);
  }
  e.get(src);
  if (isCompare) emitTruncation(e, size);
  e.op(W.ATOMIC);
  e.sink.u32(opcode);
  e.sink.u32(size === 8 ? 3 : 2);
  e.sink.u32(offset);
  if (!fetches) e.op(W.DROP);
  else e.set(isCompare ? r0 : src);
}

/** One thread: load, compute, store. */
function emitPlainAtomic(e: Emitter, atomic: Atomic): void {
  const { operation, size, offset, src, r0, fetches } = atomic;
  const address = e.scratch32();
  const old = e.scratch64();
  e.with(W.LOCAL_TEE, address);
  e.with(W.LOCAL_GET, address);
  e.access(LOADS[size], offset);
  e.with(W.LOCAL_SET, old);
  if (operation === BPF_CMPXCHG) {
    e.get(src);
    e.with(W.LOCAL_GET, old);
    e.with(W.LOCAL_GET, old);
    e.get(r0);
    emitTruncation(e, size);
    e.op(W.I64_EQ);
    e.op(W.SELECT);
  } else if (operation === BPF_XCHG) e.get(src);
  else {
    e.with(W.LOCAL_GET, old);
    e.get(src);
    e.op(PLAIN[operation]);
  }
  e.access(STORES[size], offset);
  if (!fetches) return;
  e.with(W.LOCAL_GET, old);
  e.set(operation === BPF_CMPXCHG ? r0 : src);
}

/**
 * ld_abs and ld_ind: big-endian load from the packet at C_CTX. Outside of it the function returns
 * 0; `leave` emits that return (the value is in r0).
 */
export function emitPacketLoad(e: Emitter, i: number, base: number, leave: () => void): void {
  const { code } = e.program;
  const op = code.op[i];
  const packet = e.world.image.context.packet;
  if (packet === undefined) {
    e.module.emitFault(e, FAULT_BAD_INSN, i);
    return;
  }
  const context = e.scratch32();
  const value = e.scratch64();
  e.makesCalls = true;
  e.loadCpu(C_CTX);
  e.with(W.LOCAL_SET, context);
  const field = (offset: number) => {
    e.with(W.LOCAL_GET, context);
    e.access(W.I32_LOAD, offset);
  };
  field(packet.start);
  field(packet.end);
  if (packet.network === undefined) e.i32(-1);
  else field(packet.network);
  e.i32(code.imm[i]);
  if ((op & 0xe0) !== BPF_ABS) {
    e.get32(base + code.src[i]);
    e.op(W.I32_ADD);
  }
  e.i32(accessSize(op));
  e.with(W.CALL, e.module.imports.packetLoad);
  e.with(W.LOCAL_TEE, value);
  e.i64(0);
  e.op(W.I64_LT_S);
  e.start(W.IF);
  e.i64(0);
  e.set(base);
  // What was known of r0 before the load is not what the return gives.
  setValue(e.state, base, V_UNKNOWN);
  leave();
  e.op(W.END);
  e.with(W.LOCAL_GET, value);
  e.set(base);
}

/** Adds one to the counter of block `counter` (profiling). */
export function emitCount(e: Emitter, counter: number): void {
  e.with(W.GLOBAL_GET, e.module.counters);
  e.with(W.GLOBAL_GET, e.module.counters);
  e.access(W.I64_LOAD, counter * 8, 3);
  e.i64(1);
  e.op(W.I64_ADD);
  e.access(W.I64_STORE, counter * 8, 3);
}
