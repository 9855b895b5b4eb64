/**
 * Perf events and what programs write to them (kernel/trace/bpf_trace.c,
 * kernel/events/ring_buffer.c).
 *
 * An event is one CPU's ring in linear memory: a header (EVENT_*, in layout.ts) and its records as
 * the perf ABI lays them out. A record that begins near the end of the ring goes on in the room
 * behind it, so that each is in one piece.
 */
import {
  BPF_F_CTXLEN_MASK,
  BPF_F_CURRENT_CPU,
  BPF_F_INDEX_MASK,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
} from '../../abi/generated/6.12/constants';
import {
  EVENT_CPU,
  EVENT_DATA,
  EVENT_HEAD,
  EVENT_LOCK,
  EVENT_LOST,
  EVENT_SIZE,
  EVENT_TAIL,
  M_MAX_ENTRIES,
  M_TYPE,
  M_VALUES,
  SKB_DATA,
  SKB_LEN,
} from '../layout';
import { E2BIG, EFAULT, EINVAL, ENOENT, ENOSPC, EOPNOTSUPP } from '../core/errno';
import { cpu_number } from '../core/instance';
import { lock, unlock } from '../core/lock';
import { heap_alloc } from '../core/memory';
import { bpf_xdp_get_buff_len, contextOf, xdpCopyOut } from './xdp';

const PERF_RECORD_LOST: u32 = 2;
const PERF_RECORD_SAMPLE: u32 = 9;
const HEADER: u32 = 8;
const LOST_RECORD: u32 = 24;
/** A record's size is a u16, and a multiple of 8. */
const MAX_RECORD: u64 = 0xfff8;
/** struct perf_event_array's entries: {u32 event, u32 id}. */
const ENTRY: u32 = 8;

/** A new event for `cpu` with a ring of `size` bytes (a power of two); 0 without memory. */
export function perf_event_new(cpu: u32, size: u32): u32 {
  const event = heap_alloc(EVENT_DATA + size + <u32>MAX_RECORD, 64);
  if (event == 0) return 0;
  store<u32>(event, cpu, EVENT_CPU);
  store<u32>(event, size, EVENT_SIZE);
  return event;
}

/** Address of the oldest record nobody has read, or 0. */
export function perf_event_next(event: u32): u32 {
  const tail = load<u64>(event, EVENT_TAIL);
  if (tail == load<u64>(event, EVENT_HEAD)) return 0;
  return event + EVENT_DATA + (<u32>tail & (load<u32>(event, EVENT_SIZE) - 1));
}

/** The reader is done with the record that perf_event_next returned. */
export function perf_event_release(event: u32, record: u32): void {
  lock(event + EVENT_LOCK);
  store<u64>(event, load<u64>(event, EVENT_TAIL) + load<u16>(record, 6), EVENT_TAIL);
  unlock(event + EVENT_LOCK);
}

/** Where `size` bytes may be written, or 0 when the reader is too far behind. */
function room(event: u32, size: u32): u32 {
  const head = load<u64>(event, EVENT_HEAD);
  const ring = load<u32>(event, EVENT_SIZE);
  if (head + size - load<u64>(event, EVENT_TAIL) > ring) return 0;
  return event + EVENT_DATA + (<u32>head & (ring - 1));
}

/** Starts a record of `size` bytes; those that were lost are reported first. 0 = no room. */
function begin(event: u32, size: u32): u32 {
  const lost = load<u64>(event, EVENT_LOST);
  const before = lost != 0 ? LOST_RECORD : 0;
  const at = room(event, size + before);
  if (at == 0) {
    store<u64>(event, lost + 1, EVENT_LOST);
    return 0;
  }
  if (lost == 0) return at;
  header(at, PERF_RECORD_LOST, LOST_RECORD);
  store<u64>(at, 0, HEADER);
  store<u64>(at, lost, HEADER + 8);
  store<u64>(event, 0, EVENT_LOST);
  store<u64>(event, load<u64>(event, EVENT_HEAD) + LOST_RECORD, EVENT_HEAD);
  return room(event, size);
}

/** @inline */
function header(at: u32, type: u32, size: u32): void {
  store<u32>(at, type);
  store<u16>(at, 0, 4);
  store<u16>(at, <u16>size, 6);
}

