// SPDX-License-Identifier: MIT
/*
 * An XDP firewall. In the order a packet meets them:
 *
 *   1. headers that are cut short or contradict themselves         -> drop, MALFORMED
 *   2. IPv4/IPv6 source inside a listed prefix (LPM tries)         -> drop, BLOCKED_SOURCE
 *   3. TCP/UDP destination port listed as closed (array)           -> drop, CLOSED_PORT
 *   4. more new TCP connections per second than one source may open -> drop, SYN_FLOOD
 *   5. everything else                                             -> pass
 *
 * Each source is counted in a hash map, each dropped packet is told through a ring buffer.
 * Limits and switches are `config`: constants that the loader may set before the program is loaded.
 */
#include <beeyard/bpf.h>
#include <beeyard/net.h>

#define SECOND 1000000000ULL
#define MAX_VLAN_TAGS 2
#define MAX_EXTENSION_HEADERS 6

enum reason {
  PASSED = 0,
  MALFORMED = 1,
  BLOCKED_SOURCE = 2,
  CLOSED_PORT = 3,
  SYN_FLOOD = 4,
  REASONS = 5,
};

enum policy { PORT_OPEN = 0, PORT_CLOSED = 1 };

const volatile struct config {
  /* TCP connections one source may open per second; 0 = any number. */
  __u32 syn_limit;
  /* Drop packets whose headers cannot be parsed (else they pass). */
  __u8 drop_malformed;
  /* Tell each dropped packet through `drops`. */
  __u8 report_drops;
} config = {.syn_limit = 200, .drop_malformed = 1, .report_drops = 1};

/* ---- Maps ---------------------------------------------------------------------------------- */

struct prefix_v4 {
  __u32 length;
  __u8 address[4];
};

struct prefix_v6 {
  __u32 length;
  __u8 address[16];
};

struct block {
  /* Number of the line in the rules file. */
  __u32 rule;
  __u32 unused;
  __u64 packets;
  __u64 bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 4096);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct prefix_v4);
  __type(value, struct block);
} blocked_v4 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 4096);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct prefix_v6);
  __type(value, struct block);
} blocked_v6 SEC(".maps");

/* IPv4 addresses are kept as ::ffff:a.b.c.d. */
struct source_key {
  __u8 address[16];
};

struct source {
  __u64 packets;
  __u64 bytes;
  __u64 dropped;
  __u64 last_seen;
  /* Second the connections below were opened in, counted from boot. */
  __u64 window;
  __u64 opened;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __type(key, struct source_key);
  __type(value, struct source);
} sources SEC(".maps");

struct port {
  enum policy policy;
  __u32 unused;
  __u64 packets;
  __u64 dropped;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 65536);
  __type(key, __u32);
  __type(value, struct port);
} ports SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, REASONS);
  __type(key, enum reason);
  __type(value, __u64);
} reasons SEC(".maps");

struct event {
  __u64 time;
  enum reason reason;
  /* Line of the rules file, when a prefix was the reason. */
  __u32 rule;
  __u8 source[16];
  __u8 target[16];
  __u16 source_port;
  __u16 target_port;
  __u16 length;
  __u16 vlan;
  __u8 protocol;
  __u8 unused[7];
};

/* A ring buffer has no value type; this puts the struct into the BTF for whoever reads the ring. */
const struct event *event_type __attribute__((unused));

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 22);
} drops SEC(".maps");

/* ---- Parsing ------------------------------------------------------------------------------- */

struct packet {
  void *at;
  void *end;
  __u32 rule;
  __u16 length;
  __u16 vlan;
  __u16 source_port;
  __u16 target_port;
  __u8 protocol;
  __u8 opens_connection;
  __u8 has_ports;
  __u8 source[16];
  __u8 target[16];
};

enum parsed { PARSED_NOT_IP, PARSED_V4, PARSED_V6, PARSED_BAD };

