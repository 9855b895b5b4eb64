/** Packets in words. */
import { readIp } from '../machine/index.ts';
import { formatAddress } from '../client/index.ts';

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