/** The event for `flags`' index that this CPU may write to, or a negative errno. */
function findEvent(map: u32, flags: u64): i64 {
  if (load<u32>(map, M_TYPE) != BPF_MAP_TYPE_PERF_EVENT_ARRAY) return EINVAL;
  let index = flags & BPF_F_INDEX_MASK;
  if (index == BPF_F_CURRENT_CPU) index = cpu_number;
  if (index >= load<u32>(map, M_MAX_ENTRIES)) return E2BIG;
  const event = load<u32>(load<u32>(map, M_VALUES) + <u32>index * ENTRY);
  if (event == 0) return ENOENT;
  return load<u32>(event, EVENT_CPU) == cpu_number ? <i64>event : EOPNOTSUPP;
}

/**
 * Writes a sample: `size` bytes at `data`, then `extra` bytes of the packet. `linear` is where the
 * packet's bytes are, or 0 if `context` is an XDP frame.
 */
function output(
  map: u64,
  flags: u64,
  data: u64,
  size: u64,
  extra: u32,
  context: u32,
  linear: u32,
): i64 {
  const found = findEvent(<u32>map, flags);
  if (found < 0) return found;
  const event = <u32>found;
  const record = (<u64>HEADER + 4 + size + extra + 7) & ~7;
  if (size > MAX_RECORD || record > MAX_RECORD) return E2BIG;
  lock(event + EVENT_LOCK);
  const at = begin(event, <u32>record);
  if (at != 0) {
    const end = at + HEADER + 4 + <u32>size;
    store<u64>(at + HEADER, 0);
    store<u64>(at + <u32>record - 8, 0);
    header(at, PERF_RECORD_SAMPLE, <u32>record);
    store<u32>(at, <u32>record - HEADER - 4, HEADER);
    memory.copy(at + HEADER + 4, <u32>data, <u32>size);
    if (extra != 0 && linear != 0) memory.copy(end, linear, extra);
    else if (extra != 0) xdpCopyOut(context, 0, end, extra);
    store<u64>(event, load<u64>(event, EVENT_HEAD) + record, EVENT_HEAD);
  }
  unlock(event + EVENT_LOCK);
  return at == 0 ? ENOSPC : 0;
}

/** For programs whose context is no packet. */
export function bpf_perf_event_output(ctx: u64, map: u64, flags: u64, data: u64, size: u64): u64 {
  if (flags & ~(<u64>BPF_F_INDEX_MASK)) return EINVAL;
  return output(map, flags, data, size, 0, 0, 0);
}

const PACKET_FLAGS: u64 = <u64>BPF_F_CTXLEN_MASK | <u64>BPF_F_INDEX_MASK;

/** @inline */
function packetBytes(flags: u64): u32 {
  return <u32>((flags & BPF_F_CTXLEN_MASK) >> 32);
}

export function bpf_xdp_event_output(ctx: u64, map: u64, flags: u64, data: u64, size: u64): u64 {
  if (flags & ~PACKET_FLAGS) return EINVAL;
  const extra = packetBytes(flags);
  if (extra > <u32>bpf_xdp_get_buff_len(ctx)) return EFAULT;
  return output(map, flags, data, size, extra, <u32>ctx, 0);
}

export function bpf_skb_event_output(ctx: u64, map: u64, flags: u64, data: u64, size: u64): u64 {
  if (flags & ~PACKET_FLAGS) return EINVAL;
  const extra = packetBytes(flags);
  if (extra > load<u32>(<u32>ctx, SKB_LEN)) return EFAULT;
  return output(map, flags, data, size, extra, <u32>ctx, load<u32>(<u32>ctx, SKB_DATA));
}

/** For programs that trace one with such a context. */
export function bpf_xdp_event_output_kernel(
  xdp: u64,
  map: u64,
  flags: u64,
  data: u64,
  size: u64,
): u64 {
  const context = contextOf(xdp);
  if (context == 0 && !(flags & ~PACKET_FLAGS)) return EFAULT;
  return bpf_xdp_event_output(context, map, flags, data, size);
}

export function bpf_skb_event_output_kernel(
  skb: u64,
  map: u64,
  flags: u64,
  data: u64,
  size: u64,
): u64 {
  const context = contextOf(skb);
  if (context == 0 && !(flags & ~PACKET_FLAGS)) return EFAULT;
  return bpf_skb_event_output(context, map, flags, data, size);
}

/** Counters: every event here is one of output, which counts nothing (perf_event_read_local). */
export function bpf_perf_event_read(map: u64, flags: u64): u64 {
  if (flags & ~(<u64>BPF_F_INDEX_MASK)) return EINVAL;
  const found = findEvent(<u32>map, flags);
  // Another CPU's event cannot be read from here.
  if (found == EOPNOTSUPP) return EINVAL;
  return found < 0 ? found : 0;
}
