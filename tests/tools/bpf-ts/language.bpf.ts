// One program for each construct of the language. Each leaves what it computed in `results`; the
// values expected of it are in language.test.ts.
import {
  array,
  atomic,
  be16,
  bpf_get_smp_processor_id,
  bpf_ktime_get_ns,
  data,
  ethhdr,
  hash,
  htonl,
  htons,
  i16,
  i32,
  i64,
  i8,
  iphdr,
  ipv6hdr,
  lpm_trie,
  lru_hash,
  ntohl,
  ntohs,
  type Of,
  percpu_array,
  percpu_hash,
  printk,
  range,
  type Ref,
  ringbuf,
  rodata,
  sizeof,
  struct,
  tc,
  tcphdr,
  u16,
  u32,
  u64,
  u8,
  xdp,
  type XdpContext,
  type XdpVerdict,
} from 'beeyard/bpf';

export const license = 'GPL';

export const results = array({ key: u32, value: u64, max_entries: 16 });

function put(slot: u32, value: u64): void {
  results.update(slot, value);
}

// ---- Variables, constants, conversions ---------------------------------------------------------

const TEN = 10;
const BIG = 1n << 40n;
const TYPED: u32 = TEN * 3;

export const constants = xdp(() => {
  const local = TEN + 5;
  const wide = BIG - 1n;
  let counted = 7;
  counted = counted + local;
  put(0, u64(counted));
  put(1, wide);
  put(2, u64(TYPED));
  put(3, u64(0xff_ff) + 0b1000n + 0o17n);
  return 'pass';
});

export const conversions = xdp((packet) => {
  const length = packet.length;
  put(0, u64(u8(length * 100)));
  put(1, u64(i32(i8(length + 100))));
  put(2, u64(i64(i16(0 - 2))));
  put(3, u64(u32(i32(i8(length + 100)))));
  put(4, u64(length > 20));
  put(5, u64(u32(-1)));
  put(6, u64(i64(-1)));
  return 'pass';
});

// ---- Control flow ------------------------------------------------------------------------------

export const branches = xdp((packet) => {
  let kind = 0;
  if (packet.length > 100) kind = 1;
  else if (packet.length > 50 && packet.length !== 60) kind = 2;
  else kind = packet.length === 60 ? 3 : 4;
  put(0, u64(kind));
  const odd = packet.length % 2 === 1;
  if (!odd || packet.length === 0) put(1, 1n);
  return odd ? 'drop' : 'pass';
});

export const loops = xdp((packet) => {
  let sum = 0;
  for (let i = 0; i < 10; i++) {
    if (i === 3) continue;
    if (i === 8) break;
    sum += i;
  }
  put(0, u64(sum));
  let left = packet.length & 15;
  let rounds = 0;
  while (left > 0) {
    left--;
    rounds += 2;
  }
  put(1, u64(rounds));
  let tries = 0;
  do {
    tries++;
  } while (tries < 4);
  put(2, u64(tries));
  let ranged = 0n;
  for (const i of range(3n, 7n)) ranged = ranged * 10n + i;
  put(3, ranged);
  let nested = 0;
  for (const a of range(4)) for (const b of range(a)) nested += a * b;
  put(4, u64(nested));
  return 'pass';
});

export const switches = xdp((packet) => {
  let value = 0;
  switch (packet.length) {
    case 60:
      value = 1;
      break;
    case 61:
      value = 2;
    case 62:
      value += 10;
      break;
    default: {
      const rest = packet.length * 2;
      value = rest;
    }
  }
  put(0, u64(value));
  return 'pass';
});

enum Colour {
  RED = 4,
  GREEN,
  BLUE = 2 * 3,
}

function colourOf(length: u32): Colour {
  switch (length % 3) {
    case 0:
      return Colour.RED;
    case 1:
      return Colour.GREEN;
    default:
      return Colour.BLUE;
  }
}

export const enums = xdp((packet) => {
  const colour = colourOf(packet.length);
  put(0, u64(colour));
  put(1, u64(colour === Colour.GREEN));
  switch (colour) {
    case Colour.RED:
      put(2, 1n);
      break;
    case Colour.GREEN:
    case Colour.BLUE:
      put(2, 2n);
  }
  return 'pass';
});

// ---- Functions ---------------------------------------------------------------------------------

/** @noinline */
function mix(a: u32, b: u64, c: u8, d: boolean, e: i32): u64 {
  if (d) return u64(a) + b * 10n;
  return u64(c) + u64(e) * 1000n;
}

function verdictFor(value: u64): XdpVerdict {
  return value > 100n ? 'drop' : 'pass';
}

export const functions = xdp((packet) => {
  const verdict: XdpVerdict = packet.length > 70 ? 'tx' : 'pass';
  if (verdict === 'tx') return verdict;
  const first = mix(packet.length, 5n, 3, true, 4);
  const second = mix(packet.length, 5n, 3, false, 4);
  put(0, first);
  put(1, second);
  return verdictFor(first);
});

// ---- Memory ------------------------------------------------------------------------------------

