// SPDX-License-Identifier: MIT
/*
 * The XDP firewall of examples/firewall, written in TypeScript: the same rules, the same maps, the
 * same verdicts. In the order a packet meets them:
 *
 *   1. headers that are cut short or contradict themselves         -> drop, MALFORMED
 *   2. IPv4/IPv6 source inside a listed prefix (LPM tries)         -> drop, BLOCKED_SOURCE
 *   3. TCP/UDP destination port listed as closed (array)           -> drop, CLOSED_PORT
 *   4. more new TCP connections per second than one source may open -> drop, SYN_FLOOD
 *   5. everything else                                             -> pass
 */
import {
  array,
  atomic,
  bpf_ktime_get_ns,
  BPF_F_NO_PREALLOC,
  ETH_P_8021AD,
  ETH_P_8021Q,
  ETH_P_IP,
  ETH_P_IPV6,
  ethhdr,
  hash,
  htons,
  iphdr,
  IPPROTO_DSTOPTS,
  IPPROTO_HOPOPTS,
  IPPROTO_ROUTING,
  IPPROTO_TCP,
  IPPROTO_UDP,
  ipv6_opt_hdr,
  ipv6hdr,
  lpm_trie,
  ntohs,
  type Of,
  percpu_array,
  range,
  ringbuf,
  rodata,
  sizeof,
  struct,
  tcphdr,
  u16,
  u32,
  u64,
  u8,
  udphdr,
  vlan_hdr,
  xdp,
  type XdpContext,
} from 'beeyard/bpf';

export const license = 'Dual MIT/GPL';

const SECOND = 1_000_000_000n;
const MAX_VLAN_TAGS = 2;
const MAX_EXTENSION_HEADERS = 6;
const REASONS = 5;

enum Reason {
  PASSED,
  MALFORMED,
  BLOCKED_SOURCE,
  CLOSED_PORT,
  SYN_FLOOD,
}

enum Policy {
  PORT_OPEN,
  PORT_CLOSED,
}

const Config = struct({
  /** TCP connections one source may open per second; 0 = any number. */
  syn_limit: u32,
  /** Drop packets whose headers cannot be parsed (else they pass). */
  drop_malformed: u8,
  /** Tell each dropped packet through `drops`. */
  report_drops: u8,
});

export const config = rodata(Config, { syn_limit: 200, drop_malformed: 1, report_drops: 1 });

// ---- Maps --------------------------------------------------------------------------------------

const PrefixV4 = struct({ length: u32, address: u8.array(4) });
const PrefixV6 = struct({ length: u32, address: u8.array(16) });

const Block = struct({
  /** Number of the line in the rules file. */
  rule: u32,
  unused: u32,
  packets: u64,
  bytes: u64,
});
type Block = Of<typeof Block>;

export const blocked_v4 = lpm_trie({
  key: PrefixV4,
  value: Block,
  max_entries: 4096,
  map_flags: BPF_F_NO_PREALLOC,
});

export const blocked_v6 = lpm_trie({
  key: PrefixV6,
  value: Block,
  max_entries: 4096,
  map_flags: BPF_F_NO_PREALLOC,
});

/** IPv4 addresses are kept as ::ffff:a.b.c.d. */
const SourceKey = struct({ address: u8.array(16) });

const Source = struct({
  packets: u64,
  bytes: u64,
  dropped: u64,
  last_seen: u64,
  /** Second the connections below were opened in, counted from boot. */
  window: u64,
  opened: u64,
});
type Source = Of<typeof Source>;

export const sources = hash({ key: SourceKey, value: Source, max_entries: 65536 });

const Port = struct({ policy: Policy, unused: u32, packets: u64, dropped: u64 });

export const ports = array({ key: u32, value: Port, max_entries: 65536 });

export const reasons = percpu_array({ key: Reason, value: u64, max_entries: REASONS });

const Event = struct({
  time: u64,
  reason: Reason,
  /** Line of the rules file, when a prefix was the reason. */
  rule: u32,
  source: u8.array(16),
  target: u8.array(16),
  source_port: u16,
  target_port: u16,
  length: u16,
  vlan: u16,
  protocol: u8,
  unused: u8.array(7),
});

