// The firewall's rules said again, without BPF: plain TypeScript over the same packets.

export interface Rule {
  readonly line: number;
  readonly block?: string;
  readonly close?: number;
}

export interface CapturedPacket {
  /** Nanoseconds since the first packet. */
  readonly time: number;
  readonly bytes: Uint8Array;
}

export type Reason = 'PASSED' | 'MALFORMED' | 'BLOCKED_SOURCE' | 'CLOSED_PORT' | 'SYN_FLOOD';

/** Packets of a little-endian microsecond pcap. */
export function packetsOf(capture: Buffer): CapturedPacket[] {
  const packets: CapturedPacket[] = [];
  let first: number | undefined;
  for (let at = 24; at < capture.length; ) {
    const time = capture.readUInt32LE(at) * 1e6 + capture.readUInt32LE(at + 4);
    const length = capture.readUInt32LE(at + 8);
    first ??= time;
    packets.push({
      time: (time - first) * 1000,
      bytes: capture.subarray(at + 16, at + 16 + length),
    });
    at += 16 + length;
  }
  return packets;
}

/** An address as 128 bits, IPv4 as ::ffff:a.b.c.d. */
function bits(bytes: Uint8Array): bigint {
  let value = bytes.length === 4 ? 0xffffn : 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

interface Prefix {
  readonly six: boolean;
  readonly value: bigint;
  readonly shift: bigint;
}

function prefixOf(text: string): Prefix {
  const [address, length] = text.split('/') as [string, string];
  const six = address.includes(':');
  return { six, value: parse(address), shift: BigInt((six ? 128 : 32) - Number(length)) };
}

function parse(address: string): bigint {
  if (!address.includes(':')) return bits(Uint8Array.from(address.split('.').map(Number)));
  const [head, tail] = address.split('::').map((half) => (half ? half.split(':') : []));
  const missing = 8 - head!.length - (tail?.length ?? 0);
  const groups = [...head!, ...Array<string>(tail ? missing : 0).fill('0'), ...(tail ?? [])];
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

const u16 = (bytes: Uint8Array, at: number) => (bytes[at]! << 8) | bytes[at + 1]!;

interface Headers {
  readonly six: boolean;
  readonly source: string;
  readonly from: bigint;
  readonly port: number | undefined;
  readonly opens: boolean;
}

/** What the firewall looks at, or undefined for what is not IP. The capture has no broken packets. */
function headersOf(bytes: Uint8Array): Headers | undefined {
  let at = 12;
  while (u16(bytes, at) === 0x8100 || u16(bytes, at) === 0x88a8) at += 4;
  const type = u16(bytes, at);
  const ip = at + 2;
  if (type !== 0x0800 && type !== 0x86dd) return undefined;
  const six = type === 0x86dd;
  const source = six ? bytes.subarray(ip + 8, ip + 24) : bytes.subarray(ip + 12, ip + 16);
  const protocol = bytes[ip + (six ? 6 : 9)]!;
  const segment = ip + (six ? 40 : (bytes[ip]! & 15) * 4);
  const laterFragment = !six && (u16(bytes, ip + 6) & 0x1fff) !== 0;
  const hasPorts = (protocol === 6 || protocol === 17) && !laterFragment;
  const flags = protocol === 6 && hasPorts ? bytes[segment + 13]! : 0;
  return {
    six,
    source: source.join(','),
    from: bits(source),
    port: hasPorts ? u16(bytes, segment + 2) : undefined,
    opens: (flags & 2) !== 0 && (flags & 16) === 0,
  };
}

/** How many packets leave the firewall for which reason. */
export function judgeAll(
  packets: readonly CapturedPacket[],
  rules: readonly Rule[],
  synLimit: number,
): Record<Reason, number> {
  const prefixes = rules.flatMap(({ block }) => (block ? [prefixOf(block)] : []));
  const closed = new Set(rules.flatMap(({ close }) => close ?? []));
  const opened = new Map<string, { second: number; count: number }>();
  const counts = { PASSED: 0, MALFORMED: 0, BLOCKED_SOURCE: 0, CLOSED_PORT: 0, SYN_FLOOD: 0 };
  const floods = (source: string, second: number) => {
    const known = opened.get(source);
    const now = known?.second === second ? known : { second, count: 0 };
    now.count++;
    opened.set(source, now);
    return now.count > synLimit;
  };
  const judge = ({ bytes, time }: CapturedPacket): Reason => {
    const headers = headersOf(bytes);
    if (!headers) return 'PASSED';
    const { six, from, port, opens, source } = headers;
    const blocked = prefixes.some(
      (prefix) => prefix.six === six && from >> prefix.shift === prefix.value >> prefix.shift,
    );
    if (blocked) return 'BLOCKED_SOURCE';
    if (port !== undefined && closed.has(port)) return 'CLOSED_PORT';
    return opens && floods(source, Math.floor(time / 1e9)) ? 'SYN_FLOOD' : 'PASSED';
  };
  for (const packet of packets) counts[judge(packet)]++;
  return counts;
}