const Point = struct({ x: i16, y: i16 });
type Point = Of<typeof Point>;
const Shape = struct({
  name: u8.array(4),
  corners: Point.array(3),
  flags: u8.bits(3),
  kind: Colour,
});
type Shape = Of<typeof Shape>;
const Four = u8.array(4);

function move(point: Point, by: i16): void {
  point.x = i16(point.x + by);
  point.y -= by;
}

export const structs = xdp(() => {
  const shape = Shape({ name: [1, 2], corners: [{ x: -1, y: 5 }], flags: 5, kind: Colour.BLUE });
  const corner = shape.corners[0];
  move(corner, 10);
  put(0, u64(i64(shape.corners[0].x)));
  put(1, u64(i64(shape.corners[0].y)));
  put(2, u64(shape.flags));
  put(3, u64(shape.name[1]) + u64(shape.name[3]));
  shape.corners[2] = corner;
  corner.x = 77;
  put(4, u64(i64(shape.corners[2].x)));
  const copy = Shape();
  copy.corners = shape.corners;
  put(5, u64(i64(copy.corners[2].y)));
  put(6, u64(copy.kind) + u64(sizeof(Shape)) * 100n);
  put(7, u64(shape.kind));
  return 'pass';
});

export const arrays = xdp((packet) => {
  const bytes = u8.array(16)();
  for (const i of range(16)) bytes[i] = u8(i * 3);
  const some = Four([9, 8, 7]);
  bytes.set(some, 4);
  bytes.set(htonl(0x01020304), 12);
  const middle = bytes.subarray(2, 6);
  middle[0] = 200;
  let sum = 0;
  for (const byte of bytes) sum += byte;
  put(0, u64(sum));
  put(1, u64(bytes[packet.length & 15]));
  some.fill(5);
  put(2, u64(some[3]) + u64(middle.length) * 10n);
  put(3, u64(bytes[2]));
  return 'pass';
});

function sumOf(bytes: Of<typeof Four>, upTo: u32): u32 {
  let sum = 0;
  for (let i = 0; i < upTo; i++) {
    if (i >= bytes.length) break;
    sum += bytes[i];
  }
  return sum;
}

/** The larger half, or nothing. */
function halfOf(bytes: Of<typeof Four>, at: u32): Of<typeof Point> | undefined {
  const point = points.get(at & 1);
  if (!point || bytes[at >> 30] > 100) return undefined;
  point.x = bytes[at % 4];
  return point;
}
export const points = array({ key: u32, value: Point, max_entries: 2 });

export const indexes = xdp((packet) => {
  const some = Four([10, 20, 30, 40]);
  put(0, u64(sumOf(some, packet.length)));
  put(1, u64(sumOf(some, 2)));
  const half = halfOf(some, packet.length + 2);
  put(2, half ? u64(half.x) : 999n);
  some[0] = 101;
  put(3, halfOf(some, 1) === undefined ? 1n : 2n);
  const low = packet.length & 3;
  some[low] += 5;
  put(4, u64(some[low]));
  let i = 0;
  while (i < 4) {
    some[i] = u8(i + 1);
    i++;
  }
  put(5, u64(sumOf(some, 4)));
  let kept = 0;
  do {
    const key = Key({ port: u16(kept) });
    kept++;
    if (seen.get(key)) continue;
    put(7, u64(kept));
  } while (kept < 3 && seen.get({ port: u16(kept) }) === undefined);
  put(6, u64(kept));
  return 'pass';
});

// ---- Globals -----------------------------------------------------------------------------------

const Settings = struct({ limit: u32, names: u8.array(3) });
export const settings = rodata(Settings, { limit: 30, names: [1, 2, 3] });
export const scale = rodata(u32, 2);
const State = struct({ runs: u64, last: u32 });
export const state = data(State);
let total: u64 = 5n;

export const globals = xdp((packet) => {
  total += u64(packet.length);
  state.runs++;
  state.last = packet.length;
  let names = 0;
  for (const name of settings.names) names = names * 10 + name;
  put(0, total);
  put(1, state.runs * 100n + u64(state.last));
  put(2, u64(settings.limit * scale));
  put(3, u64(names));
  return 'pass';
});

// ---- Packets -----------------------------------------------------------------------------------

function protocolOf(packet: XdpContext): u8 {
  const eth = packet.read(ethhdr, 0);
  if (!eth || eth.h_proto !== htons(0x0800)) return 255;
  const ip = packet.read(iphdr, sizeof(ethhdr));
  return ip === undefined ? 254 : ip.protocol;
}

