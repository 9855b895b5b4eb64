/* SPDX-License-Identifier: MIT
 *
 * Instruction arrays, an extension of beeyard here (Linux has had the map type since 6.19, 6.12 has
 * not): a map that says where instructions of a program are once it is loaded. Whoever loads the
 * program says which instructions are meant:
 *
 *   #include <beeyard/insn_array.h>
 *
 *   DEFINE_INSN_ARRAY(places, 8);
 *
 *   host.load(object, { insnArrays: { places: { program: 'trace', insns: [0, 7] } } })
 *
 * and reads the values afterwards: { orig_off, xlated_off, jitted_off }, instructions counted from 0.
 * xlated_off is the number in `beeyard prog dump xlated`, ~0 if the instruction is gone; jitted_off
 * is 0. Without `insns` they are the program's static branches (static_key.h). Programs do not use
 * the map.
 */
#ifndef BEEYARD_INSN_ARRAY_H
#define BEEYARD_INSN_ARRAY_H

/* Whoever has included vmlinux.h and libbpf's headers has all that is needed. */
#if !defined(__VMLINUX_H__) && !defined(__BPF_HELPERS__)
#include "bpf.h"
#endif

#define BPF_MAP_TYPE_INSN_ARRAY 0xbee3

/* As Linux 6.19 declares it. */
struct bpf_insn_array_value {
  __u32 orig_off;
  __u32 xlated_off;
  __u32 jitted_off;
  __u32 : 32;
};

#define DEFINE_INSN_ARRAY(name, entries)                                                           \
  struct {                                                                                         \
    __uint(type, BPF_MAP_TYPE_INSN_ARRAY);                                                         \
    __uint(max_entries, entries);                                                                  \
    __type(key, __u32);                                                                            \
    __type(value, struct bpf_insn_array_value);                                                    \
  } name SEC(".maps")

#endif
