/** Packets for test runs: of the example's capture, of the recorded questions, and odd ones. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { root } from '../lib.mjs';

const PCAP_HEADER = 24;
const RECORD_HEADER = 16;
const FROM_CAPTURE = 6;
/** IPv4, in this place of an Ethernet frame. */
const ETHERTYPE = 12;

/** `[{ name, bytes }]`, about twenty. */
export function testPackets() {
  return [...captured(), ...recorded(), ...odd()];
}

/** The first packets of the example's capture. */
function captured() {
  const file = gunzipSync(readFileSync(join(root, 'examples/firewall/capture.pcap.gz')));
  const packets = [];
  for (let at = PCAP_HEADER; packets.length < FROM_CAPTURE; ) {
    const length = file.readUInt32LE(at + 8);
    const bytes = file.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length);
    packets.push({ name: `captured ${packets.length + 1}`, bytes });
    at += RECORD_HEADER + length;
  }
  return packets;
}

/** Options, tunnels, IPv6, ICMP: the packets of tests/fixtures/oracle, from the third on. */
function recorded() {
  const path = join(root, 'tests/fixtures/oracle/linux-6.12.117.json');
  const { packets } = JSON.parse(readFileSync(path, 'utf8'));
  return packets
    .slice(5, 12)
    .map((hex, index) => ({ name: `recorded ${index + 6}`, bytes: Buffer.from(hex, 'hex') }));
}

function odd() {
  const long = Buffer.alloc(1514, 0x5a);
  long.writeUInt16BE(0x88b5, ETHERTYPE);
  return [
    { name: 'empty', bytes: Buffer.alloc(0) },
    { name: '13 bytes', bytes: Buffer.alloc(13, 1) },
    { name: '14 bytes', bytes: Buffer.alloc(14, 0xff) },
    { name: '15 bytes', bytes: Buffer.alloc(15, 0xa5) },
    { name: 'cut IPv4', bytes: ipv4(Buffer.alloc(0)).subarray(0, 30) },
    { name: 'first fragment', bytes: ipv4(Buffer.alloc(64, 7), 0x2000) },
    { name: 'later fragment', bytes: ipv4(Buffer.alloc(33, 8), 0x00b9) },
    { name: '1514 bytes', bytes: long },
  ];
}

/** An Ethernet frame with an IPv4 header (UDP) and a payload; `fragment`: flags and offset. */
function ipv4(payload, fragment = 0) {
  const head = Buffer.from(
    '02000000000202000000000108004500000000010000401100000a0000010a000002',
    'hex',
  );
  head.writeUInt16BE(20 + payload.length, 16);
  head.writeUInt16BE(fragment, 20);
  let sum = 0;
  for (let at = 14; at < 34; at += 2) sum += head.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  head.writeUInt16BE(~sum & 0xffff, 24);
  return Buffer.concat([head, payload]);
}
