// SPDX-License-Identifier: MIT
/* Functions that call one another need more than 512 bytes of stack. */
#include "common.h"

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, __u32);
} next SEC(".maps");

/* Two buffers of which each fits alone. */
/* expect: cause=stack-too-deep fix=none */
static __noinline long read_name(void *from) // <- blame
{
  char name[300];

  bpf_probe_read_kernel_str(name, sizeof(name), from);
  return name[0] + name[1];
}

SEC("kprobe/vfs_open") int two_buffers(struct pt_regs *ctx)
{
  char path[280];

  bpf_probe_read_kernel_str(path, sizeof(path), (void *)ctx->di);
  return path[0] + read_name((void *)ctx->si); // <- fault
}

/* A callback has the stack of its caller before it. */
/* expect: cause=stack-too-deep fix=none */
static long visit(__u32 index, char *context)
{
  char copy[256];

  bpf_probe_read_kernel(copy, sizeof(copy), context + index);
  return copy[3] == 7;
}

SEC("tc") int callback_with_buffer(struct __sk_buff *skb) // <- blame
{
  char packet[280];

  if (bpf_skb_load_bytes(skb, 0, packet, sizeof(packet)))
    return TC_ACT_OK;
  return bpf_loop(4, visit, packet, 0); // <- fault
}

/* Functions that call a function that calls a function. */
/* expect: cause=stack-too-deep fix=none */
static __noinline long third(long x)
{
  volatile char room[200];

  room[x & 63] = 1;
  return room[3];
}

static __noinline long second(long x)
{
  volatile char room[200];

  room[x & 63] = 2;
  return room[4] + third(x);
}

SEC("xdp") int three_deep(struct xdp_md *ctx) // <- blame
{
  volatile char room[200];

  room[ctx->rx_queue_index & 63] = 3;
  return room[5] + second(ctx->rx_queue_index); // <- fault
}

/* Before a tail call at most 256 bytes may be in use by the callers. */
/* expect: cause=stack-too-deep fix=none */
static __noinline int leave(struct __sk_buff *skb)
{
  bpf_tail_call(skb, &next, 1);
  return 0;
}

SEC("tc") int tail_call_with_large_frame(struct __sk_buff *skb) // <- blame
{
  char packet[300];

  if (bpf_skb_load_bytes(skb, 0, packet, sizeof(packet)))
    return TC_ACT_OK;
  return leave(skb) + packet[7]; // <- fault
}

LICENSE("GPL");
