/**
 * Dynptrs (kernel/bpf/helpers.c): 16 bytes that hold a pointer, its size and where in it the view
 * starts. They lie on the program's stack, so unverified code can forge them: what they point to is
 * checked against its region on every use.
 */
import {
  C_CTX,
  DYNPTR_DATA,
  DYNPTR_LOCAL,
  DYNPTR_MAX_SIZE,
  DYNPTR_OFFSET,
  DYNPTR_READ_ONLY,
  DYNPTR_SIZE,
  DYNPTR_SKB,
  DYNPTR_TYPE_SHIFT,
  FAULT_NONE,
  NF_PACKET,
  REGION_CTX,
} from '../layout';
import { E2BIG, EFAULT, EINVAL } from '../core/errno';
import { cpu_block } from '../core/instance';
import { region_check, tagged } from '../core/regions';
import { bpf_skb_load_bytes, bpf_skb_store_bytes } from './skb_bytes';
import { bpf_xdp_load_bytes, bpf_xdp_store_bytes } from './xdp';

export function dynptrClear(pointer: u32): void {
  store<u64>(pointer, 0);
  store<u64>(pointer, 0, 8);
}

export function dynptrSet(pointer: u32, data: u64, size: u32, type: u32): void {
  store<u64>(pointer, data, DYNPTR_DATA);
  store<u32>(pointer, size | (type << DYNPTR_TYPE_SHIFT), DYNPTR_SIZE);
  store<u32>(pointer, 0, DYNPTR_OFFSET);
}

/** @inline */
export function dynptrType(pointer: u32): u32 {
  return (load<u32>(pointer, DYNPTR_SIZE) >> DYNPTR_TYPE_SHIFT) & 7;
}

/** Whether it is over the packet of this run: forged ones are not. */
function isPacket(pointer: u32): bool {
  return dynptrType(pointer) >= <u32>DYNPTR_SKB;
}

/** The packet is the context itself, or at its place behind it. */
export function ofThisRun(pointer: u32): bool {
  const from = dataOf(pointer) - tagged(REGION_CTX, load<u32>(cpu_block, C_CTX));
  return from == 0 || from == NF_PACKET;
}

/** @inline */
export function dataOf(pointer: u32): u64 {
  return load<u64>(pointer, DYNPTR_DATA);
}

/** Errno when `length` bytes at `offset` are not inside the view. */
export function rangeError(pointer: u32, offset: u32, length: u32): i64 {
  const size = load<u32>(pointer, DYNPTR_SIZE) & DYNPTR_MAX_SIZE;
  return length > size || offset > size - length ? E2BIG : 0;
}

/** Tagged pointer to byte `offset` of the view. @inline */
export function at(pointer: u32, offset: u32): u64 {
  return dataOf(pointer) + load<u32>(pointer, DYNPTR_OFFSET) + offset;
}

/** @inline */
export function isReadOnly(pointer: u32): bool {
  return (load<u32>(pointer, DYNPTR_SIZE) & DYNPTR_READ_ONLY) != 0;
}

export function bpf_dynptr_from_mem(data: u64, size: u64, flags: u64, pointer: u64): u64 {
  const to = <u32>pointer;
  dynptrClear(to);
  if (<u32>size > <u32>DYNPTR_MAX_SIZE) return E2BIG;
  if (flags != 0) return EINVAL;
  dynptrSet(to, data, <u32>size, DYNPTR_LOCAL);
  return 0;
}

function packetRead(from: u32, to: u64, length: u32, offset: u32): u64 {
  if (!ofThisRun(from)) return EINVAL;
  const start = load<u32>(from, DYNPTR_OFFSET) + offset;
  return dynptrType(from) == <u32>DYNPTR_SKB
    ? bpf_skb_load_bytes(dataOf(from), start, to, length)
    : bpf_xdp_load_bytes(dataOf(from), start, to, length);
}

function packetWrite(to: u32, offset: u32, from: u64, length: u64, flags: u64): u64 {
  if (!ofThisRun(to)) return EINVAL;
  const start = load<u32>(to, DYNPTR_OFFSET) + offset;
  if (dynptrType(to) == <u32>DYNPTR_SKB) {
    return bpf_skb_store_bytes(dataOf(to), start, from, length, flags);
  }
  return flags != 0 ? EINVAL : bpf_xdp_store_bytes(dataOf(to), start, from, length);
}

export function bpf_dynptr_read(to: u64, length: u64, pointer: u64, offset: u64, flags: u64): u64 {
  const from = <u32>pointer;
  if (dataOf(from) == 0 || flags != 0) return EINVAL;
  const error = rangeError(from, <u32>offset, <u32>length);
  if (error != 0) return error;
  if (isPacket(from)) return packetRead(from, to, <u32>length, <u32>offset);
  const source = at(from, <u32>offset);
  if (region_check(source, <u32>length, 0) != FAULT_NONE) return EFAULT;
  memory.copy(<u32>to, <u32>source, <u32>length);
  return 0;
}

export function bpf_dynptr_write(
  pointer: u64,
  offset: u64,
  from: u64,
  length: u64,
  flags: u64,
): u64 {
  const to = <u32>pointer;
  if (dataOf(to) == 0 || isReadOnly(to)) return EINVAL;
  const error = rangeError(to, <u32>offset, <u32>length);
  if (error != 0) return error;
  if (isPacket(to)) return packetWrite(to, <u32>offset, from, length, flags);
  if (flags != 0) return EINVAL;
  const destination = at(to, <u32>offset);
  if (region_check(destination, <u32>length, 1) != FAULT_NONE) return EFAULT;
  memory.copy(<u32>destination, <u32>from, <u32>length);
  return 0;
}

/** A direct pointer to `length` bytes at `offset`, or NULL. */
export function bpf_dynptr_data(pointer: u64, offset: u64, length: u64): u64 {
  const from = <u32>pointer;
  if (dataOf(from) == 0 || isReadOnly(from) || isPacket(from)) return 0;
  return rangeError(from, <u32>offset, <u32>length) != 0 ? 0 : at(from, <u32>offset);
}
