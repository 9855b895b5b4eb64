/**
 * Packets as nobody should send them, and some as everybody does, with contexts for test runs: what
 * probe-packets.mjs gives to programs of Linux and of ours. A seed makes the same ones every time.
 */

const ETHERNET = 14;
const LONG = 1400;
const XDP_MD = 24;
const SK_BUFF = 192;

/** Addresses, ports: few, so that maps with some of them are hit. */
const NETS = ['0a000001', '0a000002', '0a000035', 'c0a80164', '0a0a0a01', 'cb007107', 'ffffffff'];
const NETS6 = ['1', '2', '35', '6433'].map((end) => `fd00${end.padStart(28, '0')}`);
/** What balancers know and half of the packets ask for. */
const SERVICE = { address: 'cb007107', protocol: 6, port: 80 };
const SERVICE6 = { address: `fd00${'1'.padStart(28, '0')}`, protocol: 17, port: 53 };
const PORTS = [80, 53, 443, 22, 4791, 8080, 9000, 4000, 0, 65535];
const MACS = ['000000000000', '020000000001', '020000000002', 'ffffffffffff', '01005e000001'];
const TAGS = [0x8100, 0x88a8];
const ODD_TYPES = [0x0806, 0x8847, 0x88b5, 0x0000, 0x05dc, 0x0600, 0x8863, 0x22f0, 0xffff];
const TCP = 6;
const UDP = 17;
const OTHERS = [1, 2, 47, 4, 41, 132, 50, 58, 255, 0, 59];
/** Next headers that another one follows: hop-by-hop, routing, fragment, destination. */
const EXTENSIONS = [0, 43, 44, 60];
const FRAGMENT = 44;

/** Numbers from a seed (xorshift). */
class Chance {
  #state;

  constructor(seed) {
    this.#state = seed | 1;
  }

  /** From 0 to below `limit`. */
  below(limit) {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % limit;
  }

  one(list) {
    return list[this.below(list.length)];
  }

  /** True in one of `times`. */
  once(times) {
    return this.below(times) === 0;
  }

  bytes(size) {
    return Buffer.from(Array.from({ length: size }, () => this.below(256)));
  }
}

/** `count` of `{ data, xdp, skb }`; the last two are contexts: `{ input, output }`. */
export function hostilePackets(seed, count) {
  const chance = new Chance(seed);
  return Array.from({ length: count }, () => {
    const data = damaged(chance, frame(chance));
    return { data, xdp: xdpContext(chance, data), skb: skbContext(chance, data) };
  });
}

function frame(chance) {
  const head = Buffer.from(chance.one(MACS) + chance.one(MACS), 'hex');
  const tags = chance.once(5) ? 1 + chance.below(3) : 0;
  const vlans = Array.from({ length: tags }, () => words(chance.one(TAGS), chance.below(65536)));
  const [type, rest] = network(chance);
  return Buffer.concat([head, ...vlans, words(type), rest]);
}

function network(chance) {
  const kind = chance.below(8);
  if (kind === 0) return [chance.one(ODD_TYPES), chance.bytes(chance.below(80))];
  return kind < 3 ? [0x86dd, ipv6(chance)] : [0x0800, ipv4(chance)];
}

function words(...numbers) {
  const bytes = Buffer.alloc(2 * numbers.length);
  numbers.forEach((number, i) => bytes.writeUInt16BE(number & 0xffff, 2 * i));
  return bytes;
}

function ipv4(chance) {
  const options = chance.once(6) ? chance.below(11) : 0;
  const service = chance.once(2) ? SERVICE : undefined;
  const protocol = service?.protocol ?? anyProtocol(chance, [TCP, UDP]);
  const addresses = Buffer.from(chance.one(NETS) + (service?.address ?? chance.one(NETS)), 'hex');
  const inside = transport(chance, protocol, addresses, service?.port);
  const header = Buffer.alloc(20 + 4 * options, 1);
  header[0] = 0x40 | (5 + options);
  header[1] = chance.once(4) ? chance.below(256) : 0;
  header.writeUInt16BE(chance.once(12) ? chance.below(65536) : header.length + inside.length, 2);
  header.writeUInt16BE(chance.below(65536), 4);
  header.writeUInt16BE(chance.once(8) ? chance.one([0x2000, 0x00b9, 0x4000, 0x3fff]) : 0, 6);
  header[8] = chance.one([64, 255, 1, 0, 2]);
  header[9] = protocol;
  addresses.copy(header, 12);
  header.writeUInt16BE(0, 10);
  header.writeUInt16BE(chance.once(10) ? chance.below(65536) : checksum(header), 10);
  return Buffer.concat([header, inside]);
}

const anyProtocol = (chance, usual) => (chance.once(5) ? chance.one(OTHERS) : chance.one(usual));

