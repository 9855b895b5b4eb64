// 1,024 packets of the usual sizes and protocols, the same in every run.
import { writeFileSync } from 'node:fs';
import { createRandom, TCP, tcp, udp } from '../../examples/firewall/capture/packets.mjs';

/** Frame lengths as on the internet: many small, some middle, many full. */
const LENGTHS = [60, 60, 60, 66, 90, 130, 200, 340, 576, 576, 1200, 1514];

function makePacket(random) {
  const integer = (below) => Math.floor(random() * below);
  const length = LENGTHS[integer(LENGTHS.length)];
  const vlans = integer(8) === 0 ? [100] : [];
  const link = {
    from: Uint8Array.of(2, 0, 0, 0, 0, 1),
    to: Uint8Array.of(2, 0, 0, 0, 0, 2),
    vlans,
  };
  const six = integer(10) === 0;
  const from = new Uint8Array(six ? 16 : 4).map((_, i) => (i < 2 ? 10 : integer(64)));
  const to = new Uint8Array(six ? 16 : 4).map(() => 10);
  const net = { from, to, ttl: 60, id: integer(65536) };
  const isTcp = integer(3) > 0;
  const headers = 14 + 4 * vlans.length + (six ? 40 : 20) + (isTcp ? 20 : 8);
  const payload = new Uint8Array(Math.max(0, length - headers)).map(() => integer(256));
  const ports = { source: 1024 + integer(60000), target: [53, 80, 443, 8080, 1900][integer(5)] };
  if (!isTcp) return udp(link, net, { ...ports, payload });
  return tcp(link, net, { ...ports, seq: 1, ack: 1, flags: TCP.ACK, window: 500, payload });
}

export function makePackets(count = 1024) {
  const random = createRandom(42);
  return Array.from({ length: count }, () => makePacket(random));
}

/** For the harness: u32 count, then each packet's u32 length and bytes. */
export function writePackets(file, packets) {
  const u32 = (value) => Buffer.from(Uint32Array.of(value).buffer);
  const parts = packets.flatMap((bytes) => [u32(bytes.length), bytes]);
  writeFileSync(file, Buffer.concat([u32(packets.length), ...parts]));
}
