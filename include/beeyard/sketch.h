/* SPDX-License-Identifier: MIT
 *
 * A quantile sketch in plain BPF C: p50, p99, p99.9 of any 64-bit amount (nanoseconds, bytes) with
 * a stated error, in a fixed piece of memory, without locks. Loads on Linux as it is (5.2 and
 * newer) and in beeyard.
 *
 *   #include <beeyard/sketch.h>
 *
 *   // 6 bits of precision: within 0.78 %. From 2^10 ns (1 us) to 2^42 ns (73 minutes).
 *   BPF_SKETCH(latency, 6, 4, 42);
 *
 *   sketch_add(&latency, bpf_ktime_get_ns() - start);
 *
 * A bucket is one of 2^PRECISION equal parts of [2^n, 2^(n+1)). So a quantile that is read from it
 * is at most 1 / (2^(PRECISION+1) + 1) of itself away from the true one, whatever the values are:
 *
 *   precision          4       5       6       7       8
 *   error at most    3.03 %  1.54 %  0.78 %  0.39 %  0.19 %
 *   buckets, all u64   976   1,920   3,776   7,424  14,592     (8 bytes each, on each CPU)
 *
 * UNIT_BITS drops that many low bits: below 2^(PRECISION + UNIT_BITS) the error is at most half of
 * 2^UNIT_BITS, and buckets are saved. Values of 2^HIGH_BITS and more are counted in one bucket.
 *
 * Counters are per CPU and add up: sketches of CPUs, machines and points in time are merged by
 * adding buckets, in any order, with the same result. One of precision P becomes one of P - 1 by
 * adding neighbours. `Sketch` of 'beeyard/sketch' does all that and tells the error.
 */
#ifndef BEEYARD_SKETCH_H
#define BEEYARD_SKETCH_H

/* Whoever has included vmlinux.h and libbpf's headers has all that is needed. */
#if !defined(__VMLINUX_H__) && !defined(__BPF_HELPERS__)
#include "bpf.h"
#endif

/* Buckets of a sketch; the last one counts what is too large for the others. */
#define SKETCH_BUCKETS(precision, unit_bits, high_bits)                                            \
  ((((high_bits) - (unit_bits) - (precision) + 1) << (precision)) + 1)

/*
 * Defines a sketch, a map. PRECISION from 1 to 12, UNIT_BITS from 0, HIGH_BITS up to 64. The three
 * stand in the type of the map's value, from where readers learn them.
 */
#define BPF_SKETCH(name, precision_, unit_bits_, high_bits_)                                       \
  _Static_assert((precision_) >= 1 && (precision_) <= 12, "precision: 1 to 12 bits");              \
  _Static_assert((high_bits_) <= 64 && (unit_bits_) >= 0 &&                                        \
                     (unit_bits_) + (precision_) < (high_bits_),                                   \
                 "unit_bits + precision < high_bits <= 64");                                       \
  struct name##_sketch {                                                                           \
    __u64 count;                                                                                   \
    SKETCH_SAYS_(sketch_precision, precision_);                                                    \
    SKETCH_SAYS_(sketch_unit_bits, (unit_bits_) + 1);                                              \
    SKETCH_SAYS_(sketch_high_bits, high_bits_);                                                    \
  };                                                                                               \
  struct {                                                                                         \
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                                       \
    __uint(max_entries, SKETCH_BUCKETS(precision_, unit_bits_, high_bits_));                       \
    __type(key, __u32);                                                                            \
    __type(value, struct name##_sketch);                                                           \
  } name SEC(".maps")

/* A number that stands in a type and takes no room in it, and the number again. */
#define SKETCH_SAYS_(member, number) int(*member[0])[number]
#define SKETCH_NUMBER_(member) (sizeof(*(member)[0]) / sizeof(int))

/* Counts a value. Costs one array lookup. */
#define sketch_add(sketch, value) sketch_add_n(sketch, value, 1)

/* Counts a value n times. */
#define sketch_add_n(sketch, value_, n)                                                            \
  sketch_count_(sketch,                                                                            \
                sketch_bucket_(value_, SKETCH_NUMBER_((sketch)->value->sketch_precision),          \
                               SKETCH_NUMBER_((sketch)->value->sketch_unit_bits) - 1,              \
                               SKETCH_NUMBER_((sketch)->value->sketch_high_bits)),                 \
                n)

/*
 * Place of the highest bit that is set, without a branch: all bits below it are set too, which
 * leaves 64 numbers, and the product with a de Bruijn number has another 6 bits on top for each.
 */
static __always_inline __u32 sketch_log2_(__u64 value) {
  static const __u8 place[64] = {
      0,  47, 1,  56, 48, 27, 2,  60, 57, 49, 41, 37, 28, 16, 3,  61, 54, 58, 35, 52, 50, 42,
      21, 44, 38, 32, 29, 23, 17, 11, 4,  62, 46, 55, 26, 59, 40, 36, 15, 53, 34, 51, 20, 43,
      31, 22, 10, 45, 25, 39, 14, 33, 19, 30, 9,  24, 13, 18, 8,  12, 7,  6,  5,  63,
  };
  value |= value >> 1;
  value |= value >> 2;
  value |= value >> 4;
  value |= value >> 8;
  value |= value >> 16;
  value |= value >> 32;
  return place[value * 0x03f79d71b4cb0a89ULL >> 58];
}

static __always_inline __u32 sketch_bucket_(__u64 value, __u32 precision, __u32 unit_bits,
                                            __u32 high_bits) {
  if (high_bits < 64 && value >> high_bits)
    return SKETCH_BUCKETS(precision, unit_bits, high_bits) - 1;
  value >>= unit_bits;
  if (value >> precision == 0) return value;
  __u32 shift = sketch_log2_(value >> precision);
  return (shift << precision) + (__u32)(value >> shift);
}

/*
 * A program that another one can interrupt on its CPU (tracing in a sleepable program, say) may
 * lose one of two counts; with BPF_SKETCH_ATOMIC defined before the include it does not.
 */
static __always_inline void sketch_count_(void *sketch, __u32 bucket, __u64 n) {
  __u64 *count = bpf_map_lookup_elem(sketch, &bucket);
  if (!count) return;
#ifdef BPF_SKETCH_ATOMIC
  __sync_fetch_and_add(count, n);
#else
  *count += n;
#endif
}

#endif