export const packets = xdp((packet) => {
  put(0, u64(protocolOf(packet)));
  const ip = packet.read(iphdr, 14);
  if (!ip) return 'aborted';
  put(1, u64(ip.version) * 100n + u64(ip.ihl));
  put(2, u64(ntohl(ip.daddr)));
  const tcp = packet.read(tcphdr, 14 + ip.ihl * 4);
  if (tcp) put(3, u64(ntohs(tcp.dest)) * 10n + u64(tcp.syn));
  const port = packet.read(be16, 14 + ip.ihl * 4);
  if (port && tcp) put(4, u64(port.value === tcp.source));
  const last = packet.read(u8, packet.length - 1);
  if (last) {
    put(5, u64(last.value));
    last.value = 99;
  }
  const beyond = packet.read(u8, packet.length);
  put(6, u64(beyond === undefined));
  const v6 = packet.read(ipv6hdr, 0xffff);
  put(7, v6 ? 1n : 2n);
  return 'tx';
});

export const shaped = tc((packet) => {
  packet.mark = packet.len + 1;
  put(0, u64(packet.mark));
  const eth = packet.read(ethhdr, 0);
  if (!eth) return 'shot';
  put(1, u64(eth.h_dest[5]));
  return packet.length > 100 ? 'shot' : 'ok';
});

// ---- Maps --------------------------------------------------------------------------------------

const Key = struct({ address: u8.array(4), port: u16 });
const Seen = struct({ count: u64, bytes: u32 });
type Seen = Of<typeof Seen>;
const Prefix = struct({ length: u32, address: u8.array(4) });
const Event = struct({ time: u64, length: u32, note: u8.array(4) });

export const seen = hash({ key: Key, value: Seen, max_entries: 64 });
export const recent = lru_hash({ key: u32, value: u32, max_entries: 4 });
export const perCpu = percpu_hash({ key: u16, value: Seen, max_entries: 4 });
export const counters = percpu_array({ key: u32, value: u64, max_entries: 4 });
export const routes = lpm_trie({ key: Prefix, value: u32, max_entries: 8, map_flags: 1 });
export const events = ringbuf({ value: Event, max_entries: 4096 });

function bump(entry: Seen, length: u32): void {
  atomic.add(entry, 'count', 1n);
  const before = atomic.add(entry, 'bytes', length);
  put(1, u64(before));
}

function add(counter: Ref<u64>, by: u64): void {
  counter.value += by;
}

export const maps = xdp((packet) => {
  const key = Key({ address: [10, 0, 0, 1], port: 80 });
  let entry = seen.get(key);
  if (!entry) {
    put(2, u64(i64(0) - 1n === -1n));
    seen.update(key, { count: 40n });
    entry = seen.get({ address: [10, 0, 0, 1], port: 80 });
    if (!entry) return 'aborted';
  }
  bump(entry, packet.length);
  put(0, entry.count);
  recent.update(7, 70, 'noexist');
  put(3, u64(i64(recent.update(7, 71, 'noexist'))));
  const found = recent.get(7);
  if (found) put(4, u64(found.value));
  put(5, u64(recent.delete(7) === 0 && recent.get(7) === undefined));
  const counter = counters.get(1);
  if (counter) add(counter, 3n);
  perCpu.update(u16(packet.length), Seen({ bytes: 12 }));
  const mine = perCpu.get(u16(packet.length));
  if (mine) put(6, u64(mine.bytes));
  return 'pass';
});

export const prefixes = xdp((packet) => {
  const ip = packet.read(iphdr, 14);
  if (!ip) return 'aborted';
  const key = Prefix({ length: 32 });
  key.address.set(ip.saddr);
  const route = routes.get(key);
  put(0, route ? u64(route.value) : 0n);
  return 'pass';
});

export const rings = xdp((packet) => {
  const event = events.reserve();
  if (!event) return 'aborted';
  if (packet.length > 1000) {
    events.discard(event);
    return 'drop';
  }
  event.time = 5n;
  event.length = packet.length;
  event.note.fill(1);
  events.submit(event);
  put(0, u64(events.output(Event({ time: 6n, note: [1, 2, 3, 4] })) === 0));
  return 'pass';
});

export const atomics = xdp((packet) => {
  const entry = counters.get(0);
  if (!entry) return 'aborted';
  entry.value = 0b1100n;
  put(0, atomic.or(entry, 'value', 0b0011n));
  put(1, atomic.and(entry, 'value', 0b0110n));
  put(2, atomic.xor(entry, 'value', 0b1111n));
  put(3, atomic.sub(entry, 'value', 1n));
  put(4, atomic.exchange(entry, 'value', u64(packet.length)));
  put(5, entry.value);
  return 'pass';
});

export const helpers = xdp((packet) => {
  const now = bpf_ktime_get_ns();
  put(0, u64(bpf_ktime_get_ns() >= now));
  put(1, u64(bpf_get_smp_processor_id()));
  printk(`length ${packet.length}, 100% of ${-5}, ${now > 0n}`);
  return 'pass';
});

// ---- Names that mean something else in C -------------------------------------------------------

export const names = xdp((packet) => {
  const int = packet.length;
  const temp = int + 1;
  let register: u32 = temp;
  {
    const int = register * 2;
    register = int;
  }
  const RED = register + int;
  put(0, u64(RED));
  put(1, u64(Colour.RED));
  let index = 0;
  for (const x of Four([1, 2, 3, 4])) index += x;
  put(2, u64(index));
  return 'pass';
});
