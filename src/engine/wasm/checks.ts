import { I64 } from './encoder.ts';
import type { Emitter } from './emitter.ts';
import type { MapFacts } from './facts.ts';
import * as W from './opcodes.ts';
import { C_STACK, C_STACK_END } from '../../runtime/layout.ts';
import { packetFields } from '../context.ts';
import { NONE } from './program.ts';
import { STACK_TAG } from './tags.ts';
import {
  isInWindow,
  PURE,
  tagOf,
  V_CONST,
  V_CTX,
  V_MAP_VALUE,
  V_MAYBE_MAP_VALUE,
  V_MAYBE_PACKET,
  V_MAYBE_STACK,
  V_PACKET,
  V_STACK,
  WORDS,
} from './values.ts';

/** One access: pointer variable, offset, bytes, instruction. */
export interface Access {
  readonly pointer: number;
  readonly off: number;
  readonly size: number;
  readonly write: boolean;
  readonly insn: number;
}

/** Whether what is known of the pointer proves the access. */
export function isProven(e: Emitter, { pointer, off, size, write }: Access): boolean {
  const a = e.word(pointer, 1);
  switch (e.kind(pointer)) {
    case V_STACK:
      return a + off >= -e.extent && a + off + size <= 0;
    case V_MAYBE_STACK: {
      const extent = e.word(pointer, 3);
      const inside = a + off >= -e.extent && a + extent - 1 + off + size <= 0;
      return e.word(pointer, 2) === PURE && extent > 0 && inside;
    }
    case V_CTX:
      return isContextData(e, a + off, size, write);
    case V_PACKET:
      return a + off >= 0 && a + off + size <= e.word(pointer, 3);
    case V_MAP_VALUE: {
      const map = e.world.mapOfTag(a);
      const at = e.word(pointer, 2) + off;
      return (
        map !== undefined &&
        mayAccess(map, write) &&
        at >= 0 &&
        at + e.word(pointer, 3) + size <= map.valueSize
      );
    }
    case V_CONST:
      return isGlobalData(e, a + off, e.word(pointer, 2), size, write);
    default:
      return false;
  }
}

/** Inside the context, and no write to its packet pointers. */
function isContextData(e: Emitter, at: number, size: number, write: boolean): boolean {
  const { context } = e.world.image;
  const guard = packetFields(context);
  const inside = at >= 0 && at + size <= context.size;
  return inside && !(write && guard && at < guard.end && at + size > guard.start);
}

function mayAccess(map: MapFacts, write: boolean): boolean {
  return write ? map.writable : map.readable;
}

/** A constant address inside value 0 of a map. */
function isGlobalData(e: Emitter, low: number, tag: number, size: number, write: boolean): boolean {
  const map = tag === 0 ? undefined : e.world.mapOfTag(tag);
  if (map === undefined || !mayAccess(map, write)) return false;
  const at = low - map.values;
  return at >= 0 && at + size <= map.valueSize;
}

/** In checked code: makes sure that the access is right, or ends the run. */
export function emitCheck(e: Emitter, access: Access): void {
  if (!e.world.checks || isProven(e, access)) return;
  const { pointer, off, write } = access;
  if (isInWindow(e.state, pointer, off, access.size, write)) return;
  if (!emitRangeTest(e, access)) {
    e.needsRegions = true;
    callCheck(e, access);
    return;
  }
  e.op(W.I32_EQZ);
  e.start(W.IF);
  // Hardly ever here: what the check needs is made ready only now, where that is possible.
  if (e.context === NONE) e.needsRegions = true;
  else e.module.callOpenRegions(e, e.context);
  const sure = isSure(e, access.pointer);
  callCheck(e, access, sure ? e.module.refuse : e.module.check);
  if (sure) e.op(W.UNREACHABLE);
  e.op(W.END);
}

/**
 * Whether a pointer outside of the range it is compared with is wrong, and not just made in another
 * way than expected. (Nothing moves a pointer from one region into another by arithmetic.) Engines
 * make much better code around a call that does not return.
 */
function isSure(e: Emitter, pointer: number): boolean {
  return e.kind(pointer) !== V_MAYBE_STACK || e.word(pointer, 2) === PURE;
}

function callCheck(e: Emitter, access: Access, check = e.module.check): void {
  pushTarget(e, access);
  e.i32(access.size);
  e.i32(access.write ? 1 : 0);
  e.i32(access.insn);
  e.with(W.CALL, check);
}

