/**
 * BPF_MAP_TYPE_ARENA (kernel/bpf/arena.c): pages that programs and user space share. Programs and
 * user space know a byte by one address, the tagged pointer to it, so casts between address spaces
 * change nothing. A bitmap says which pages there are; those that are not read as zero.
 */
import {
  M_EXTRA,
  M_MAX_ENTRIES,
  M_PRIVATE,
  M_VALUES,
  OP_FREE,
  OP_NEXT_KEY,
  OP_PEEK,
  OP_POP,
  OP_PUSH,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
} from '../layout';
import { EINVAL, ENOMEM, EOPNOTSUPP, ERANGE } from '../core/errno';
import { setOp, valuePointer, valueRegion } from '../core/map';
import { heap_alloc, heap_free } from '../core/memory';

const PAGE: u32 = 4096;
/** u32: address of a byte per page, 1 for a page that is there. */
const A_PAGES = M_PRIVATE;

export function arena_create(map: u32): i32 {
  const pages = load<u32>(map, M_MAX_ENTRIES);
  const error = addressCheck(load<u64>(map, M_EXTRA), pages);
  if (error != 0) return error;
  const size = <u64>pages * PAGE;
  const memory: u32 = size > 0xe0000000 ? 0 : heap_alloc(<u32>size, PAGE);
  const there: u32 = memory == 0 ? 0 : heap_alloc(pages, 16);
  if (there == 0 || !valueRegion(map, memory, memory + <u32>size, 0, 0)) {
    heap_free(memory);
    heap_free(there);
    return <i32>ENOMEM;
  }
  store<u32>(map, memory, M_VALUES);
  store<u32>(map, there, A_PAGES);
  setOp(map, OP_PUSH, arena_push.index);
  setOp(map, OP_POP, arena_pop.index);
  setOp(map, OP_PEEK, arena_peek.index);
  setOp(map, OP_NEXT_KEY, arena_next_key.index);
  setOp(map, OP_FREE, arena_free.index);
  setOp(map, OP_SYS_LOOKUP, arena_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, arena_sys_update.index);
  setOp(map, OP_SYS_DELETE, arena_sys_delete.index);
  return 0;
}

/** The address user space asks for: whole pages, not across a multiple of 4 GiB. */
function addressCheck(address: u64, pages: u32): i32 {
  if (address & (PAGE - 1)) return <i32>EINVAL;
  const last = address + <u64>pages * PAGE - 1;
  return address >> 32 == last >> 32 ? 0 : <i32>ERANGE;
}

export function arena_free(map: u32): void {
  heap_free(load<u32>(map, M_VALUES));
  heap_free(load<u32>(map, A_PAGES));
}

export function arena_push(map: u32, value: u32, flags: u64): i64 {
  return EOPNOTSUPP;
}

export function arena_pop(map: u32, value: u32): i64 {
  return EOPNOTSUPP;
}

export function arena_peek(map: u32, value: u32): i64 {
  return EOPNOTSUPP;
}

export function arena_next_key(map: u32, key: u32, next: u32): i32 {
  return <i32>EOPNOTSUPP;
}

export function arena_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return <i32>EINVAL;
}

export function arena_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return <i32>EOPNOTSUPP;
}

export function arena_sys_delete(map: u32, key: u32): i32 {
  return <i32>EOPNOTSUPP;
}

/** Whether none of the pages first .. first + count - 1 is there. */
function allFree(there: u32, first: u32, count: u32): bool {
  for (let i: u32 = 0; i < count; i++) if (load<u8>(there + first + i) != 0) return false;
  return true;
}

/** First of `count` pages in a row that are not there; `pages` if there is no such place. */
function place(there: u32, pages: u32, count: u32): u32 {
  let first: u32 = 0;
  while (first <= pages - count) {
    if (allFree(there, first, count)) return first;
    first++;
  }
  return pages;
}

/** Makes `count` pages, at `address` unless that is 0; pointer to the first one, or 0. */
export function arena_alloc_pages(map: u32, address: u64, count: u32): u64 {
  const pages = load<u32>(map, M_MAX_ENTRIES);
  const start = load<u32>(map, M_VALUES);
  const there = load<u32>(map, A_PAGES);
  if (count == 0 || count > pages) return 0;
  let first: u32;
  if (address != 0) {
    if (address & (PAGE - 1)) return 0;
    first = (<u32>address - start) / PAGE;
    if (first > pages - count || !allFree(there, first, count)) return 0;
  } else {
    first = place(there, pages, count);
    if (first == pages) return 0;
  }
  memory.fill(there + first, 1, count);
  memory.fill(start + first * PAGE, 0, count * PAGE);
  return valuePointer(map, start + first * PAGE);
}

/** Gives pages back; those that are not there or not the arena's do not matter. */
export function arena_free_pages(map: u32, address: u64, count: u32): void {
  const pages = load<u32>(map, M_MAX_ENTRIES);
  const start = load<u32>(map, M_VALUES);
  const first = ((<u32>address & ~(PAGE - 1)) - start) / PAGE;
  if (<u32>address < start || first >= pages) return;
  const most = pages - first;
  const freed = count > most ? most : count;
  memory.fill(load<u32>(map, A_PAGES) + first, 0, freed);
  memory.fill(start + first * PAGE, 0, freed * PAGE);
}

/** User space has touched the first `bytes`: their pages are there from now on. */
export function arena_populate(map: u32, bytes: u32): void {
  const pages = min<u32>((bytes + PAGE - 1) / PAGE, load<u32>(map, M_MAX_ENTRIES));
  memory.fill(load<u32>(map, A_PAGES), 1, pages);
}

/** Pages that are there. */
export function arena_page_count(map: u32): u32 {
  const pages = load<u32>(map, M_MAX_ENTRIES);
  let count: u32 = 0;
  for (let i: u32 = 0; i < pages; i++) count += load<u8>(load<u32>(map, A_PAGES) + i);
  return count;
}
