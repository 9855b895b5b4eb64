import { foldChecksum, sumWords } from '../../../packet/index.ts';

const VLAN = 0x8100;
const SERVICE_VLAN = 0x88a8;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
/** Where the field is in the header, by protocol. */
const FIELD: Readonly<Record<number, number>> = { 6: 16, 17: 6 };

/**
 * Prepares a packet for checksum offload: the field of its TCP or UDP header gets the sum of the
 * pseudo-header. Says where the sum begins and where, from there, it goes. Undefined: there is
 * none.
 */
export function askChecksum(packet: Uint8Array): { start: number; offset: number } | undefined {
  const word = (at: number) => ((packet[at] ?? 0) << 8) | (packet[at + 1] ?? 0);
  let at = 12;
  while (word(at) === VLAN || word(at) === SERVICE_VLAN) at += 4;
  const type = word(at);
  const ip = at + 2;
  if (type !== IPV4 && type !== IPV6) return undefined;
  const protocol = packet[ip + (type === IPV4 ? 9 : 6)] ?? 0;
  const start = ip + (type === IPV4 ? ((packet[ip] ?? 0) & 15) * 4 : 40);
  const offset = FIELD[protocol];
  if (offset === undefined || start + offset + 2 > packet.length) return undefined;
  const addresses = type === IPV4 ? [ip + 12, ip + 20] : [ip + 8, ip + 40];
  const length = type === IPV4 ? word(ip + 2) - (start - ip) : word(ip + 4);
  const sum = sumWords(packet, addresses[0]!, addresses[1]!) + protocol + length;
  // The field itself holds the sum, not its complement.
  const folded = ~foldChecksum(sum) & 0xffff;
  packet[start + offset] = folded >> 8;
  packet[start + offset + 1] = folded;
  return { start, offset };
}
