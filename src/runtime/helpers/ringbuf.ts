/** Ring buffer helpers (kernel/bpf/ringbuf.c). The map type does the work; here are the errnos. */
import {
  BPF_MAP_TYPE_RINGBUF,
  BPF_MAP_TYPE_USER_RINGBUF,
} from '../../abi/generated/6.12/constants';
import { DYNPTR_DATA, DYNPTR_MAX_SIZE, DYNPTR_RINGBUF, M_TYPE } from '../layout';
import { E2BIG, EINVAL } from '../core/errno';
import {
  ringbuf_discard,
  ringbuf_output,
  ringbuf_query,
  ringbuf_reserve,
  ringbuf_submit,
} from '../maps/ringbuf';
import { user_ringbuf_drain } from '../maps/user_ringbuf';
import { dynptrClear, dynptrSet } from './dynptr';

/** @inline */
function isRing(map: u64): bool {
  return load<u32>(<u32>map, M_TYPE) == BPF_MAP_TYPE_RINGBUF;
}

export function bpf_ringbuf_reserve(map: u64, size: u64, flags: u64): u64 {
  return isRing(map) ? ringbuf_reserve(<u32>map, size, flags) : 0;
}

export function bpf_ringbuf_submit(sample: u64, flags: u64): u64 {
  ringbuf_submit(sample, flags);
  return 0;
}

export function bpf_ringbuf_discard(sample: u64, flags: u64): u64 {
  ringbuf_discard(sample, flags);
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
