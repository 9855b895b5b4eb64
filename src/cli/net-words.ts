/** Events of packets in words. */
import type { PacketTrace, TraceEvent } from '../kernel/index.ts';
import { readIp } from '../machine/index.ts';
import { formatAddress } from '../client/index.ts';
import type { Style } from './io.ts';

const NAMES: Readonly<Record<number, string>> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6' };
const ARP = 0x0806;
const ETHERNET = 14;
const HAS_PORTS = new Set([6, 17]);

const u16 = (data: Uint8Array, at: number) => ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);

/** '10.0.0.2:4000 → 10.0.0.3:80 TCP', or what is known. */
export function summaryOf(data: Uint8Array): string {
  if (data.length < ETHERNET) return `${data.length} bytes, no frame`;
  const type = u16(data, 12);
  if (type === ARP) return arpSummary(data);
  if (type !== 0x0800 && type !== 0x86dd)
    return `EtherType 0x${type.toString(16).padStart(4, '0')}`;
  const header = readIp(data);
  if (typeof header === 'string') return `IP, broken (${header})`;
  const { protocol, payload, end } = header;
  const ports = HAS_PORTS.has(protocol) && end - payload >= 4;
  const name = NAMES[protocol] ?? `protocol ${protocol}`;
  const v6 = header.version === 6;
  const side = (address: Uint8Array, at: number) => {
    const text = formatAddress(address);
    if (!ports) return text;
    return v6 ? `[${text}]:${u16(data, at)}` : `${text}:${u16(data, at)}`;
  };
  const icmp = ports || end - payload < 2 || !name.startsWith('ICMP');
  const kind = icmp ? '' : ` type ${data[payload]} code ${data[payload + 1]}`;
  const from = side(header.source, payload);
  return `${from} → ${side(header.destination, payload + 2)} ${name}${kind}`;
}

function arpSummary(data: Uint8Array): string {
  if (data.length < 42) return 'ARP, cut off';
  const asks = u16(data, 20) === 1;
  const target = formatAddress(data.subarray(38, 42));
  const sender = formatAddress(data.subarray(28, 32));
  return asks ? `ARP who has ${target}, asks ${sender}` : `ARP ${sender} is here`;
}

/** One event in words. */
export function eventWords(event: TraceEvent, style: Style): string {
  switch (event.kind) {
    case 'receive':
      return `comes in by queue ${event.queue}`;
    case 'send':
      return 'sent from here';
    case 'program':
      return programWords(event, style);
    case 'redirect':
      return `${event.by} → ${event.to}${event.ingress ? ', coming in' : ''}`;
    case 'clone':
      return `copied: packet ${event.id} goes to ${event.to}`;
    case 'transmit':
      return 'goes out';
    case 'peer':
      return `across to ${event.to}${event.crosses ? ', another namespace' : ''}`;
    case 'eswitch':
      return `the card's switch gives it to ${event.to} (${event.path})`;
    case 'route':
      return `route ${event.to} through ${event.out}${event.via ? ` via ${event.via}` : ''}`;
    case 'forward':
      return `forwarded, TTL ${event.ttl}`;
    case 'neighbour':
      return event.state === 'asked'
        ? `waits: who has ${event.address}?`
        : `${event.address} has answered`;
    case 'deliver':
      return style.good(`delivered: ${event.to}`);
    case 'wire':
      return style.good('on the wire');
    case 'answer':
      return `packet ${event.id} is sent because of it: ${event.what}`;
    default:
      return style.bad(`dropped: ${event.reason}${event.why ? ` (${event.why})` : ''}`);
  }
}

function programWords(event: TraceEvent & { kind: 'program' }, style: Style): string {
  const { hook, program, verdict, rewrites, resized, cpu, fault } = event;
  const changes = rewrites.map(({ at, length }) =>
    length === 1 ? `byte ${at}` : `bytes ${at}-${at + length - 1}`,
  );
  const parts = [
    ...(resized ? [`${resized[0]} → ${resized[1]} bytes`] : []),
    ...(changes.length > 0 ? [`changed ${changes.slice(0, 4).join(', ')}`] : []),
    ...(changes.length > 4 ? [`and ${changes.length - 4} more places`] : []),
    ...(cpu === undefined ? [] : [`on CPU ${cpu}`]),
    ...(fault === undefined ? [] : [fault]),
  ];
  const more = parts.length > 0 ? `; ${parts.join(', ')}` : '';
  return `${hook} ${style.accent(program.name)} [${program.id}]: ${style.bold(verdict)}${more}`;
}

/** What became of a packet: the word and, for drops, the reason. */
export function fateOf({ events }: PacketTrace): { fate: string; reason?: string } {
  for (let i = events.length - 1; i >= 0; i--) {
    const event = events[i]!;
    if (event.kind === 'drop') return { fate: 'dropped', reason: event.reason };
    if (event.kind === 'deliver') return { fate: 'delivered' };
    if (event.kind === 'wire') return { fate: 'on the wire' };
  }
  return { fate: 'under way' };
}
