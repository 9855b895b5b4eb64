// SPDX-License-Identifier: MIT
// Packets at functions and tracepoints of the kernel: what is at each, and with which arguments.
#include <beeyard/net.h>

LICENSE("GPL");

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct net_device {
  int ifindex;
};
struct napi_struct {
  struct net_device *dev;
};
struct sk_buff {
  unsigned int len;
  struct net_device *dev;
  __be16 protocol;
  __u16 mac_header;
  unsigned char *head;
  unsigned char *data;
};
struct pt_regs {
  unsigned long di;
  unsigned long si;
};
#pragma clang attribute pop

enum { GRO, QUEUED, STARTED, SENT, RECEIVED, FREED, PROBED };

struct seen {
  __u32 point;
  __u32 ifindex;
  __u32 length;
  // Of the argument that is a device or a poll structure.
  __u32 device;
  __u32 reason;
  __u16 protocol;
  // From where the packet begins now.
  __u8 bytes[2];
  // The last two of the Ethernet header, found by mac_header.
  __u8 type[2];
  __u16 unused;
};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 16);
} events SEC(".maps");

// Keeps `struct seen` in the types of the object.
const struct seen *seen_type;

static __always_inline int tell(struct sk_buff *skb, __u32 point, __u32 device, __u32 reason) {
  struct seen *seen = bpf_ringbuf_reserve(&events, sizeof(*seen), 0);
  if (!seen) return 0;
  seen->point = point;
  seen->length = skb->len;
  seen->ifindex = skb->dev ? skb->dev->ifindex : 0;
  seen->protocol = bpf_ntohs(skb->protocol);
  seen->device = device;
  seen->reason = reason;
  bpf_probe_read_kernel(seen->bytes, 2, skb->data);
  bpf_probe_read_kernel(seen->type, 2, skb->head + skb->mac_header + 12);
  bpf_ringbuf_submit(seen, 0);
  return 0;
}

SEC("fentry/napi_gro_receive")
int gro(__u64 *ctx) {
  struct napi_struct *napi = (void *)ctx[0];
  struct net_device *dev = napi->dev;
  return tell((void *)ctx[1], GRO, dev ? dev->ifindex : 0, 0);
}

SEC("tp_btf/net_dev_queue")
int queued(__u64 *ctx) {
  return tell((void *)ctx[0], QUEUED, 0, 0);
}

SEC("tp_btf/net_dev_start_xmit")
int started(__u64 *ctx) {
  struct net_device *dev = (void *)ctx[1];
  return tell((void *)ctx[0], STARTED, dev->ifindex, 0);
}

SEC("tp_btf/net_dev_xmit")
int sent(__u64 *ctx) {
  struct net_device *dev = (void *)ctx[2];
  return tell((void *)ctx[0], SENT, dev->ifindex, (__u32)ctx[3]);
}

SEC("tp_btf/netif_receive_skb")
int received(__u64 *ctx) {
  return tell((void *)ctx[0], RECEIVED, 0, 0);
}

SEC("tp_btf/kfree_skb")
int freed(__u64 *ctx) {
  return tell((void *)ctx[0], FREED, 0, (__u32)ctx[2]);
}

SEC("kprobe/napi_gro_receive")
int probed(struct pt_regs *ctx) {
  struct sk_buff *skb = (void *)ctx->si;
  __u32 length = 0;
  bpf_probe_read_kernel(&length, 4, &skb->len);
  struct seen *seen = bpf_ringbuf_reserve(&events, sizeof(*seen), 0);
  if (!seen) return 0;
  __builtin_memset(seen, 0, sizeof(*seen));
  seen->point = PROBED;
  seen->length = length;
  bpf_ringbuf_submit(seen, 0);
  return 0;
}

// Nobody has the packet when it comes back.
SEC("?fexit/napi_gro_receive")
int gro_returns(__u64 *ctx) {
  return 0;
}

SEC("?fentry/ip_rcv")
int elsewhere(__u64 *ctx) {
  return 0;
}