/* Steps over the Ethernet header and its VLAN tags. Returns the EtherType, or 0 if cut short. */
static __always_inline __u16 parse_ethernet(struct packet *packet) {
  struct ethhdr *eth = packet->at;
  if ((void *)(eth + 1) > packet->end)
    return 0;
  packet->at = eth + 1;
  __be16 type = eth->h_proto;
  for (int i = 0; i < MAX_VLAN_TAGS; i++) {
    if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
      break;
    struct vlan_hdr *tag = packet->at;
    if ((void *)(tag + 1) > packet->end)
      return 0;
    packet->at = tag + 1;
    packet->vlan = bpf_ntohs(tag->h_vlan_TCI) & 0xfff;
    type = tag->h_vlan_encapsulated_proto;
  }
  return bpf_ntohs(type);
}

static __always_inline int parse_ports(struct packet *packet) {
  if (packet->protocol == IPPROTO_TCP) {
    struct tcphdr *tcp = packet->at;
    if ((void *)(tcp + 1) > packet->end || tcp->doff < 5)
      return -1;
    packet->source_port = bpf_ntohs(tcp->source);
    packet->target_port = bpf_ntohs(tcp->dest);
    packet->opens_connection = tcp->syn && !tcp->ack;
    packet->has_ports = 1;
  } else if (packet->protocol == IPPROTO_UDP) {
    struct udphdr *udp = packet->at;
    if ((void *)(udp + 1) > packet->end)
      return -1;
    packet->source_port = bpf_ntohs(udp->source);
    packet->target_port = bpf_ntohs(udp->dest);
    packet->has_ports = 1;
  }
  return 0;
}

static __always_inline enum parsed parse_v4(struct packet *packet) {
  struct iphdr *ip = packet->at;
  if ((void *)(ip + 1) > packet->end || ip->version != 4 || ip->ihl < 5)
    return PARSED_BAD;
  packet->source[10] = packet->source[11] = 0xff;
  packet->target[10] = packet->target[11] = 0xff;
  memcpy(packet->source + 12, &ip->saddr, 4);
  memcpy(packet->target + 12, &ip->daddr, 4);
  packet->protocol = ip->protocol;
  packet->at = (void *)ip + ip->ihl * 4;
  /* Only the first fragment carries ports. */
  if (ip->frag_off & bpf_htons(0x1fff))
    return PARSED_V4;
  return parse_ports(packet) ? PARSED_BAD : PARSED_V4;
}

static __always_inline int is_extension(__u8 header) {
  return header == IPPROTO_HOPOPTS || header == IPPROTO_ROUTING || header == IPPROTO_DSTOPTS;
}

static __always_inline enum parsed parse_v6(struct packet *packet) {
  struct ipv6hdr *ip = packet->at;
  if ((void *)(ip + 1) > packet->end || ip->version != 6)
    return PARSED_BAD;
  memcpy(packet->source, &ip->saddr, 16);
  memcpy(packet->target, &ip->daddr, 16);
  packet->at = ip + 1;
  __u8 next = ip->nexthdr;
  for (int i = 0; i < MAX_EXTENSION_HEADERS && is_extension(next); i++) {
    struct ipv6_opt_hdr *option = packet->at;
    if ((void *)(option + 1) > packet->end)
      return PARSED_BAD;
    next = option->nexthdr;
    packet->at = (void *)option + (option->hdrlen + 1) * 8;
  }
  packet->protocol = next;
  return parse_ports(packet) ? PARSED_BAD : PARSED_V6;
}

static __always_inline enum parsed parse(struct packet *packet) {
  switch (parse_ethernet(packet)) {
    case 0:
      return PARSED_BAD;
    case ETH_P_IP:
      return parse_v4(packet);
    case ETH_P_IPV6:
      return parse_v6(packet);
    default:
      return PARSED_NOT_IP;
  }
}

/* ---- Rules --------------------------------------------------------------------------------- */

static __always_inline struct block *find_block(struct packet *packet, enum parsed kind) {
  if (kind == PARSED_V4) {
    struct prefix_v4 key = {.length = 32};
    memcpy(key.address, packet->source + 12, 4);
    return bpf_map_lookup_elem(&blocked_v4, &key);
  }
  struct prefix_v6 key = {.length = 128};
  memcpy(key.address, packet->source, 16);
  return bpf_map_lookup_elem(&blocked_v6, &key);
}

