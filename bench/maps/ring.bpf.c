// SPDX-License-Identifier: MIT
// Ring buffer and queue: a thousand records a run, which a reader then takes.
#include "bench.h"

#define BATCH 1024

u32 state = 3;

struct event {
  u64 time;
  u32 pid, kind;
  u64 amount;
};

struct large_event {
  struct event event;
  u64 more[13];
};

RING(events, 256 * 1024);
KEYLESS(queue, QUEUE, struct event, 2048, 0);
KEYLESS(words, QUEUE, u64, 2048, 0);

/* One of 16 is thought better of. */
PROGRAM(reserve) {
  u32 random = state, lost = 0;
  for (u32 i = 0; i < BATCH; i++) {
    struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (!event) {
      lost++;
      continue;
    }
    event->time = i;
    event->pid = next_random(&random);
    event->kind = 7;
    event->amount = random * 3ULL;
    if (random % 16)
      bpf_ringbuf_submit(event, 0);
    else
      bpf_ringbuf_discard(event, 0);
  }
  state = random;
  return lost;
}

PROGRAM(output) {
  u32 random = state, lost = 0;
  for (u32 i = 0; i < BATCH; i++) {
    struct event event = {.time = i, .pid = next_random(&random), .kind = 7, .amount = random};
    lost += bpf_ringbuf_output(&events, &event, sizeof(event), 0) != 0;
  }
  state = random;
  return lost;
}

PROGRAM(output_large) {
  u32 random = state, lost = 0;
  struct large_event large = {};
  for (u32 i = 0; i < BATCH; i++) {
    large.event.time = i;
    large.event.amount = next_random(&random);
    lost += bpf_ringbuf_output(&events, &large, sizeof(large), 0) != 0;
  }
  state = random;
  return lost;
}

PROGRAM(push_pop) {
  u32 random = state, failed = 0;
  u64 sum = 0;
  for (u32 i = 0; i < BATCH; i++) {
    struct event event = {.time = i, .pid = next_random(&random), .kind = 7, .amount = random};
    failed += bpf_map_push_elem(&queue, &event, 0) != 0;
  }
  for (u32 i = 0; i < BATCH; i++) {
    struct event event;
    failed += bpf_map_pop_elem(&queue, &event) != 0;
    sum = sum * 31 + event.amount;
  }
  state = random;
  return mix32(sum) + failed;
}

PROGRAM(push_pop_word) {
  u32 random = state, failed = 0;
  u64 sum = 0;
  for (u32 i = 0; i < BATCH; i++) {
    u64 word = next_random(&random);
    failed += bpf_map_push_elem(&words, &word, 0) != 0;
  }
  for (u32 i = 0; i < BATCH; i++) {
    u64 word;
    failed += bpf_map_pop_elem(&words, &word) != 0;
    sum = sum * 31 + word;
  }
  state = random;
  return mix32(sum) + failed;
}

#ifndef __bpf__
/* The readers: one that looks at each record, one that only says it has seen them. */
static void add(const void *data, u32 size, void *context) {
  u32 *sum = context;
  *sum += *(const u32 *)data + size;
}

__attribute__((visibility("default"))) u32 read_events(void) {
  u32 sum = 0;
  ring_consume(&events.map, add, &sum);
  return sum;
}

__attribute__((visibility("default"))) u32 skip_events(void) {
  ring_skip(&events.map);
  return 0;
}
#endif
