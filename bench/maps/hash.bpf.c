// SPDX-License-Identifier: MIT
// Hash maps of a million entries, and of a thousand: look-ups, updates of keys that are there,
// deletes and inserts. Which keys come is random and goes on from run to run.
#include "bench.h"

#define MANY (1 << 20)
#define FEW 1000
#define BATCH 4096

/* A global of the program, so that no two runs are alike. */
u32 state = 77;

/* Words of a key by number: all different, and far from each other. */
static __always_inline void fill(u32 *words, u32 count, u32 index) {
  u32 word = index * 0x9e3779b1;
  for (u32 i = 0; i < count; i++, word = word * 0x85ebca6b + 1)
    words[i] = word;
}

static long digest_element(void *map, const void *key, u64 *value, u64 *digest) {
  (void)map;
  *digest = (*digest ^ *(const u32 *)key) * 0x100000001b3ULL + *value;
  return 0;
}

/* An eighth of the keys looked up are not there. The second half of a run puts back what the first took out. */
#define TABLE(name, SIZE, ENTRIES)                                                                 \
  struct key_##name {                                                                              \
    u32 words[SIZE / 4];                                                                           \
  } __attribute__((aligned(SIZE >= 8 ? 8 : 4)));                                                   \
  MAP(table_##name, HASH, struct key_##name, u64, ENTRIES, BPF_F_ZERO_SEED);                       \
                                                                                                   \
  PROGRAM(setup_##name) {                                                                          \
    u32 failed = 0;                                                                                \
    for (u32 i = 0; i < ENTRIES; i++) {                                                            \
      struct key_##name key;                                                                       \
      u64 value = i;                                                                               \
      fill(key.words, SIZE / 4, i);                                                                \
      failed += bpf_map_update_elem(&table_##name, &key, &value, BPF_ANY) != 0;                    \
    }                                                                                              \
    return failed;                                                                                 \
  }                                                                                                \
  PROGRAM(lookup_##name) {                                                                         \
    u32 random = state;                                                                            \
    u64 sum = 0;                                                                                   \
    for (u32 i = 0; i < BATCH; i++) {                                                              \
      struct key_##name key;                                                                       \
      fill(key.words, SIZE / 4, below(next_random(&random), ENTRIES + ENTRIES / 8));               \
      u64 *value = bpf_map_lookup_elem(&table_##name, &key);                                       \
      if (value)                                                                                   \
        sum += *value;                                                                             \
    }                                                                                              \
    state = random;                                                                                \
    return mix32(sum);                                                                             \
  }                                                                                                \
  PROGRAM(update_##name) {                                                                         \
    u32 random = state, failed = 0;                                                                \
    for (u32 i = 0; i < BATCH; i++) {                                                              \
      struct key_##name key;                                                                       \
      u64 value = random;                                                                          \
      fill(key.words, SIZE / 4, below(next_random(&random), ENTRIES));                             \
      failed += bpf_map_update_elem(&table_##name, &key, &value, BPF_ANY) != 0;                    \
    }                                                                                              \
    state = random;                                                                                \
    return failed;                                                                                 \
  }                                                                                                \
  PROGRAM(churn_##name) {                                                                          \
    u32 random = state, failed = 0;                                                                \
    for (u32 i = 0; i < BATCH / 2; i++) {                                                          \
      struct key_##name key;                                                                       \
      fill(key.words, SIZE / 4, below(next_random(&random), ENTRIES));                             \
      failed += bpf_map_delete_elem(&table_##name, &key) != 0;                                     \
    }                                                                                              \
    random = state;                                                                                \
    for (u32 i = 0; i < BATCH / 2; i++) {                                                          \
      struct key_##name key;                                                                       \
      u64 value = random;                                                                          \
      fill(key.words, SIZE / 4, below(next_random(&random), ENTRIES));                             \
      failed += bpf_map_update_elem(&table_##name, &key, &value, BPF_ANY) != 0;                    \
    }                                                                                              \
    state = random;                                                                                \
    return failed;                                                                                 \
  }                                                                                                \
  PROGRAM(check_##name) {                                                                          \
    u64 digest = 0;                                                                                \
    bpf_for_each_map_elem(&table_##name, digest_element, &digest, 0);                              \
    return mix32(digest);                                                                          \
  }

TABLE(4, 4, MANY)
TABLE(8, 8, MANY)
TABLE(16, 16, MANY)
TABLE(32, 32, MANY)
TABLE(few_4, 4, FEW)
TABLE(few_8, 8, FEW)
TABLE(few_16, 16, FEW)
TABLE(few_32, 32, FEW)

/* ---- For each, on 16,384 elements --------------------------------------------------------------- */

#define EACH 16384
MAP(each_hash, HASH, u32, u64, EACH, BPF_F_ZERO_SEED);
MAP(each_array, ARRAY, u32, u64, EACH, 0);

PROGRAM(setup_each) {
  u32 failed = 0;
  for (u32 i = 0; i < EACH; i++) {
    u32 key = i * 0x9e3779b1;
    u64 value = i;
    failed += bpf_map_update_elem(&each_hash, &key, &value, BPF_ANY) != 0;
    failed += bpf_map_update_elem(&each_array, &i, &value, BPF_ANY) != 0;
  }
  return failed;
}

PROGRAM(for_each_hash) {
  u64 digest = 0;
  long seen = bpf_for_each_map_elem(&each_hash, digest_element, &digest, 0);
  return mix32(digest + seen);
}

PROGRAM(for_each_array) {
  u64 digest = 0;
  long seen = bpf_for_each_map_elem(&each_array, digest_element, &digest, 0);
  return mix32(digest + seen);
}

/* ---- Per CPU -------------------------------------------------------------------------------------- */

MAP(percpu, PERCPU_HASH, u64, u64, FEW, BPF_F_ZERO_SEED);

PROGRAM(count_percpu) {
  u32 random = state, failed = 0;
  for (u32 i = 0; i < BATCH; i++) {
    u64 key = below(next_random(&random), FEW) * 0x9e3779b97f4a7c15ULL, one = 1;
    u64 *value = bpf_map_lookup_elem(&percpu, &key);
    if (value)
      ++*value;
    else
      failed += bpf_map_update_elem(&percpu, &key, &one, BPF_ANY) != 0;
  }
  state = random;
  return failed;
}

PROGRAM(update_percpu) {
  u32 random = state, failed = 0;
  for (u32 i = 0; i < BATCH; i++) {
    u64 key = below(next_random(&random), FEW) * 0x9e3779b97f4a7c15ULL, value = random;
    failed += bpf_map_update_elem(&percpu, &key, &value, BPF_ANY) != 0;
  }
  state = random;
  return failed;
}

PROGRAM(check_percpu) {
  u64 digest = 0;
  for (u32 i = 0; i < FEW; i++) {
    u64 key = i * 0x9e3779b97f4a7c15ULL;
    u64 *value = bpf_map_lookup_elem(&percpu, &key);
    digest = digest * 31 + (value ? *value : 1);
  }
  return mix32(digest);
}