static __always_inline int is_blocked(struct packet *packet, enum parsed kind) {
  struct block *block = find_block(packet, kind);
  if (!block)
    return 0;
  packet->rule = block->rule;
  __sync_fetch_and_add(&block->packets, 1);
  __sync_fetch_and_add(&block->bytes, packet->length);
  return 1;
}

static __always_inline int is_closed(struct packet *packet) {
  if (!packet->has_ports)
    return 0;
  __u32 number = packet->target_port;
  struct port *port = bpf_map_lookup_elem(&ports, &number);
  if (!port)
    return 0;
  __sync_fetch_and_add(&port->packets, 1);
  if (port->policy != PORT_CLOSED)
    return 0;
  __sync_fetch_and_add(&port->dropped, 1);
  return 1;
}

static __always_inline int is_flood(struct packet *packet, struct source *source, __u64 now) {
  if (!packet->opens_connection || !config.syn_limit)
    return 0;
  __u64 window = now / SECOND;
  if (source->window != window) {
    source->window = window;
    source->opened = 0;
  }
  return ++source->opened > config.syn_limit;
}

static __always_inline struct source *count_source(struct packet *packet, __u64 now) {
  struct source *source = bpf_map_lookup_elem(&sources, packet->source);
  if (!source) {
    struct source fresh = {};
    bpf_map_update_elem(&sources, packet->source, &fresh, BPF_NOEXIST);
    source = bpf_map_lookup_elem(&sources, packet->source);
    if (!source)
      return NULL;
  }
  __sync_fetch_and_add(&source->packets, 1);
  __sync_fetch_and_add(&source->bytes, packet->length);
  source->last_seen = now;
  return source;
}

static __always_inline enum reason judge(struct packet *packet, enum parsed kind, __u64 now) {
  struct source *source = count_source(packet, now);
  enum reason reason = PASSED;
  if (is_blocked(packet, kind))
    reason = BLOCKED_SOURCE;
  else if (is_closed(packet))
    reason = CLOSED_PORT;
  else if (source && is_flood(packet, source, now))
    reason = SYN_FLOOD;
  if (reason != PASSED && source)
    __sync_fetch_and_add(&source->dropped, 1);
  return reason;
}

/* ---- Reporting ----------------------------------------------------------------------------- */

static __always_inline void report(struct packet *packet, enum reason reason, __u64 now) {
  struct event *event = bpf_ringbuf_reserve(&drops, sizeof(*event), 0);
  if (!event)
    return;
  event->time = now;
  event->reason = reason;
  event->rule = packet->rule;
  memcpy(event->source, packet->source, 16);
  memcpy(event->target, packet->target, 16);
  event->source_port = packet->source_port;
  event->target_port = packet->target_port;
  event->length = packet->length;
  event->vlan = packet->vlan;
  event->protocol = packet->protocol;
  memset(event->unused, 0, sizeof(event->unused));
  bpf_ringbuf_submit(event, 0);
}

static __always_inline void count_reason(enum reason reason) {
  __u64 *count = bpf_map_lookup_elem(&reasons, &reason);
  if (count)
    *count += 1;
}

SEC("xdp")
int firewall(struct xdp_md *ctx) {
  struct packet packet = {
      .at = (void *)(long)ctx->data,
      .end = (void *)(long)ctx->data_end,
      .length = ctx->data_end - ctx->data,
  };
  __u64 now = bpf_ktime_get_ns();
  enum parsed kind = parse(&packet);
  enum reason reason = PASSED;
  if (kind == PARSED_BAD)
    reason = config.drop_malformed ? MALFORMED : PASSED;
  else if (kind != PARSED_NOT_IP)
    reason = judge(&packet, kind, now);

  count_reason(reason);
  if (reason == PASSED)
    return XDP_PASS;
  if (config.report_drops)
    report(&packet, reason, now);
  return XDP_DROP;
}

LICENSE("Dual MIT/GPL");
