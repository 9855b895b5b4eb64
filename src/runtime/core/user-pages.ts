/**
 * Memory of users that values point to (__uptr): whole pages, each mapping under a region of its
 * own. A page that a value points to is pinned: it stays when its user unmaps it. Who owns the
 * mapping gives the memory back when both are over (user_pages_free).
 */
import {
  FIELDS_COUNT,
  FIELDS_FIRST,
  FIELD_DESTRUCTOR,
  FIELD_ENTRY,
  FIELD_IS_UPTR,
  FIELD_KIND,
  FIELD_OFFSET,
  R_OWNER,
  USER_FIRST,
  USER_MAGIC,
  USER_MAPPED,
  USER_PAGES,
  USER_PAGE_SIZE,
  USER_PINS,
  USER_REGION,
  USER_SIZE,
} from '../layout';
import { EFAULT, EOPNOTSUPP } from './errno';
import { addCount } from './lock';
import { heap_alloc, heap_free } from './memory';
import { regionRecord, region_free, region_new, region_set } from './regions';

const PAGE: u32 = USER_PAGE_SIZE;
const MAGIC: u32 = 0x52545055;

/** A mapping of that many pages, all zeros; 0: no memory, or no region. */
export function user_pages_new(pages: u32): u32 {
  const mapping = heap_alloc(USER_SIZE, 16);
  const first = mapping == 0 ? 0 : heap_alloc(pages * PAGE, PAGE);
  const region = first == 0 ? 0 : region_new();
  if (region == 0) {
    heap_free(first);
    heap_free(mapping);
    return 0;
  }
  store<u32>(mapping, first, USER_FIRST);
  store<u32>(mapping, pages, USER_PAGES);
  store<u32>(mapping, 1, USER_MAPPED);
  store<u32>(mapping, region, USER_REGION);
  store<u32>(mapping, MAGIC, USER_MAGIC);
  region_set(region, first, first + pages * PAGE, 0, 0, 0, mapping);
  return mapping;
}

/** Gives back the memory of a mapping that nobody points to any more. */
export function user_pages_free(mapping: u32): void {
  region_free(load<u32>(mapping, USER_REGION));
  heap_free(load<u32>(mapping, USER_FIRST));
  heap_free(mapping);
}

/** The mapping a pointer is into, or 0. */
function mappingAt(pointer: u64): u32 {
  const high = <u32>(pointer >> 32);
  const record: u32 = high == 0 ? 0 : regionRecord(high);
  const mapping: u32 = record == 0 ? 0 : load<u32>(record, R_OWNER);
  if (mapping == 0 || load<u32>(mapping, USER_MAGIC) != MAGIC) return 0;
  const offset = <u32>pointer - load<u32>(mapping, USER_FIRST);
  return offset < load<u32>(mapping, USER_PAGES) * PAGE ? mapping : 0;
}

/** Whether a user could read that many bytes there: they are mapped. */
export function userReadable(pointer: u64, size: u32): bool {
  const mapping = mappingAt(pointer);
  if (mapping == 0 || load<u32>(mapping, USER_MAPPED) == 0) return false;
  const offset = <u32>pointer - load<u32>(mapping, USER_FIRST);
  return size <= load<u32>(mapping, USER_PAGES) * PAGE - offset;
}

/** The struct must be in one page, and that be mapped (bpf_obj_pin_uptrs). */
function pin(pointer: u64, size: u32): i64 {
  if (pointer == 0) return 0;
  const end = <u32>pointer + size - 1;
  if (end < <u32>pointer) return EFAULT;
  if ((<u32>pointer & ~(PAGE - 1)) != (end & ~(PAGE - 1))) return EOPNOTSUPP;
  const mapping = mappingAt(pointer);
  if (mapping == 0 || load<u32>(mapping, USER_MAPPED) == 0) return EFAULT;
  addCount(mapping + USER_PINS, 1);
  return 0;
}

/** A value lets go of what its field points to. */
export function userUnpin(pointer: u64): void {
  const mapping = pointer == 0 ? 0 : mappingAt(pointer);
  if (mapping != 0) addCount(mapping + USER_PINS, <u32>-1);
}

/** Pins what the uptrs of a user's value point to: all, or none and an errno. */
export function uptrsPin(fields: u32, value: u32): i64 {
  const count = load<u32>(fields, FIELDS_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const field = fields + FIELDS_FIRST + i * FIELD_ENTRY;
    if (load<u32>(field, FIELD_KIND) != FIELD_IS_UPTR) continue;
    const at = value + load<u32>(field, FIELD_OFFSET);
    const error = pin(load<u64>(at), load<u32>(field, FIELD_DESTRUCTOR));
    if (error == 0) continue;
    uptrsUnpin(fields, value, i);
    return error;
  }
  return 0;
}

/** Lets go of what the uptrs among the first `count` fields point to. */
export function uptrsUnpin(fields: u32, value: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const field = fields + FIELDS_FIRST + i * FIELD_ENTRY;
    if (load<u32>(field, FIELD_KIND) != FIELD_IS_UPTR) continue;
    userUnpin(load<u64>(value + load<u32>(field, FIELD_OFFSET)));
  }
}

/** Moves the uptrs of a user's value into a new one, which has none yet (bpf_obj_swap_uptrs). */
export function uptrsMove(fields: u32, to: u32, from: u32): void {
  const count = load<u32>(fields, FIELDS_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const field = fields + FIELDS_FIRST + i * FIELD_ENTRY;
    if (load<u32>(field, FIELD_KIND) != FIELD_IS_UPTR) continue;
    const offset = load<u32>(field, FIELD_OFFSET);
    store<u64>(to + offset, load<u64>(from + offset));
  }
}

/** Whether one of the fields is a uptr. */
export function hasUptr(fields: u32): bool {
  const count = load<u32>(fields, FIELDS_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const field = fields + FIELDS_FIRST + i * FIELD_ENTRY;
    if (load<u32>(field, FIELD_KIND) == FIELD_IS_UPTR) return true;
  }
  return false;
}