function ipv6(chance) {
  const service = chance.once(2) ? SERVICE6 : undefined;
  const protocol = service?.protocol ?? anyProtocol(chance, [TCP, UDP, 58]);
  const to = service?.address ?? chance.one(NETS6);
  const addresses = Buffer.from(chance.one(NETS6) + to, 'hex');
  const length = chance.once(3) ? 1 + chance.below(4) : 0;
  const chain = Array.from({ length }, () => chance.one(EXTENSIONS));
  const next = [...chain, protocol];
  const headers = chain.map((kind, i) => extension(chance, kind, next[i + 1]));
  const rest = Buffer.concat([...headers, transport(chance, protocol, addresses, service?.port)]);
  const header = Buffer.alloc(8);
  header.writeUInt32BE((0x60000000 + chance.below(1 << 28)) >>> 0, 0);
  header.writeUInt16BE(chance.once(12) ? chance.below(65536) : rest.length, 4);
  header[6] = next[0];
  header[7] = chance.one([64, 255, 1, 0]);
  return Buffer.concat([header, addresses, rest]);
}

function extension(chance, kind, next) {
  const units = kind === FRAGMENT ? 0 : chance.below(3);
  const bytes = chance.bytes(8 + 8 * units);
  bytes[0] = next;
  bytes[1] = units;
  return bytes;
}

/** A header with payload; its checksum is right, most times. */
function transport(chance, protocol, addresses, port) {
  const payload = chance.bytes(chance.once(12) ? LONG : chance.below(90));
  const header = transportHeader(chance, protocol, payload.length, port);
  if (!header) return Buffer.concat([chance.bytes(8), payload]);
  const whole = Buffer.concat([header, payload]);
  const pseudo = Buffer.concat([addresses, words(0, whole.length, 0, protocol)]);
  const right = checksum(Buffer.concat([pseudo, whole]));
  const sum = chance.once(6) ? chance.one([0, chance.below(65536)]) : right;
  whole.writeUInt16BE(sum, protocol === TCP ? 16 : 6);
  return whole;
}

function transportHeader(chance, protocol, payload, port) {
  const ports = words(chance.one(PORTS), port ?? chance.one(PORTS));
  if (protocol === UDP) return Buffer.concat([ports, words(8 + payload, 0)]);
  if (protocol !== TCP) return undefined;
  const options = chance.once(3) ? chance.below(11) : 0;
  const rest = Buffer.alloc(16 + 4 * options, 1);
  chance.bytes(8).copy(rest);
  rest[8] = (5 + options) << 4;
  rest[9] = chance.one([2, 16, 18, 4, 1, 0, 255, 24]);
  rest.writeUInt16BE(chance.below(65536), 10);
  rest.writeUInt32BE(0, 12);
  return Buffer.concat([ports, rest]);
}

function checksum(bytes) {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Cut, lengthened, a bit changed, with fragments behind the first page, or as it was. */
function damaged(chance, whole) {
  switch (chance.below(12)) {
    case 0:
      return whole.subarray(0, chance.below(whole.length + 1));
    case 1:
      return whole.subarray(0, ETHERNET + chance.below(30));
    case 2:
      whole[chance.below(whole.length)] ^= 1 << chance.below(8);
      return whole;
    case 3:
      return Buffer.concat([whole, chance.bytes(chance.below(64))]);
    case 4:
      if (!chance.once(3)) return whole;
      return Buffer.concat([whole, Buffer.alloc(3000 + chance.below(40_000))]);
    default:
      return whole;
  }
}

/** Without a context, and seldom one that is only asked for. */
const noInput = (chance) => ({ input: undefined, output: chance.once(12) });

/** A struct xdp_md, or none. */
function xdpContext(chance, { length }) {
  if (chance.once(3)) return noInput(chance);
  const input = Buffer.alloc(XDP_MD);
  const metadata = chance.once(2) ? 4 * chance.below(10) : 0;
  const end = chance.once(10) ? chance.below(length + 8) : length;
  const odd = chance.once(20) ? chance.below(6) : -1;
  const numbers = [metadata, end, 0, chance.once(3) ? 1 : 0, 0, 0];
  numbers.forEach((number, i) => input.writeUInt32LE(number + (i === odd ? 1 : 0), 4 * i));
  return { input, output: true };
}

/** Members of struct __sk_buff that a caller may set, by offset. */
const MARK = 8;
const PRIORITY = 32;
const INGRESS_IFINDEX = 36;
const IFINDEX = 40;
const CB = 48;
const TSTAMP = 152;
const WIRE_LEN = 160;
const GSO_SEGS = 164;
const GSO_SIZE = 176;

/** A struct __sk_buff, or none. */
function skbContext(chance, { length }) {
  if (chance.once(3)) return noInput(chance);
  const input = Buffer.alloc(SK_BUFF);
  const put = (at, number) => chance.once(2) && input.writeUInt32LE(number >>> 0, at);
  put(MARK, chance.below(2 ** 31));
  put(PRIORITY, chance.below(70_000));
  put(INGRESS_IFINDEX, chance.below(3));
  put(IFINDEX, chance.below(2));
  for (let i = 0; i < 5; i++) put(CB + 4 * i, chance.below(256));
  put(TSTAMP, chance.below(1000));
  put(WIRE_LEN, Math.max(0, length + chance.below(200) - (chance.once(9) ? 100 : 0)));
  put(GSO_SEGS, chance.below(4));
  put(GSO_SIZE, chance.below(1500));
  if (chance.once(25)) input.writeUInt32LE(1, 4 * chance.below(SK_BUFF / 4));
  return { input, output: true };
}
