// What the module exports of its core. Maps and helpers are exported as a whole by the build.
export { heap_alloc, heap_free } from './memory';
export { region_new, region_set, region_free, region_check } from './regions';
export { map_new, map_discard } from './map';
export { check_call } from './contracts';
export { packet_load } from './packet_load';
export { siphash } from './siphash';
export {
  owner_free,
  owner_new,
  owner_object,
  storage_cell,
  storage_next,
  storage_owner,
  storage_value,
} from './storage';
export { runtime_act_as } from './instance';
export { live_cell, live_end } from './live';
export { user_pages_free, user_pages_new } from './user-pages';
export { cgroup_storage_link, cgroup_storage_unlink } from './cgroup-storage';
export { hash_bucket_keys, hash_buckets } from './hash';
export { mem_gp_due, mem_gp_end } from './mem-cache';
export { mem_choose } from './mem-choice';
export { mem_obtained } from './mem-log';
export { objects_type } from './objects';
export { map_hash_of } from './map-hash';
export { hash_bucket_of, hash_collide } from './collide';
export { timer_fire, timers_release } from './timers';
