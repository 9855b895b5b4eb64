// SPDX-License-Identifier: MIT
// Packets by protocol and bytes of each source: what a container may count of its own traffic when
// the host lets it load programs with a BPF token. (`end - data` would take CAP_PERFMON.)
#include <beeyard/net.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} protocols SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} sources SEC(".maps");

SEC("xdp")
int count_flows(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	__u64 *count, *bytes, size = bpf_xdp_get_buff_len(ctx);
	__u32 protocol, source;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	protocol = ip->protocol;
	source = ip->saddr;
	count = bpf_map_lookup_elem(&protocols, &protocol);
	if (count)
		(*count)++;
	bytes = bpf_map_lookup_elem(&sources, &source);
	if (bytes)
		__sync_fetch_and_add(bytes, size);
	else
		bpf_map_update_elem(&sources, &source, &size, BPF_NOEXIST);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
