import { describe, expect, it } from 'vitest';
import { writeCapture } from '../../src/tools/pcap/index.ts';
import { beeyard, workFolder } from './helpers.ts';

const files = workFolder();
const TIMERS = 'tests/machine/programs/timers.bpf.o';
const FLOWS = 'examples/idle-flows/flows.bpf.o';

/** A UDP packet of flow number `port`, at a time in milliseconds. */
function udpAt(milliseconds: number, port: number) {
  const data = new Uint8Array(60);
  data.set([8, 0, 0x45], 12);
  data.set([17], 23);
  data.set([10, 0, 0, 1, 10, 0, 0, 2, port >> 8, port & 255, 0, 53], 26);
  return { data, time: BigInt(milliseconds) * 1_000_000n };
}

const capture = files.write(
  'flows.pcap',
  writeCapture([udpAt(0, 1), udpAt(500, 2), udpAt(900, 1), udpAt(1600, 3), udpAt(1700, 1)]),
);

interface Report {
  timers?: { armed: number; clock_ns: number; faults: { map: string; time_ns: number }[] };
  records: Record<string, { first: { value: { last: number; packets: number } }[] }>;
}

const ended = ({ records }: Report) =>
  records['ended']!.first.map(({ value }) => [value.last / 1e6, value.packets]);

describe.each(['wasm', 'interpreter'])('beeyard run --engine %s', (engine) => {
  const run = (object: string, ...args: string[]) =>
    beeyard(['run', object, '--pcap', capture, '--engine', engine, ...args]);

  it('says how many timers are armed after the last packet', async () => {
    const { code, out } = await run(FLOWS);
    expect(code).toBe(0);
    expect(out).toContain('timers 2 still armed at 1.70 s');
    expect(out).toMatch(/timer\.armed true\s+timer\.expires 2,700,000,000/);
    const { json } = await run(FLOWS, '-j');
    const report = json<Report>();
    expect(report.timers).toEqual({ armed: 2, clock_ns: 1_700_000_000, faults: [] });
    expect(ended(report)).toEqual([[500, 1]]);
  });

  it('lets time go on with --for', async () => {
    const { json } = await run(FLOWS, '-j', '--for', '1s');
    const report = json<Report>();
    expect(report.timers).toEqual({ armed: 0, clock_ns: 2_700_000_000, faults: [] });
    expect(ended(report)).toEqual([
      [500, 1],
      [1600, 1],
      [1700, 3],
    ]);
  });

  it('runs programs with timers on one thread, and says so', async () => {
    const { code, err, json } = await run(FLOWS, '-j', '--cpus', '2');
    expect(code).toBe(0);
    expect(err).toContain('one thread runs all packets');
    expect(ended(json<Report>())).toEqual([[500, 1]]);
  });

  it('reports what ended a callback as a finding', async () => {
    const args = ['--prog', 'broken', '--unverified', '--for', '1ms'];
    const { code, out } = await run(TIMERS, ...args);
    expect(code).toBe(1);
    expect(out).toContain('faults of timers (5)\n');
    expect(out).toMatch(/timer in map 'slots' at 1000000 ns: broken: .*\(and 4 times more\)\n/);
    const { json } = await run(TIMERS, ...args, '-j');
    const { faults } = json<Report>().timers!;
    expect(faults.map(({ map, time_ns }) => [map, time_ns / 1e6])).toEqual(
      [1, 501, 901, 1601, 1701].map((time) => ['slots', time]),
    );
  });

  it.each(['10', 'soon', '-1s', '200000h'])('refuses --for %s', async (time) => {
    const { code, err } = await run(FLOWS, `--for=${time}`);
    expect(code).toBe(2);
    expect(err).toContain('--for takes a time');
  });
});
