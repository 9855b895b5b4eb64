/** Pointers as programs hold them: the region's tag in the upper half (layout.ts). */
import {
  CPU_REGIONS,
  R_END,
  R_START,
  REGION_CTX,
  REGION_OBJECT,
  REGION_PACKET,
  REGION_SIZE,
  SOCKET_SIZE,
  TAG_BASE,
} from '../layout.ts';
import type { Runtime } from '../types.ts';

const tagOf = (region: number): bigint => BigInt.asUintN(32, BigInt(TAG_BASE + region)) << 32n;
const OBJECT_TAG = tagOf(REGION_OBJECT);
const PACKET_TAG = tagOf(REGION_PACKET);
const CONTEXT_TAG = tagOf(REGION_CTX);

/** What a program has in r1 when it begins. */
export function contextPointer(address: number): bigint {
  return CONTEXT_TAG | BigInt(address);
}

/** A pointer to an object of the kernel. */
export function objectPointer(address: number): bigint {
  return OBJECT_TAG | BigInt(address);
}

/** A pointer to bytes that programs take for those of a packet. */
export function packetPointer(address: number): bigint {
  return PACKET_TAG | BigInt(address);
}

/** A pointer to a socket's record; programs that are checked may read there. */
export function socketPointer(runtime: Runtime, record: number): bigint {
  show(runtime, REGION_OBJECT, record, SOCKET_SIZE);
  return objectPointer(record);
}

/** Programs that are checked may read and write so many bytes as those of a packet. */
export function showPacket(runtime: Runtime, at: number, size: number): void {
  show(runtime, REGION_PACKET, at, size);
}

function show(runtime: Runtime, region: number, at: number, size: number): void {
  const words = runtime.u32();
  const record = (runtime.cpuBlock + CPU_REGIONS + region * REGION_SIZE) >>> 2;
  words[record + R_START / 4] = at;
  words[record + R_END / 4] = at + size;
}
