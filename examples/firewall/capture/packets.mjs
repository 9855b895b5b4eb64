// Ethernet frames with correct lengths and checksums, as plain Uint8Arrays.

export const TCP = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 };

/** Small, fast, the same on every machine (mulberry32). Returns numbers in [0, 1). */
export function createRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Sum of big-endian 16-bit words, not folded. */
function sum16(bytes, start, end, sum = 0) {
  let i = start;
  for (; i + 1 < end; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  return i < end ? sum + (bytes[i] << 8) : sum;
}

function fold(sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

function put16(bytes, at, value) {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function put32(bytes, at, value) {
  put16(bytes, at, value >>> 16);
  put16(bytes, at + 2, value & 0xffff);
}

/** Ethernet header with up to two VLAN tags. `link` is {from, to: MAC bytes, vlans: numbers}. */
function ethernet(link, type, length) {
  const tags = link.vlans ?? [];
  const size = 14 + 4 * tags.length;
  // Frames shorter than 60 bytes are padded, as every Ethernet card does.
  const frame = new Uint8Array(Math.max(60, size + length));
  frame.set(link.to, 0);
  frame.set(link.from, 6);
  tags.forEach((tag, i) => {
    put16(frame, 12 + 4 * i, tags.length === 2 && i === 0 ? 0x88a8 : 0x8100);
    put16(frame, 14 + 4 * i, tag);
  });
  put16(frame, size - 2, type);
  return { frame, at: size };
}

function checksumField(protocol) {
  return { 1: 2, 6: 16, 17: 6, 58: 2 }[protocol];
}

/** Fills the checksum of a TCP, UDP, ICMP or ICMPv6 segment; the field must be zero before. */
function sealSegment(segment, protocol, from, to) {
  let sum = 0;
  if (protocol !== 1) {
    sum = sum16(from, 0, from.length) + sum16(to, 0, to.length) + protocol + segment.length;
  }
  const value = fold(sum16(segment, 0, segment.length, sum));
  put16(segment, checksumField(protocol), value === 0 && protocol === 17 ? 0xffff : value);
  return segment;
}

function ipv4Header(frame, at, { from, to, protocol, length, id, ttl, fragment = 0x4000 }) {
  frame[at] = 0x45;
  put16(frame, at + 2, 20 + length);
  put16(frame, at + 4, id);
  put16(frame, at + 6, fragment);
  frame[at + 8] = ttl;
  frame[at + 9] = protocol;
  frame.set(from, at + 12);
  frame.set(to, at + 16);
  put16(frame, at + 10, fold(sum16(frame, at, at + 20)));
}

/** One IP packet in a frame; `from` and `to` are 4 or 16 address bytes. */
function ip(link, { from, to, id, ttl }, protocol, segment) {
  sealSegment(segment, protocol, from, to);
  if (from.length === 4) {
    const { frame, at } = ethernet(link, 0x0800, 20 + segment.length);
    ipv4Header(frame, at, { from, to, protocol, length: segment.length, id, ttl });
    frame.set(segment, at + 20);
    return frame;
  }
  const { frame, at } = ethernet(link, 0x86dd, 40 + segment.length);
  frame[at] = 0x60;
  put16(frame, at + 4, segment.length);
  frame[at + 6] = protocol;
  frame[at + 7] = ttl;
  frame.set(from, at + 8);
  frame.set(to, at + 24);
  frame.set(segment, at + 40);
  return frame;
}

const NO_BYTES = new Uint8Array(0);

/** Options of a SYN: MSS 1460, SACK permitted, window scale 7. */
const SYN_OPTIONS = Uint8Array.of(2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7);

export function tcp(link, net, { source, target, seq, ack, flags, window, payload = NO_BYTES }) {
  const options = flags & TCP.SYN ? SYN_OPTIONS : NO_BYTES;
  const header = 20 + options.length;
  const segment = new Uint8Array(header + payload.length);
  put16(segment, 0, source);
  put16(segment, 2, target);
  put32(segment, 4, seq);
  put32(segment, 8, ack);
  segment[12] = (header / 4) << 4;
  segment[13] = flags;
  put16(segment, 14, window);
  segment.set(options, 20);
  segment.set(payload, header);
  return ip(link, net, 6, segment);
}

export function udp(link, net, { source, target, payload }) {
  const segment = new Uint8Array(8 + payload.length);
  put16(segment, 0, source);
  put16(segment, 2, target);
  put16(segment, 4, segment.length);
  segment.set(payload, 8);
  return ip(link, net, 17, segment);
}

function icmpMessage(type, code, rest, payload) {
  const message = new Uint8Array(8 + payload.length);
  message[0] = type;
  message[1] = code;
  put32(message, 4, rest);
  message.set(payload, 8);
  return message;
}

/** ICMP or ICMPv6, whichever the addresses ask for; `type` is that protocol's number. */
export function icmp(link, net, { type, code = 0, rest, payload }) {
  const protocol = net.from.length === 4 ? 1 : 58;
  return ip(link, net, protocol, icmpMessage(type, code, rest, payload));
}

/** An ICMP echo too big for one packet: its IPv4 fragments in order. */
export function fragmentedEcho(link, net, { type, rest, payload }) {
  const message = sealSegment(icmpMessage(type, 0, rest, payload), 1, net.from, net.to);
  const frames = [];
  for (let offset = 0; offset < message.length; offset += 1480) {
    const part = message.subarray(offset, offset + 1480);
    const more = offset + 1480 < message.length ? 0x2000 : 0;
    const { frame, at } = ethernet(link, 0x0800, 20 + part.length);
    const fragment = more | (offset / 8);
    ipv4Header(frame, at, { ...net, protocol: 1, length: part.length, fragment });
    frame.set(part, at + 20);
    frames.push(frame);
  }
  return frames;
}

/** ARP for IPv4: operation 1 asks, 2 answers. */
export function arp(link, { operation, fromMac, from, toMac, to }) {
  const { frame, at } = ethernet(link, 0x0806, 28);
  put16(frame, at, 1);
  put16(frame, at + 2, 0x0800);
  frame[at + 4] = 6;
  frame[at + 5] = 4;
  put16(frame, at + 6, operation);
  frame.set(fromMac, at + 8);
  frame.set(from, at + 14);
  frame.set(toMac, at + 18);
  frame.set(to, at + 24);
  return frame;
}