export const drops = ringbuf({ value: Event, max_entries: 1 << 22 });

// ---- Parsing -----------------------------------------------------------------------------------

/** What is known of a packet; `at` is where its next header begins. */
const Parsed = struct({
  source: SourceKey,
  target: u8.array(16),
  at: u32,
  rule: u32,
  length: u16,
  vlan: u16,
  source_port: u16,
  target_port: u16,
  protocol: u8,
  opens_connection: u8,
  has_ports: u8,
});
type Parsed = Of<typeof Parsed>;

enum Kind {
  NOT_IP,
  V4,
  V6,
  BAD,
}

/** Steps over the Ethernet header and its VLAN tags. Returns the EtherType, or 0 if cut short. */
function parseEthernet(packet: XdpContext, parsed: Parsed): u16 {
  const eth = packet.read(ethhdr, 0);
  if (!eth) return 0;
  parsed.at = sizeof(ethhdr);
  let type = eth.h_proto;
  for (const _ of range(MAX_VLAN_TAGS)) {
    if (type !== htons(ETH_P_8021Q) && type !== htons(ETH_P_8021AD)) break;
    const tag = packet.read(vlan_hdr, parsed.at);
    if (!tag) return 0;
    parsed.at += sizeof(vlan_hdr);
    parsed.vlan = u16(ntohs(tag.h_vlan_TCI) & 0xfff);
    type = tag.h_vlan_encapsulated_proto;
  }
  return ntohs(type);
}

function parsePorts(packet: XdpContext, parsed: Parsed): boolean {
  if (parsed.protocol === IPPROTO_TCP) {
    const tcp = packet.read(tcphdr, parsed.at);
    if (!tcp || tcp.doff < 5) return false;
    parsed.source_port = ntohs(tcp.source);
    parsed.target_port = ntohs(tcp.dest);
    parsed.opens_connection = u8(tcp.syn === 1 && tcp.ack === 0);
    parsed.has_ports = 1;
  } else if (parsed.protocol === IPPROTO_UDP) {
    const udp = packet.read(udphdr, parsed.at);
    if (!udp) return false;
    parsed.source_port = ntohs(udp.source);
    parsed.target_port = ntohs(udp.dest);
    parsed.has_ports = 1;
  }
  return true;
}

function parseV4(packet: XdpContext, parsed: Parsed): Kind {
  const ip = packet.read(iphdr, parsed.at);
  if (!ip || ip.version !== 4 || ip.ihl < 5) return Kind.BAD;
  parsed.source.address[10] = 0xff;
  parsed.source.address[11] = 0xff;
  parsed.target[10] = 0xff;
  parsed.target[11] = 0xff;
  parsed.source.address.set(ip.saddr, 12);
  parsed.target.set(ip.daddr, 12);
  parsed.protocol = ip.protocol;
  parsed.at += ip.ihl * 4;
  // Only the first fragment carries ports.
  if ((ip.frag_off & htons(0x1fff)) !== htons(0)) return Kind.V4;
  return parsePorts(packet, parsed) ? Kind.V4 : Kind.BAD;
}

function isExtension(header: u8): boolean {
  return header === IPPROTO_HOPOPTS || header === IPPROTO_ROUTING || header === IPPROTO_DSTOPTS;
}

function parseV6(packet: XdpContext, parsed: Parsed): Kind {
  const ip = packet.read(ipv6hdr, parsed.at);
  if (!ip || ip.version !== 6) return Kind.BAD;
  parsed.source.address = ip.saddr;
  parsed.target = ip.daddr;
  parsed.at += sizeof(ipv6hdr);
  let next = ip.nexthdr;
  for (const _ of range(MAX_EXTENSION_HEADERS)) {
    if (!isExtension(next)) break;
    const option = packet.read(ipv6_opt_hdr, parsed.at);
    if (!option) return Kind.BAD;
    next = option.nexthdr;
    parsed.at += (option.hdrlen + 1) * 8;
  }
  parsed.protocol = next;
  return parsePorts(packet, parsed) ? Kind.V6 : Kind.BAD;
}

