/** Ring buffer helpers (kernel/bpf/ringbuf.c). The map type does the work; here are the errnos. */
import {
  BPF_MAP_TYPE_RINGBUF,
  BPF_MAP_TYPE_USER_RINGBUF,
} from '../../abi/generated/6.12/constants';
import { DYNPTR_DATA, DYNPTR_MAX_SIZE, DYNPTR_RINGBUF, M_TYPE, R_OWNER } from '../layout';
import { E2BIG, EINVAL } from '../core/errno';
import { regionRecord } from '../core/regions';
import { RB_BASE } from '../core/ring-pages';
import {
  ringbuf_discard,
  ringbuf_output,
  ringbuf_query,
  ringbuf_reserve,
  ringbuf_submit,
} from '../maps/ringbuf';
import { user_ringbuf_drain } from '../maps/user_ringbuf';
import { dynptrClear, dynptrSet } from './dynptr';

const BUSY: u32 = 0x80000000;
const PAGE: u32 = 4096;

/** @inline */
function isRing(map: u64): bool {
  return load<u32>(<u32>map, M_TYPE) == BPF_MAP_TYPE_RINGBUF;
}

/**
 * Whether `sample` is a reservation that has not been given back. Programs nobody has verified may
 * pass any pointer; its region tells the map, its header must lead to the same one.
 * @inline
 */
function isReserved(sample: u64): bool {
  const region = regionRecord(<u32>(sample >> 32));
  const map = region == 0 ? 0 : load<u32>(region, R_OWNER);
  if (map == 0 || !isRing(map)) return false;
  const record = <u32>sample - 8;
  const page = record & ~(PAGE - 1);
  const ring = page - load<u32>(record, 4) * PAGE == load<u32>(map, RB_BASE);
  return ring && (load<u32>(record) & BUSY) != 0;
}

export function bpf_ringbuf_reserve(map: u64, size: u64, flags: u64): u64 {
  return isRing(map) ? ringbuf_reserve(<u32>map, size, flags) : 0;
}

export function bpf_ringbuf_submit(sample: u64, flags: u64): u64 {
  if (isReserved(sample)) ringbuf_submit(sample, flags);
  return 0;
}

export function bpf_ringbuf_discard(sample: u64, flags: u64): u64 {
  if (isReserved(sample)) ringbuf_discard(sample, flags);
  return 0;
}

export function bpf_ringbuf_output(map: u64, data: u64, size: u64, flags: u64): u64 {
  return isRing(map) ? ringbuf_output(<u32>map, <u32>data, size, flags) : EINVAL;
}

export function bpf_ringbuf_query(map: u64, what: u64): u64 {
  return isRing(map) ? ringbuf_query(<u32>map, what) : 0;
}

/** A dynptr to a reservation; without room it is empty, and must be given back all the same. */
export function bpf_ringbuf_reserve_dynptr(map: u64, size: u64, flags: u64, pointer: u64): u64 {
  const to = <u32>pointer;
  dynptrClear(to);
  if (flags != 0) return EINVAL;
  if (<u32>size > <u32>DYNPTR_MAX_SIZE) return E2BIG;
  const sample = bpf_ringbuf_reserve(map, <u32>size, 0);
  if (sample == 0) return EINVAL;
  dynptrSet(to, sample, <u32>size, DYNPTR_RINGBUF);
  return 0;
}

export function bpf_ringbuf_submit_dynptr(pointer: u64, flags: u64): u64 {
  bpf_ringbuf_submit(load<u64>(<u32>pointer, DYNPTR_DATA), flags);
  dynptrClear(<u32>pointer);
  return 0;
}

export function bpf_ringbuf_discard_dynptr(pointer: u64, flags: u64): u64 {
  bpf_ringbuf_discard(load<u64>(<u32>pointer, DYNPTR_DATA), flags);
  dynptrClear(<u32>pointer);
  return 0;
}

/** Calls back with each record user space has written; returns how many it has seen. */
export function bpf_user_ringbuf_drain(map: u64, callback: u64, ctx: u64, flags: u64): u64 {
  if (load<u32>(<u32>map, M_TYPE) != BPF_MAP_TYPE_USER_RINGBUF) return EINVAL;
  return user_ringbuf_drain(<u32>map, <u32>callback, ctx, flags);
}
