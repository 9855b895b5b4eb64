import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { beeyard } from '../cli/helpers.ts';
import { packetsOf } from './firewall-model.ts';

const CAPTURE = 'examples/firewall/capture.pcap.gz';
const packets = packetsOf(gunzipSync(readFileSync(CAPTURE)));

interface Estimate {
  value: number;
  low: number;
  high: number;
}
interface Report {
  maps: {
    name: string;
    sketch?: { count: number; error: number; quantiles: Record<string, Estimate> };
  }[];
}
const QUANTILES = { least: 0, p50: 0.5, p90: 0.9, p99: 0.99, 'p99.9': 0.999, most: 1 };

/** The quantiles said, against those of all amounts in order. */
function compare(report: Report, name: string, amounts: readonly number[]): void {
  const { sketch } = report.maps.find((map) => map.name === name)!;
  const sorted = amounts.toSorted((a, b) => a - b);
  expect(sketch!.count).toBe(amounts.length);
  for (const [label, q] of Object.entries(QUANTILES)) {
    const truth = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1]!;
    const { value, low, high } = sketch!.quantiles[label]!;
    expect(truth, `${name} ${label}`).toBeGreaterThanOrEqual(low);
    expect(truth).toBeLessThanOrEqual(high);
    expect(Math.abs(value - truth)).toBeLessThanOrEqual(sketch!.error * truth + 1e-6);
  }
}

describe('the quantiles example', () => {
  it.each(['wasm', 'interpreter'])('on %s finds what sorting finds', async (engine) => {
    const args = ['--pcap', CAPTURE, '--engine', engine, '-j'];
    const { code, json } = await beeyard(['run', 'examples/quantiles/quantiles.bpf.o', ...args]);
    expect(code).toBe(0);
    const times = packets.map(({ time }) => Number(time - packets[0]!.time));
    // A clock that stands at 0 says "no packet yet", so the first two packets make no gap.
    const gaps = times.slice(2).map((time, i) => time - times[i + 1]!);
    compare(json<Report>(), 'gaps', gaps);
    compare(
      json<Report>(),
      'sizes',
      packets.map(({ bytes }) => bytes.length),
    );
  });

  it('is shown as quantiles', async () => {
    const object = 'examples/quantiles/quantiles.bpf.o';
    const { out } = await beeyard(['run', object, '--pcap', CAPTURE]);
    expect(out).toMatch(/gaps \(sketch of 106,771 values, within 0.78 %\)/);
    expect(out).toMatch(/p99 +5,799,750 +5,767,168 +5,832,703/);
    expect(out).toMatch(/60 to 131, logarithmic/);
  });
});
