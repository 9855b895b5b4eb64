// SPDX-License-Identifier: MIT
/* The verifier gives up. */
#include "common.h"

MAP(ARRAY, weights, 1024, __u32, __u32);

/* A loop of a million rounds, each of which it walks. */
/* expect: cause=too-complex fix=none slow=yes */
SEC("tc") int counts_to_a_million(struct __sk_buff *skb)
{
  volatile __u32 sum = 0;

  for (__u32 i = 0; i < 1000000; i++) // <- fault
    sum += skb->mark; // <- fault
  return sum & 1;
}

/* Every round asks a question whose two answers must both be walked. */
/* expect: cause=too-complex fix=none */
SEC("xdp") int decision_in_a_loop(struct xdp_md *ctx)
{
  __u32 hits = 0;

  for (int i = 0; i < 10000; i++) { // <- fault
    if (bpf_get_prandom_u32() & 1) { // <- fault
      hits++; // <- fault
      barrier_var(hits); // <- fault
    } // <- fault
  } // <- fault
  return hits > 5000 ? XDP_DROP : XDP_PASS;
}

/* Two loops, one in the other. */
/* expect: cause=too-complex fix=none */
SEC("kprobe/do_exit") int nested_loops(struct pt_regs *ctx)
{
  __u64 best = 0;

  for (__u32 row = 0; row < 1000; row++) { // <- fault
    for (__u32 column = 0; column < 1000; column++) { // <- fault
      __u32 key = column; // <- fault
      __u32 *weight = bpf_map_lookup_elem(&weights, &key); // <- fault

      if (weight && *weight > best) // <- fault
        best = *weight + row; // <- fault
    }
  }
  return best & 1;
}

/* A bitwise checksum of a packet: eight decisions a byte. */
/* expect: cause=too-complex fix=none */
static __noinline __u32 checksum(__u8 *at, __u8 *end)
{
  __u32 sum = 0;

  for (int i = 0; i < 1500; i++) { // <- fault
    if (at + 1 > end) // <- fault
      break; // <- fault
    sum ^= *at++; // <- fault
    for (int bit = 0; bit < 8; bit++) { // <- fault
      if (sum & 1) // <- fault
        sum = sum >> 1 ^ 0xedb88320; // <- fault
      else
        sum >>= 1; // <- fault
      barrier_var(sum); // <- fault
    }
  }
  return sum;
}

SEC("tc") int checksum_of_a_packet(struct __sk_buff *skb)
{
  skb->mark = checksum((void *)(long)skb->data, (void *)(long)skb->data_end);
  return TC_ACT_OK;
}

LICENSE("GPL");
