/**
 * Values that come one by one, for maps without max_entries: blocks of them, each twice as big as
 * the one before, so that few regions cover them all. A free value holds the next free one's
 * pointer.
 */
import { M_PRIVATE, M_VALUE_SIZE } from '../layout';
import { GP_TRACE, NOTE_SIZE, POOL_STRIDE } from '../mem-layout';
import { cpuCount, programAccess, roundUp8 } from './map';
import {
  memModel,
  poolGiveLater,
  poolNew,
  poolPointer,
  poolPoison,
  poolRelease,
  poolSlabs,
  poolTakeHeap,
} from './mem-cache';
import { heap_alloc, heap_free } from './memory';
import { region_free, region_new, region_set, tagged } from './regions';

const SLABS = M_PRIVATE;
const COUNT = M_PRIVATE + 4;
/** u64: pointer to the first free value. */
const FREE = M_PRIVATE + 8;
/** u32: bytes of one value, all CPUs' if there are several. */
export const SLAB_ITEM = M_PRIVATE + 16;
/** u32: the pool of its values (core/mem-cache.ts), or 0. */
const SLAB_POOL = M_PRIVATE + 20;
/** The map type's own fields begin here. */
export const SLAB_END = M_PRIVATE + 24;

const FIRST: u32 = 8;
const MOST_BYTES: u32 = 1 << 22;
/** u32 next slab, u32 region. */
const HEADER: u32 = 16;
/** Bytes of the kernel's struct bpf_local_storage_elem before the value. */
const STORAGE_ELEMENT: u32 = 72;

/** `copies`: how many values an item has, one behind the other. */
export function slabInit(map: u32, perCpu: bool): void {
  const one = roundUp8(load<u32>(map, M_VALUE_SIZE));
  store<u32>(map, perCpu ? one * cpuCount() : one, SLAB_ITEM);
  store<u32>(map, FIRST, COUNT);
  if (memModel() && !perCpu) poolValues(map, one);
}

/** Values wait for grace periods (bpf_local_storage.c): their notes are behind them. */
function poolValues(map: u32, size: u32): void {
  const pool = poolNew(map, STORAGE_ELEMENT + size, false);
  if (pool == 0) return;
  store<u32>(map, size + NOTE_SIZE, SLAB_ITEM);
  store<u32>(pool, size + NOTE_SIZE, POOL_STRIDE);
  poolSlabs(pool, slab_fresh.index, size);
  poolPoison(pool, 0, size);
  store<u32>(map, pool, SLAB_POOL);
}

/** Pointer to a value that nobody had yet; 0 without memory. */
export function slab_fresh(map: u32): u64 {
  if (load<u64>(map, FREE) == 0 && !addSlab(map)) return 0;
  const pointer = load<u64>(map, FREE);
  store<u64>(map, load<u64>(<u32>pointer), FREE);
  return pointer;
}

/** Tagged pointer to a value of zeros, or 0 without memory. */
export function slabTake(map: u32): u64 {
  const pool = load<u32>(map, SLAB_POOL);
  const pointer = pool == 0 ? slab_fresh(map) : pooled(pool);
  if (pointer == 0) return 0;
  const note: u32 = pool == 0 ? 0 : NOTE_SIZE;
  memory.fill(<u32>pointer, 0, load<u32>(map, SLAB_ITEM) - note);
  return pointer;
}

function pooled(pool: u32): u64 {
  const item = poolTakeHeap(pool);
  return item == 0 ? 0 : poolPointer(pool, item);
}

export function slabGive(map: u32, pointer: u64): void {
  const pool = load<u32>(map, SLAB_POOL);
  if (pool != 0) poolGiveLater(pool, <u32>pointer, GP_TRACE);
  else giveBack(map, pointer);
}

function giveBack(map: u32, pointer: u64): void {
  store<u64>(<u32>pointer, load<u64>(map, FREE));
  store<u64>(map, pointer, FREE);
}

export function slabRelease(map: u32): void {
  poolRelease(load<u32>(map, SLAB_POOL));
  let slab = load<u32>(map, SLABS);
  while (slab != 0) {
    const next = load<u32>(slab);
    region_free(load<u32>(slab, 4));
    heap_free(slab);
    slab = next;
  }
}

function addSlab(map: u32): bool {
  const item = load<u32>(map, SLAB_ITEM);
  const count = load<u32>(map, COUNT);
  const size = item * count;
  const slab = heap_alloc(HEADER + size, 16);
  const region: u32 = slab == 0 ? 0 : region_new();
  if (region == 0) {
    heap_free(slab);
    return false;
  }
  const first = slab + HEADER;
  const value = load<u32>(map, M_VALUE_SIZE);
  const stride = load<u32>(map, SLAB_POOL) == 0 ? roundUp8(value) : item;
  region_set(region, first, first + size, stride, value, programAccess(map), map);
  store<u32>(slab, load<u32>(map, SLABS));
  store<u32>(slab, region, 4);
  store<u32>(map, slab, SLABS);
  for (let i = count; i != 0; i--) giveBack(map, tagged(region, first + (i - 1) * item));
  if (size < MOST_BYTES) store<u32>(map, count * 2, COUNT);
  return true;
}
