// SPDX-License-Identifier: MIT
// Policy for pods that are cgroups: connections to the address of a service go to a backend, and
// the user gets to see the service all the same; what a pod must not send stays where it is.
#include <beeyard/cgroup.h>

struct place {
  __u32 address; // network order
  __u32 port; // network order, as in user_port
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, struct place);
  __type(value, struct place);
} services SEC(".maps");

// What a socket's user asked for, by the socket's cookie.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, __u64);
  __type(value, struct place);
} asked SEC(".maps");

// Packets of a pod that were stopped, by the cgroup's id.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, __u64);
  __type(value, __u64);
} stopped SEC(".maps");

SEC("cgroup/connect4")
int to_backend(struct bpf_sock_addr *ctx)
{
  struct place service = { .address = ctx->user_ip4, .port = ctx->user_port };
  __u64 cookie = bpf_get_socket_cookie(ctx);
  struct place *backend;

  backend = bpf_map_lookup_elem(&services, &service);
  if (!backend)
    return 1;
  bpf_map_update_elem(&asked, &cookie, &service, BPF_ANY);
  ctx->user_ip4 = backend->address;
  ctx->user_port = backend->port;
  return 1;
}

SEC("cgroup/getpeername4")
int as_asked(struct bpf_sock_addr *ctx)
{
  __u64 cookie = bpf_get_socket_cookie(ctx);
  struct place *service;

  service = bpf_map_lookup_elem(&asked, &cookie);
  if (service) {
    ctx->user_ip4 = service->address;
    ctx->user_port = service->port;
  }
  return 1;
}

SEC("cgroup_skb/egress")
int stop(struct __sk_buff *skb)
{
  __u64 pod = bpf_skb_cgroup_id(skb), one = 1;
  __u64 *count;

  count = bpf_map_lookup_elem(&stopped, &pod);
  if (count)
    __sync_fetch_and_add(count, 1);
  else
    bpf_map_update_elem(&stopped, &pod, &one, BPF_ANY);
  return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
