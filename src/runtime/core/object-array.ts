/**
 * Arrays whose values are file descriptors for bpf(2): prog_array, perf_event_array,
 * array_of_maps, xskmap. An entry is {u32 word, u32 id}: what the runtime needs (a slot of the
 * function table, a map's header, a handle of the machine; 0 = empty), and what a lookup answers.
 */
import { M_MAX_ENTRIES, M_STRIDE, M_VALUES } from '../layout';
import { E2BIG, EBADF, EINVAL, ENOENT, ENOMEM } from './errno';
import { heap_alloc } from './memory';
import { BPF_ANY } from './uapi';

const ENTRY: u32 = 8;

/** Entries get no region: programs never hold pointers to them. */
export function objectArrayCreate(map: u32): i32 {
  const size = <u64>load<u32>(map, M_MAX_ENTRIES) * ENTRY;
  const values: u32 = size > 0xe0000000 ? 0 : heap_alloc(<u32>size, 64);
  if (values == 0) return <i32>ENOMEM;
  store<u32>(map, values, M_VALUES);
  store<u32>(map, ENTRY, M_STRIDE);
  return 0;
}

/** Address of the entry of the index at `key`, or 0 when it is out of range. */
export function objectEntry(map: u32, key: u32): u32 {
  const index = load<u32>(key);
  if (index >= load<u32>(map, M_MAX_ENTRIES)) return 0;
  return load<u32>(map, M_VALUES) + index * ENTRY;
}

/** Puts the {word, id} at `value`. */
export function objectUpdate(map: u32, key: u32, value: u32, flags: u32): i32 {
  if (flags != BPF_ANY) return <i32>EINVAL;
  const entry = objectEntry(map, key);
  if (entry == 0) return <i32>E2BIG;
  if (load<u32>(value) == 0) return <i32>EBADF;
  store<u32>(entry, load<u32>(value, 4), 4);
  store<u32>(entry, load<u32>(value));
  return 0;
}

export function objectDelete(map: u32, key: u32): i64 {
  const entry = objectEntry(map, key);
  if (entry == 0) return E2BIG;
  if (load<u32>(entry) == 0) return ENOENT;
  store<u64>(entry, 0);
  return 0;
}

/** The id of what is there. */
export function objectLookup(map: u32, key: u32, out: u32): i32 {
  const entry = objectEntry(map, key);
  if (entry == 0 || load<u32>(entry) == 0) return <i32>ENOENT;
  store<u32>(out, load<u32>(entry, 4));
  return 0;
}

/** Takes an object that is no more out of every entry. */
export function objectForget(map: u32, word: u32): void {
  const start = load<u32>(map, M_VALUES);
  const count = load<u32>(map, M_MAX_ENTRIES);
  for (let i: u32 = 0; i < count; i++) {
    const entry = start + i * ENTRY;
    if (load<u32>(entry) == word) store<u64>(entry, 0);
  }
}
