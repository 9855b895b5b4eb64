/* SPDX-License-Identifier: MIT
 *
 * Clocks and flags of bpf_timer (Linux 5.15; its helpers are in bpf.h), and work queues (6.10), in
 * values of array, hash and lru_hash maps. Written for beeyard. A value holds one `struct bpf_timer`,
 * one `struct bpf_wq` or one of each; a callback gets the map, the key and the value:
 * int callback(void *map, __u32 *key, struct value *value).
 */
#ifndef BEEYARD_TIMERS_H
#define BEEYARD_TIMERS_H

#include <beeyard/bpf.h>

#ifndef CLOCK_MONOTONIC
#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define CLOCK_BOOTTIME 7
#endif

/* Flags of bpf_timer_start: nanoseconds of the timer's clock, not from now; stay on this CPU. */
#define BPF_F_TIMER_ABS 1ULL
#define BPF_F_TIMER_CPU_PIN 2ULL

struct bpf_wq {
  __u64 __opaque[2];
} __attribute__((aligned(8)));

int bpf_wq_init(struct bpf_wq *wq, void *map, unsigned int flags) __weak __ksym;
int bpf_wq_start(struct bpf_wq *wq, unsigned int flags) __weak __ksym;
int bpf_wq_set_callback_impl(struct bpf_wq *wq, int(callback)(void *map, int *key, void *value),
                             unsigned int flags, void *aux__ign) __weak __ksym;
#define bpf_wq_set_callback(wq, callback, flags)                                                   \
  bpf_wq_set_callback_impl(wq, callback, flags, NULL)

#endif
