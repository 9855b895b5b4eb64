import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The committed object of tests/machine/programs. */
export const netObject = (): Uint8Array =>
  readFileSync(join(import.meta.dirname, 'programs', 'net.bpf.o'));

/** A packet of `size` bytes whose first bytes are given, the rest 0, 1, 2, … */
export function packet(size: number, ...first: number[]): Uint8Array {
  const bytes = Uint8Array.from({ length: size }, (_, i) => i & 255);
  bytes.set(first.slice(0, size));
  return bytes;
}

/** An Ethernet frame with an IPv4 UDP packet from and to the given addresses and ports. */
export function udp(
  source: string,
  destination: string,
  ports: readonly [number, number] = [1000, 53],
  vlan?: number,
): Uint8Array {
  const tag = vlan === undefined ? [] : [0x81, 0x00, vlan >> 8, vlan & 255];
  const macs = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
  const ip = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0];
  const address = (text: string) => text.split('.').map(Number);
  const both = ports.flatMap((port) => [port >> 8, port & 255]);
  return Uint8Array.of(
    ...macs,
    ...tag,
    8,
    0,
    ...ip,
    ...address(source),
    ...address(destination),
    ...both,
    0,
    8,
    0,
    0,
  );
}
