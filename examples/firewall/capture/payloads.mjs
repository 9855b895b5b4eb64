// What the conversations say: the first bytes of HTTP, TLS, SSH, DNS, NTP and syslog messages.
import { createRandom } from './packets.mjs';

const encoder = new TextEncoder();
const text = (words) => encoder.encode(words);

const HOSTS = ['www', 'api', 'static', 'img', 'login', 'shop', 'mail', 'docs', 'cdn', 'status'];
const PATHS = [
  '/',
  '/index.html',
  '/api/v2/items',
  '/assets/app.js',
  '/search?q=bee',
  '/favicon.ico',
];
const AGENTS = ['curl/8.5.0', 'Mozilla/5.0 (X11; Linux x86_64)', 'python-requests/2.32'];

const pick = (random, list) => list[Math.floor(random() * list.length)];

/**
 * Bytes that look encrypted. A pool of 48 blocks is used again and again: nobody can tell, and the
 * capture compresses.
 */
const ciphertext = (() => {
  const random = createRandom(0xc1f3);
  return Array.from({ length: 48 }, () => Uint8Array.from({ length: 1440 }, () => random() * 256));
})();

export function secret(random, length) {
  return pick(random, ciphertext).subarray(0, length);
}

/** One TLS record of application data. */
export function tlsData(random, length) {
  const record = Uint8Array.from(secret(random, length));
  record.set([23, 3, 3, (length - 5) >>> 8, length - 5]);
  return record;
}

function tlsHandshake(random, type, length) {
  const record = Uint8Array.from(secret(random, length));
  const body = length - 9;
  record.set([22, 3, type === 1 ? 1 : 3, (length - 5) >>> 8, length - 5]);
  record.set([type, 0, body >>> 8, body, 3, 3], 5);
  // Random (32 bytes) stays as it is; then a session id of 32 bytes.
  record[43] = 32;
  return record;
}

export const clientHello = (random) => tlsHandshake(random, 1, 517);
export const serverHello = (random) => tlsHandshake(random, 2, 1440);

export function httpRequest(random) {
  const host = `${pick(random, HOSTS)}.example.net`;
  const lines = [`GET ${pick(random, PATHS)} HTTP/1.1`, `Host: ${host}`];
  return text(
    [...lines, `User-Agent: ${pick(random, AGENTS)}`, 'Accept: */*', '', ''].join('\r\n'),
  );
}

export function httpResponse(random, length) {
  const status = random() < 0.93 ? '200 OK' : '404 Not Found';
  const head = [`HTTP/1.1 ${status}`, 'Server: nginx', 'Content-Type: text/html; charset=utf-8'];
  const start = text([...head, `Content-Length: ${length}`, '', '<!doctype html>'].join('\r\n'));
  const bytes = new Uint8Array(Math.max(length, start.length)).fill(0x20);
  bytes.set(start);
  return bytes;
}

const WORDS = 'bees live in hives and fly from flower to flower while the sun is warm and bright';

/** Text of a web page. */
export function page(random, length) {
  const start = Math.floor(random() * 40);
  const words = WORDS.slice(start)
    .padEnd(80, ' <p>')
    .repeat(Math.ceil(length / 80));
  return text(words.slice(0, length));
}

/** An encrypted packet of SSH: its length stands in front. */
export function sshPacket(random, length) {
  const bytes = Uint8Array.from(secret(random, length));
  bytes.set([0, 0, (length - 4) >>> 8, length - 4, 6, 94]);
  return bytes;
}

export const sshBanner = (server) =>
  text(server ? 'SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n' : 'SSH-2.0-OpenSSH_9.6\r\n');

const dnsName = (name) => name.split('.').flatMap((label) => [label.length, ...text(label)]);

/** A query, and its answer when `address` (4 or 16 bytes) is given. */
export function dns(id, name, family, address) {
  const type = family === 4 ? 1 : 28;
  const header = [id >>> 8, id & 255, address ? 0x81 : 1, address ? 0x80 : 0];
  const counts = [0, 1, 0, address ? 1 : 0, 0, 0, 0, 0];
  const question = [...dnsName(name), 0, 0, type, 0, 1];
  const answer = address
    ? [0xc0, 12, 0, type, 0, 1, 0, 0, 1, 44, 0, address.length, ...address]
    : [];
  return Uint8Array.from([...header, ...counts, ...question, ...answer]);
}

export const dnsHost = (random) => `${pick(random, HOSTS)}.example.net`;

/** `seconds` since 1900. */
export function ntp(server, seconds) {
  const bytes = new Uint8Array(48);
  bytes.set(server ? [0x24, 2, 6, 0xe9] : [0x23, 0, 6, 0xec]);
  const view = new DataView(bytes.buffer);
  view.setUint32(40, seconds);
  view.setUint32(44, 0x1a2b3c4d);
  if (server) view.setUint32(32, seconds);
  return bytes;
}

export function syslog(random, host) {
  const what = pick(random, ['sshd[812]: Accepted publickey for ops', 'cron[77]: job finished']);
  return text(`<38>Jan 15 12:00:${10 + Math.floor(random() * 50)} ${host} ${what}`);
}

export const echo = (length) => Uint8Array.from({ length }, (_, i) => 0x10 + (i % 0x30));
