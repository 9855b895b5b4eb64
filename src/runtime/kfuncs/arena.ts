/** Functions of the kernel for arenas (kernel/bpf/arena.c); `map` is the map's handle. */
import { BPF_MAP_TYPE_ARENA } from '../../abi/generated/6.12/constants';
import { M_TYPE } from '../layout';
import { arena_alloc_pages, arena_free_pages } from '../maps/arena';

/** NUMA_NO_NODE; the machine has one node, number 0. */
const NO_NODE: i32 = -1;

/** @inline */
function isArena(map: u64): bool {
  return load<u32>(<u32>map, M_TYPE) == BPF_MAP_TYPE_ARENA;
}

export function bpf_arena_alloc_pages(map: u64, at: u64, count: u64, node: u64, flags: u64): u64 {
  const number = <i32>node;
  if (!isArena(map) || flags != 0 || (number != NO_NODE && number != 0)) return 0;
  return arena_alloc_pages(<u32>map, at, <u32>count);
}

export function bpf_arena_free_pages(map: u64, pages: u64, count: u64): u64 {
  if (isArena(map) && pages != 0 && <u32>count != 0) {
    arena_free_pages(<u32>map, pages, <u32>count);
  }
  return 0;
}
