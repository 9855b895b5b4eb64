// Made by `npm run build:wasm` from the list of files in this folder. Do not edit.
import type { MapTypeDef } from '../types.ts';
import { array } from './array.ts';
import { arrayOfMaps } from './array_of_maps.ts';
import { bloomFilter } from './bloom_filter.ts';
import { cpumap } from './cpumap.ts';
import { devmap } from './devmap.ts';
import { devmapHash } from './devmap_hash.ts';
import { hash } from './hash.ts';
import { hashOfMaps } from './hash_of_maps.ts';
import { lpmTrie } from './lpm_trie.ts';
import { lruHash } from './lru_hash.ts';
import { lruPercpuHash } from './lru_percpu_hash.ts';
import { percpuArray } from './percpu_array.ts';
import { percpuHash } from './percpu_hash.ts';
import { perfEventArray } from './perf_event_array.ts';
import { progArray } from './prog_array.ts';
import { queue } from './queue.ts';
import { ringbuf } from './ringbuf.ts';
import { stack } from './stack.ts';
import { wildcard } from './wildcard.ts';
import { xskmap } from './xskmap.ts';

/** Every map type with facts in this folder. */
export const mapTypes: readonly MapTypeDef[] = [
  array,
  arrayOfMaps,
  bloomFilter,
  cpumap,
  devmap,
  devmapHash,
  hash,
  hashOfMaps,
  lpmTrie,
  lruHash,
  lruPercpuHash,
  percpuArray,
  percpuHash,
  perfEventArray,
  progArray,
  queue,
  ringbuf,
  stack,
  wildcard,
  xskmap,
];
