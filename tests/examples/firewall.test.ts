import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

const folder = new URL('../../examples/firewall/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder));

interface Generator {
  makeCapture(seed?: number): { packets: number; bytes: Uint8Array };
}
const generator = () =>
  import(new URL('make-capture.mjs', folder).href) as unknown as Promise<Generator>;

describe('the capture of examples/firewall', () => {
  const capture = gunzipSync(read('capture.pcap.gz'));

  it('is what its generator makes, to the byte', async () => {
    const { makeCapture } = await generator();
    expect(Buffer.compare(makeCapture().bytes, capture)).toBe(0);
  });

  it('differs for another seed', async () => {
    const { makeCapture } = await generator();
    expect(Buffer.compare(makeCapture(1).bytes, capture)).not.toBe(0);
  });

  it('holds at least 100,000 packets in time order and stays under 3 MB', () => {
    const times: number[] = [];
    for (let at = 24; at < capture.length; at += 16 + capture.readUInt32LE(at + 8)) {
      times.push(capture.readUInt32LE(at) * 1e6 + capture.readUInt32LE(at + 4));
    }
    expect(times.findIndex((time, i) => i > 0 && time < times[i - 1]!)).toBe(-1);
    expect(times.length).toBeGreaterThanOrEqual(100_000);
    expect(read('capture.pcap.gz').length).toBeLessThan(3_000_000);
  });
});

describe('the rules of examples/firewall', () => {
  const lines = read('firewall.rules').toString().split('\n');
  const rules = lines.map((line) => line.replace(/#.*/, '').trim()).filter((line) => line !== '');

  it('are block and close lines only, with about fifty prefixes of both families', () => {
    const prefixes = rules.filter((rule) => /^block \S+\/\d+$/.test(rule));
    const ports = rules.filter((rule) => /^close \d+$/.test(rule));
    expect(prefixes.length + ports.length).toBe(rules.length);
    expect(prefixes.length).toBeGreaterThanOrEqual(50);
    expect(prefixes.filter((rule) => rule.includes(':')).length).toBeGreaterThanOrEqual(10);
  });
});