/** Pushes the tagged address that is accessed. */
function pushTarget(e: Emitter, { pointer, off }: Access): void {
  e.get(pointer);
  if (off === 0) return;
  e.i64(off);
  e.op(W.I64_ADD);
}

/** Pushes whether the address is in the range it is probably in; false = no idea where that is. */
function emitRangeTest(e: Emitter, access: Access): boolean {
  const { pointer, write } = access;
  switch (e.kind(pointer)) {
    case V_PACKET:
    case V_MAYBE_PACKET:
      return emitPacketTest(e, access);
    case V_STACK:
    case V_MAYBE_STACK:
      emitStackTest(e, access);
      return true;
    case V_CONST:
    case V_MAP_VALUE:
    case V_MAYBE_MAP_VALUE: {
      const map = e.world.mapOfTag(tagOf(e.state, pointer * WORDS));
      return map !== undefined && mayAccess(map, write) && emitValueTest(e, map, access);
    }
    default:
      return false;
  }
}

/** All comparisons are signed: an address with a tag is negative, bounds are not. */
function emitPacketTest(e: Emitter, access: Access): boolean {
  const { pointer } = access;
  if (e.packetStart === NONE) return false;
  e.testsPacket = true;
  const isAboveStart = e.kind(pointer) === V_PACKET && e.word(pointer, 1) + access.off >= 0;
  pushTarget(e, access);
  e.with(W.LOCAL_GET, e.packetEnd);
  e.i64(access.size);
  e.op(W.I64_SUB);
  e.op(W.I64_LE_S);
  if (isAboveStart) return true;
  pushTarget(e, access);
  e.with(W.LOCAL_GET, e.packetStart);
  e.op(W.I64_GE_S);
  e.op(W.I32_AND);
  return true;
}

/** The stack of this CPU, which is one region. */
function emitStackTest(e: Emitter, access: Access): void {
  pushTarget(e, access);
  e.cpu();
  e.op(W.I64_EXTEND_I32_U);
  e.i64(C_STACK, STACK_TAG);
  e.op(W.I64_ADD);
  e.op(W.I64_SUB);
  e.i64(C_STACK_END - C_STACK - access.size);
  e.op(W.I64_LE_U);
}

/** Values of a map: offset within all of them, then within one. */
function emitValueTest(e: Emitter, map: MapFacts, { pointer, off, size }: Access): boolean {
  const { start, end, stride, element } = map.region;
  if (start === 0 || size > element) return false;
  e.get(pointer);
  pushDistance(e, off, start, map.valueTag);
  e.op(W.I64_ADD);
  if (stride === 0 || end - start <= stride) {
    e.i64((stride === 0 ? end - start : element) - size, 0);
    e.op(W.I64_LE_U);
    return true;
  }
  const offset = e.scratchOffset();
  e.with(W.LOCAL_TEE, offset);
  e.i64((end - start) | 0, 0);
  e.op(W.I64_LT_U);
  e.with(W.LOCAL_GET, offset);
  e.op(W.I32_WRAP_I64);
  e.i32(stride);
  e.op(W.I32_REM_U);
  e.i32(element - size);
  e.op(W.I32_LE_U);
  e.op(W.I32_AND);
  return true;
}

/** Pushes `off` minus the 64-bit number with these halves (low is not 0). */
function pushDistance(e: Emitter, off: number, low: number, high: number): void {
  const negative = -low >>> 0;
  const sum = negative + (off >>> 0);
  const carry = sum > 0xffffffff ? 1 : 0;
  e.i64(sum | 0, (~high + (off >> 31) + carry) | 0);
}

/** Checked code that looks at the packet keeps its bounds in locals. */
export function choosePacketBounds(e: Emitter): void {
  if (!e.analysis.seesPacket || e.packetStart !== NONE) return;
  e.packetStart = e.addLocal(I64);
  e.packetEnd = e.addLocal(I64);
}

/** Loads the packet's bounds into their locals. */
export function emitPacketBounds(e: Emitter): void {
  choosePacketBounds(e);
  if (e.packetStart === NONE) return;
  e.module.pushPacketBounds(e, e.context);
  e.with(W.LOCAL_SET, e.packetEnd);
  e.with(W.LOCAL_SET, e.packetStart);
}
