import { flowHash } from './flow-hash.ts';
import type { Ingress, PacketColumns } from './packets.ts';

/** The CPU of packet `i`'s flow, as a network card with that many queues would choose it. */
export function laneFor(
  columns: Pick<PacketColumns, 'bytes' | 'start' | 'length'>,
  i: number,
  device: Ingress,
  cpus: number,
): number {
  const start = columns.start[i]!;
  // Packets without Ethernet header: the hash looks for the IP header 14 bytes in.
  const skip = device.etherType ? device.headerSize - 14 : 0;
  const size = columns.length[i]! - skip;
  if (skip < 0) return hashOfRaw(columns.bytes, start, columns.length[i]!) % cpus;
  return flowHash(columns.bytes, start + skip, size) % cpus;
}

/** Raw IP has no bytes before it to stand for the header: copy the few that matter. */
function hashOfRaw(bytes: Uint8Array, start: number, length: number): number {
  const head = new Uint8Array(14 + Math.min(length, 64));
  head.set(bytes.subarray(start, start + head.length - 14), 14);
  const type = head[14]! >> 4 === 6 ? 0x86dd : 0x0800;
  head[12] = type >> 8;
  head[13] = type & 255;
  return flowHash(head, 0, head.length);
}
