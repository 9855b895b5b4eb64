#!/usr/bin/env node
// Writes capture.pcap.gz: about a minute of traffic at the door of a small data centre. Everything
// is drawn from one seed, so the same packets come out on every machine.
import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { addresses, Traffic } from './capture/traffic.mjs';

const SECONDS = 60;
const SNAP_LENGTH = 128;
/** 2025-01-15 12:00:00 UTC, in seconds since 1970. */
const START = 1736942400;
/** Seconds from 1900 (NTP) to 1970. */
const NTP_EPOCH = 2208988800;

const { v4, v6 } = addresses;

/** Calls `make(time)` at random times, `rate` times per second on average. */
function arrivals(traffic, rate, make, seconds = SECONDS) {
  for (let time = traffic.gap(rate); time < seconds * 1e6; time += traffic.gap(rate)) make(time);
}

function everyday(traffic) {
  const last = SECONDS - 8;
  arrivals(traffic, 24, (time) => traffic.https(time, traffic.client()), last);
  arrivals(traffic, 9, (time) => traffic.http(time, traffic.client()), last);
  arrivals(traffic, 0.6, (time) => traffic.ssh(time, traffic.client()), last);
  arrivals(traffic, 120, (time) => traffic.dns(time, traffic.client()));
  arrivals(traffic, 8, (time) => {
    const now = START + NTP_EPOCH + Math.floor(time / 1e6);
    traffic.ntp(time, traffic.client(), now);
  });
  arrivals(traffic, 14, (time) => traffic.syslog(time, traffic.client()));
  arrivals(traffic, 2, (time) => traffic.ping(time, traffic.client()), SECONDS - 4);
  arrivals(traffic, 0.4, (time) => traffic.bigPing(time, traffic.client()));
  arrivals(traffic, 0.7, (time) => traffic.arp(time));
}

/** Sources that try one port now and then, the background noise of the internet. */
const NOISE = [
  (n) => v4(198, 18, 1, n),
  (n) => v4(198, 18, 12, n),
  (n) => v4(198, 18, 18, n),
  (n) => v4(198, 18, 140, n),
  (n) => v4(198, 18, 201, n),
  (n) => v4(198, 19, 77, n),
  (n) => v4(198, 19, 130, n),
  () => v4(203, 0, 113, 7),
  () => v4(203, 0, 113, 44),
  (n) => v6(0xdead, n),
  () => v6(0xc0de, 5),
  (n) => v6(0x4242, n),
  (n) => v6(0xffff, n),
];
const NOISE_PORTS = [22, 23, 80, 443, 2323, 3389, 5555, 6379, 8080, 8443];

function noise(traffic) {
  const pick = (list) => list[traffic.integer(0, list.length)];
  arrivals(traffic, 25, (time) => {
    const address = pick(NOISE)(traffic.integer(1, 255));
    traffic.knock(time, address, pick(NOISE_PORTS), traffic.integer(1024, 65535));
  });
}

function hostile(traffic) {
  const between = (low, high) => traffic.integer(low, high);
  noise(traffic);
  // From listed prefixes: two floods with made-up sources, and scanners.
  traffic.flood(12e6, 9000, 900, () => v4(198, 18, between(64, 80), between(1, 255)));
  traffic.flood(31e6, 5000, 1100, () => v6(0x0bad, between(1, 4000)));
  traffic.flood(40e6, 2500, 300, () => v4(203, 0, 113, between(128, 192)));
  const low = Array.from({ length: 1024 }, (_, i) => i + 1);
  traffic.scan(5e6, v4(198, 19, 7, 66), low, 140);
  traffic.scan(22e6, v6(0x0666, 0x66), low, 90);
  // Not listed: a slow scanner that meets closed ports, and one host opening too many connections.
  const favourites = [21, 22, 23, 25, 80, 110, 135, 139, 443, 445, 1433, 3306, 3389, 5900, 8080];
  for (let i = 0; i < 12; i++) {
    traffic.scan(2e6 + i * 4.5e6, v4(100, 99, 3, 200 + i), favourites, 12);
  }
  traffic.flood(47e6, 4000, 800, () => v4(100, 127, 44, 9));
}

function pcapHeader() {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0); // times in microseconds
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(SNAP_LENGTH, 16);
  header.writeUInt32LE(1, 20); // Ethernet
  return header;
}

function pcapRecord({ time, frame }) {
  const kept = Math.min(frame.length, SNAP_LENGTH);
  const record = Buffer.alloc(16 + kept);
  record.writeUInt32LE(START + Math.floor(time / 1e6), 0);
  record.writeUInt32LE(time % 1e6, 4);
  record.writeUInt32LE(kept, 8);
  record.writeUInt32LE(frame.length, 12);
  record.set(frame.subarray(0, kept), 16);
  return record;
}

/** The capture, uncompressed: { packets, bytes }. */
export function makeCapture(seed = 2025) {
  const traffic = new Traffic(seed);
  everyday(traffic);
  hostile(traffic);
  const frames = traffic.frames.sort((a, b) => a.time - b.time || a.order - b.order);
  return {
    packets: frames.length,
    bytes: Buffer.concat([pcapHeader(), ...frames.map(pcapRecord)]),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { packets, bytes } = makeCapture();
  const compressed = gzipSync(bytes, { level: 9 });
  const file = fileURLToPath(new URL('capture.pcap.gz', import.meta.url));
  writeFileSync(file, compressed);
  console.log(
    `${file}: ${packets} packets, ${bytes.length} bytes, ${compressed.length} compressed`,
  );
}
