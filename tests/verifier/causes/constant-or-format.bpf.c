// SPDX-License-Identifier: MIT
/* An argument must be a constant; a format must be well formed. */
#include "common.h"

RINGBUF(events, 65536);

/* As much as there is to say. */
/* expect: cause=constant-needed fix=none */
SEC("kprobe/vfs_write") int reserves_a_variable_size(struct pt_regs *ctx)
{
  void *record = bpf_ringbuf_reserve(&events, ctx->dx & 63, 0); // <- fault

  if (record)
    bpf_ringbuf_discard(record, 0);
  return 0;
}

/* expect: cause=constant-needed fix=none */
SEC("tc") int variable_slice(struct __sk_buff *skb)
{
  struct bpf_dynptr packet;
  __u8 *data, buffer[64] = {};

  bpf_dynptr_from_skb(skb, 0, &packet);
  data = bpf_dynptr_slice(&packet, 0, buffer, skb->mark & 31); // <- fault
  return data ? TC_ACT_OK : TC_ACT_SHOT;
}

/* expect: cause=constant-needed fix=none */
SEC("kprobe/do_exit") int slice_of_memory(struct pt_regs *ctx)
{
  struct bpf_dynptr record;
  void *data;

  bpf_ringbuf_reserve_dynptr(&events, 64, 0, &record);
  data = bpf_dynptr_data(&record, 0, ctx->di & 31); // <- fault
  if (data)
    *(volatile __u8 *)data = 1;
  bpf_ringbuf_submit_dynptr(&record, 0);
  return 0;
}

/* The format is made on the stack. */
/* expect: cause=constant-needed|format-string|helper-argument-type fix=none */
SEC("tc") int format_on_the_stack(struct __sk_buff *skb)
{
  char text[16] = {}, format[8] = { '%', 'd', 0 };
  __u64 data = skb->len;

  bpf_snprintf(text, sizeof(text), format, &data, sizeof(data)); // <- fault
  return text[0];
}

/* expect: cause=format-string fix=none */
SEC("tc") int unknown_format(struct __sk_buff *skb)
{
  static const char format[] = "%d %y";
  __u64 data[2] = { skb->len, skb->mark };
  char text[32] = {};

  bpf_snprintf(text, sizeof(text), format, data, sizeof(data)); // <- fault
  return text[0];
}

/* More conversions than values. */
/* expect: cause=format-string fix=none */
SEC("tc") int too_few_values(struct __sk_buff *skb)
{
  static const char format[] = "%d %d %d";
  __u64 data[2] = { skb->len, skb->mark };
  char text[32] = {};

  bpf_snprintf(text, sizeof(text), format, data, sizeof(data)); // <- fault
  return text[0];
}

LICENSE("GPL");
