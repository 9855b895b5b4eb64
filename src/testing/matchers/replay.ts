import { hexBytes } from '../../base/index.ts';
import { Snapshots } from 'vitest';
import { Host, MapOf } from '../../client/index.ts';
import { readCapture } from '../../tools/pcap/index.ts';
import type { Answer, Context } from './types.ts';

/** How a capture is played to a host. */
export interface ReplayOptions {
  /** The device its packets come in at. Default: the only one besides `lo`. */
  readonly device?: string;
  /** Maps whose contents belong to the answer, by the names they get in it. */
  readonly maps?: Readonly<Record<string, MapOf<never, never, never> | object>>;
}

/**
 * Plays a capture to the host, each packet at its time, and compares with the snapshot what came of
 * it: verdicts, packets sent, maps. `capture`: bytes, or in Node a path or file URL.
 */
function toReplay(
  this: Context,
  received: unknown,
  capture: Uint8Array | string | URL,
  options: ReplayOptions = {},
): Answer {
  if (!(received instanceof Host)) throw new TypeError('toReplay takes a host');
  const text = replay(received, capture, options);
  return Snapshots.toMatchSnapshot.call(this, text) as Answer;
}

function replay(host: Host, capture: Uint8Array | string | URL, options: ReplayOptions): string {
  const { packets, reader } = readCapture(bytesOf(capture));
  if (reader.problem) throw reader.problem;
  const name = options.device ?? onlyDevice(host);
  const device = host.devices[name];
  if (!device) throw new TypeError(`the host has no device '${name}'`);
  const first = device.sent.length;
  let now = packets[0]?.time ?? 0n;
  const verdicts = packets.map(({ data, time }) => {
    if (time > now) host.advance(time - now);
    if (time > now) now = time;
    return device.receive(data).verdict;
  });
  const lines = [`${packets.length} packets into ${name}`, ...counted(verdicts), ''];
  lines.push(...runsOfVerdicts(verdicts), '', `${device.sent.length - first} packets sent`);
  for (const [map, contents] of Object.entries(options.maps ?? {})) {
    lines.push('', `${map}:`, ...mapLines(contents));
  }
  return lines.join('\n');
}

function bytesOf(capture: Uint8Array | string | URL): Uint8Array {
  if (capture instanceof Uint8Array) return capture;
  const builtin = globalThis.process?.getBuiltinModule;
  if (!builtin) throw new TypeError('in a browser, give the bytes of the capture');
  return new Uint8Array(builtin('node:fs').readFileSync(capture));
}

function onlyDevice(host: Host): string {
  const names = Object.keys(host.devices).filter((name) => name !== 'lo');
  if (names.length === 1) return names[0]!;
  throw new TypeError(`toReplay needs { device }: the host has ${names.join(', ') || 'none'}`);
}

function counted(verdicts: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const one of verdicts) counts.set(one, (counts.get(one) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([verdict, n]) => `  ${n} ${verdict}`);
}

/** Packets in a row with the same verdict, as 'first-last verdict'; packets count from 1. */
function runsOfVerdicts(verdicts: readonly string[]): string[] {
  const lines: string[] = [];
  let first = 0;
  verdicts.forEach((verdict, i) => {
    if (verdict === verdicts[i + 1]) return;
    lines.push(first === i ? `${i + 1} ${verdict}` : `${first + 1}-${i + 1} ${verdict}`);
    first = i + 1;
  });
  return lines;
}

/** Sorted: the order of a hash table's keys says nothing. */
function mapLines(map: object): string[] {
  if (!(map instanceof MapOf))
    throw new TypeError('toReplay: `maps` takes maps of a loaded object');
  return [...map].map(([key, value]) => `  ${plain(key)}: ${plain(value)}`).sort();
}

const plain = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) => {
    if (typeof one === 'bigint') return Number.isSafeInteger(Number(one)) ? Number(one) : `${one}`;
    if (one instanceof Uint8Array) return hexBytes(one);
    return one;
  });

export const replayMatchers = { toReplay };
