// SPDX-License-Identifier: MIT
// Five programs for one tcx hook: each does one thing, and their order is the policy.
#include <beeyard/net.h>

// enum tcx_action_base
enum { TCX_NEXT = -1, TCX_PASS = 0, TCX_DROP = 2 };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} trusted SEC(".maps"), blocked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} bytes SEC(".maps");

/* Packets that one source may send. */
const volatile __u64 budget = 3;

/* The source address as it is on the wire, or 0: no IPv4. */
static __always_inline __u32 source(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return 0;
	return ip->saddr;
}

SEC("tcx/ingress")
int sanity(struct __sk_buff *skb)
{
	return source(skb) ? TCX_NEXT : TCX_DROP;
}

SEC("tcx/ingress")
int trust(struct __sk_buff *skb)
{
	__u32 from = source(skb);

	return bpf_map_lookup_elem(&trusted, &from) ? TCX_PASS : TCX_NEXT;
}

SEC("tcx/ingress")
int block(struct __sk_buff *skb)
{
	__u32 from = source(skb);

	return bpf_map_lookup_elem(&blocked, &from) ? TCX_DROP : TCX_NEXT;
}

SEC("tcx/ingress")
int police(struct __sk_buff *skb)
{
	__u32 from = source(skb);
	__u64 one = 1, *count = bpf_map_lookup_elem(&seen, &from);

	if (!count)
		return bpf_map_update_elem(&seen, &from, &one, BPF_ANY) ? TCX_DROP : TCX_NEXT;
	return __sync_fetch_and_add(count, 1) < budget ? TCX_NEXT : TCX_DROP;
}

SEC("tcx/ingress")
int account(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *sum = bpf_map_lookup_elem(&bytes, &zero);

	if (sum)
		__sync_fetch_and_add(sum, skb->len);
	return TCX_NEXT;
}

char _license[] SEC("license") = "MIT";
