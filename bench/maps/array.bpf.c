// SPDX-License-Identifier: MIT
// Counters in arrays, a quantile sketch, a bloom filter, values stored with tasks.
#include "bench.h"
#include <beeyard/sketch.h>

#define BATCH 4096
#define SLOTS 1024

u32 state = 13;

MAP(counters, ARRAY, u32, u64, SLOTS, 0);
MAP(percpu, PERCPU_ARRAY, u32, u64, SLOTS, 0);

PROGRAM(count) {
  u32 random = state, missed = 0;
  for (u32 i = 0; i < BATCH; i++) {
    u32 key = next_random(&random) % (SLOTS + 1);
    u64 *count = bpf_map_lookup_elem(&counters, &key);
    if (count)
      *count += i;
    else
      missed++;
  }
  state = random;
  return missed;
}

PROGRAM(update) {
  u32 random = state, failed = 0;
  for (u32 i = 0; i < BATCH; i++) {
    u32 key = next_random(&random) % SLOTS;
    u64 value = random;
    failed += bpf_map_update_elem(&counters, &key, &value, BPF_ANY) != 0;
  }
  state = random;
  return failed;
}

PROGRAM(count_percpu) {
  u32 random = state, missed = 0;
  for (u32 i = 0; i < BATCH; i++) {
    u32 key = next_random(&random) % (SLOTS + 1);
    u64 *count = bpf_map_lookup_elem(&percpu, &key);
    if (count)
      *count += i;
    else
      missed++;
  }
  state = random;
  return missed;
}

PROGRAM(check_count) {
  u64 digest = 0;
  for (u32 key = 0; key < SLOTS; key++) {
    u64 *count = bpf_map_lookup_elem(&counters, &key);
    digest = digest * 31 + (count ? *count : 1);
    count = bpf_map_lookup_elem(&percpu, &key);
    digest = digest * 31 + (count ? *count : 1);
  }
  return mix32(digest);
}

/* ---- Sketch ------------------------------------------------------------------------------------ */

#define PRECISION 6
#define HIGH_BITS 42
#define BUCKETS SKETCH_BUCKETS(PRECISION, 0, HIGH_BITS)
MAP(latency, PERCPU_ARRAY, u32, u64, BUCKETS, 0);

PROGRAM(sketch) {
  u32 random = state;
  for (u32 i = 0; i < BATCH; i++) {
    /* As many of 10 bits as of 40. */
    u64 amount = (u64)next_random(&random) << 10 >> (random & 31);
    u32 bucket = sketch_bucket_(amount, PRECISION, 0, HIGH_BITS);
    u64 *count = bpf_map_lookup_elem(&latency, &bucket);
    if (count)
      ++*count;
  }
  state = random;
  return random;
}

PROGRAM(check_sketch) {
  u64 digest = 0;
  for (u32 key = 0; key < BUCKETS; key++) {
    u64 *count = bpf_map_lookup_elem(&latency, &key);
    digest = digest * 31 + (count ? *count : 1);
  }
  return mix32(digest);
}

/* ---- Bloom filter ------------------------------------------------------------------------------ */

#define MEMBERS 100000
KEYLESS(seen, BLOOM_FILTER, u64, MEMBERS, BPF_F_ZERO_SEED);

static __always_inline u64 member(u32 index) { return index * 0x9e3779b97f4a7c15ULL; }

PROGRAM(setup_bloom) {
  u32 failed = 0;
  for (u32 i = 0; i < MEMBERS; i++) {
    u64 value = member(i);
    failed += bpf_map_push_elem(&seen, &value, 0) != 0;
  }
  return failed;
}

PROGRAM(bloom_peek) {
  u32 random = state, found = 0;
  for (u32 i = 0; i < BATCH; i++) {
    u64 value = member(below(next_random(&random), MEMBERS * 2));
    found += bpf_map_peek_elem(&seen, &value) == 0;
  }
  state = random;
  return found;
}

PROGRAM(bloom_push) {
  u32 random = state, failed = 0;
  for (u32 i = 0; i < BATCH; i++) {
    u64 value = member(below(next_random(&random), MEMBERS));
    failed += bpf_map_push_elem(&seen, &value, 0) != 0;
  }
  state = random;
  return failed;
}

/* Which of the values that were never put in seem to be there, too. */
PROGRAM(check_bloom) {
  u64 digest = 0;
  for (u32 i = 0; i < MEMBERS * 2; i++) {
    u64 value = member(i);
    digest = digest * 31 + (bpf_map_peek_elem(&seen, &value) == 0);
  }
  return mix32(digest);
}

/* ---- Storage ----------------------------------------------------------------------------------- */

#define TASKS 64
MAP(first, TASK_STORAGE, int, u64, 0, BPF_F_NO_PREALLOC);
MAP(second, TASK_STORAGE, int, u64, 0, BPF_F_NO_PREALLOC);
MAP(third, TASK_STORAGE, int, u64, 0, BPF_F_NO_PREALLOC);

#ifdef __bpf__
#define TASKS_SECTION SEC(".data.tasks")
#else
#define TASKS_SECTION
#endif

/* Pointers to tasks: whoever runs this puts them here. */
u64 tasks[TASKS] TASKS_SECTION;

PROGRAM(store) {
  u32 random = state, failed = 0;
  for (u32 i = 0; i < BATCH; i++) {
    void *task = (void *)tasks[next_random(&random) % TASKS];
    u64 *value = bpf_task_storage_get(&second, task, NULL, 1);
    if (value)
      *value += i;
    else
      failed++;
  }
  state = random;
  return failed;
}

/* Three values each, of which the one in the middle is used. */
PROGRAM(setup_store) {
  u32 failed = 0;
#ifndef __bpf__
  static struct native_owner owners[TASKS];
  for (u32 i = 0; i < TASKS; i++)
    tasks[i] = (u64)&owners[i];
#endif
  for (u32 i = 0; i < TASKS; i++) {
    void *task = (void *)tasks[i];
    failed += !bpf_task_storage_get(&first, task, NULL, 1);
    failed += !bpf_task_storage_get(&second, task, NULL, 1);
    failed += !bpf_task_storage_get(&third, task, NULL, 1);
  }
  return failed;
}

PROGRAM(check_store) {
  u64 digest = 0;
  for (u32 i = 0; i < TASKS; i++) {
    u64 *value = bpf_task_storage_get(&second, (void *)tasks[i], NULL, 0);
    digest = digest * 31 + (value ? *value : 1);
  }
  return mix32(digest);
}