function parse(packet: XdpContext, parsed: Parsed): Kind {
  switch (parseEthernet(packet, parsed)) {
    case 0:
      return Kind.BAD;
    case ETH_P_IP:
      return parseV4(packet, parsed);
    case ETH_P_IPV6:
      return parseV6(packet, parsed);
    default:
      return Kind.NOT_IP;
  }
}

// ---- Rules -------------------------------------------------------------------------------------

function findBlock(parsed: Parsed, kind: Kind): Block | undefined {
  if (kind === Kind.V4) {
    return blocked_v4.get({ length: 32, address: parsed.source.address.subarray(12, 16) });
  }
  return blocked_v6.get({ length: 128, address: parsed.source.address });
}

function isBlocked(parsed: Parsed, kind: Kind): boolean {
  const block = findBlock(parsed, kind);
  if (!block) return false;
  parsed.rule = block.rule;
  atomic.add(block, 'packets', 1n);
  atomic.add(block, 'bytes', u64(parsed.length));
  return true;
}

function isClosed(parsed: Parsed): boolean {
  if (!parsed.has_ports) return false;
  const port = ports.get(parsed.target_port);
  if (!port) return false;
  atomic.add(port, 'packets', 1n);
  if (port.policy !== Policy.PORT_CLOSED) return false;
  atomic.add(port, 'dropped', 1n);
  return true;
}

function isFlood(parsed: Parsed, source: Source, now: u64): boolean {
  if (!parsed.opens_connection || !config.syn_limit) return false;
  const window = now / SECOND;
  if (source.window !== window) {
    source.window = window;
    source.opened = 0n;
  }
  source.opened++;
  return source.opened > u64(config.syn_limit);
}

function countSource(parsed: Parsed, now: u64): Source | undefined {
  let source = sources.get(parsed.source);
  if (!source) {
    sources.update(parsed.source, Source(), 'noexist');
    source = sources.get(parsed.source);
    if (!source) return undefined;
  }
  atomic.add(source, 'packets', 1n);
  atomic.add(source, 'bytes', u64(parsed.length));
  source.last_seen = now;
  return source;
}

function judge(parsed: Parsed, kind: Kind, now: u64): Reason {
  const source = countSource(parsed, now);
  let reason: Reason = Reason.PASSED;
  if (isBlocked(parsed, kind)) reason = Reason.BLOCKED_SOURCE;
  else if (isClosed(parsed)) reason = Reason.CLOSED_PORT;
  else if (source && isFlood(parsed, source, now)) reason = Reason.SYN_FLOOD;
  if (reason !== Reason.PASSED && source) atomic.add(source, 'dropped', 1n);
  return reason;
}

// ---- Reporting ---------------------------------------------------------------------------------

function report(parsed: Parsed, reason: Reason, now: u64): void {
  const event = drops.reserve();
  if (!event) return;
  event.time = now;
  event.reason = reason;
  event.rule = parsed.rule;
  event.source = parsed.source.address;
  event.target = parsed.target;
  event.source_port = parsed.source_port;
  event.target_port = parsed.target_port;
  event.length = parsed.length;
  event.vlan = parsed.vlan;
  event.protocol = parsed.protocol;
  event.unused.fill(0);
  drops.submit(event);
}

function countReason(reason: Reason): void {
  const count = reasons.get(reason);
  if (count) count.value += 1n;
}

export const firewall = xdp((packet) => {
  const parsed = Parsed({ length: u16(packet.length) });
  const now = bpf_ktime_get_ns();
  const kind = parse(packet, parsed);
  let reason: Reason = Reason.PASSED;
  if (kind === Kind.BAD) reason = config.drop_malformed ? Reason.MALFORMED : Reason.PASSED;
  else if (kind !== Kind.NOT_IP) reason = judge(parsed, kind, now);

  countReason(reason);
  if (reason === Reason.PASSED) return 'pass';
  if (config.report_drops) report(parsed, reason, now);
  return 'drop';
});
