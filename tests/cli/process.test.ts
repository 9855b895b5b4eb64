import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { writeCapture } from '../../src/tools/pcap/index.ts';
import { packet, udp } from '../machine/helpers.ts';
import { NET, workFolder } from './helpers.ts';

const MAIN = 'dist/bin/main.js';
const LOCKS = 'tests/machine/programs/locks.bpf.o';
const files = workFolder();

function beeyard(...args: string[]) {
  return spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    env: { ...process.env, BEEYARD_CACHE: files.path('cache'), NO_COLOR: '1' },
  });
}

interface RunJson {
  packets: number;
  verdicts: object[];
  faults: object[];
  redirects: object[];
  maps: { name: string; entries: { values: { value: number }[] }[] }[];
  hottest: { source: string; times: number }[];
}

const flows = files.write(
  'flows.pcap',
  writeCapture(
    Array.from({ length: 3000 }, (_, i) => ({
      data: udp(`10.0.${i % 7}.${i % 50}`, '10.1.1.1', [i % 90, 53]),
      time: BigInt(i) * 1000n,
    })),
  ),
);
const short = files.write(
  'short.pcap',
  writeCapture(Array.from({ length: 10 }, (_, i) => ({ data: packet(10 + 10 * i) }))),
);

/** Longer than what is read at a time: both halves of the storage are used, and used again. */
const long = files.write(
  'long.pcap',
  writeCapture(
    Array.from({ length: 24_000 }, (_, i) => {
      const data = packet(60 + ((i * 7919) % 1400), i % 3);
      data.set(udp(`10.0.${i % 7}.${i % 50}`, '10.1.1.1', [i % 90, 53]).subarray(12, 34), 12);
      return { data, time: BigInt(i) * 300_000n };
    }),
  ),
);

describe.skipIf(!existsSync(MAIN))('the built command (skipped before npm run build)', () => {
  const run = (...args: string[]) => {
    const { stdout, status, stderr } = beeyard('run', NET, '-j', ...args);
    return { status, stderr, report: JSON.parse(stdout) as RunJson };
  };

  it('says its version and its commands', () => {
    expect(beeyard('--version').stdout).toMatch(/^beeyard \d+\.\d+\.\d+\n$/);
    const { stdout, status } = beeyard('--help');
    expect(stdout).toMatch(/prog dump xlated/);
    expect(status).toBe(0);
  });

  it('keeps flows on one of several CPUs, with the totals of one', () => {
    const one = run('--prog', 'on_cpu', '--pcap', flows).report;
    const two = run('--prog', 'on_cpu', '--pcap', flows, '--cpus', '2').report;
    expect(two.verdicts).toEqual(one.verdicts);
    expect(two.verdicts).toEqual([{ verdict: 'pass', code: 2, packets: 3000 }]);
    const entry = two.maps.find((map) => map.name === 'per_cpu')!.entries[0]!;
    const counts = entry.values.map(({ value }) => value);
    expect(counts).toHaveLength(2);
    expect(counts[0]! + counts[1]!).toBe(3000);
    expect(Math.min(...counts)).toBeGreaterThan(500);
  });

  it.each(['wasm', 'interpreter'])('keeps a spin lock between threads (%s)', (engine) => {
    const options = ['--pcap', long, '--cpus', '4', '--engine', engine, '-j'];
    const { stdout } = beeyard('run', LOCKS, ...options);
    const { verdicts, maps } = JSON.parse(stdout) as RunJson;
    expect(verdicts).toEqual([{ verdict: 'pass', code: 2, packets: 24_000 }]);
    const [entry] = maps.find((map) => map.name === 'shared')!.entries;
    expect(entry).toMatchObject({ value: { count: 24_000, twice: 48_000 } });
  });

  it.each(['by_length', 'shorten'])(
    'gives %s the verdicts and packets of one CPU',
    (name) => {
      const [one, two] = ['1', '2'].map((cpus) => {
        const out = `${name}-${cpus}.pcap`;
        const to = ['--cpus', cpus, '--out', files.path(out)];
        return { ...run('--prog', name, '--pcap', long, ...to), bytes: files.read(out) };
      });
      expect(two!.report.packets).toBe(24_000);
      expect(two!.report.verdicts).toEqual(one!.report.verdicts);
      expect(two!.bytes.length).toBeGreaterThan(4 << 20);
      expect(Buffer.compare(two!.bytes, one!.bytes)).toBe(0);
    },
    60_000,
  );

  it('runs on while the next packets are read', () => {
    const options = ['--cpus', '2', '--repeat', '2'];
    const { report } = run('--prog', 'first_byte', '--pcap', long, ...options);
    const counts = report.verdicts.map((row) => Object.values(row));
    expect(counts.sort()).toEqual([
      ['aborted', 0, 16_000],
      ['drop', 1, 16_000],
      ['pass', 2, 16_000],
    ]);
  });

  it.each(['wasm', 'interpreter'])('finds faults on several CPUs (%s)', (engine) => {
    const options = ['--cpus', '3', '--engine', engine, '--top', '--unverified'];
    const { status, report } = run('--prog', 'careless', '--pcap', short, ...options);
    expect(status).toBe(1);
    expect(report.faults).toMatchObject([{ kind: 'out of range', packets: 3, first_packet: 1 }]);
    expect(Math.max(...report.hottest.map(({ times }) => times))).toBe(10);
  });

  it('shows helpers on every CPU the devices, and counts the copies they send', () => {
    const { report } = run('--prog', 'copies', '--pcap', flows, '--cpus', '2');
    expect(report.verdicts).toEqual([{ verdict: 'pass', code: 0, packets: 3000 }]);
    expect(report.redirects).toEqual([{ target: 'eth0 (copies)', packets: 3000 }]);
  });

  it('writes packets in input order with several CPUs', () => {
    const out = files.path('ordered.pcap');
    run('--prog', 'on_cpu', '--pcap', flows, '--cpus', '2', '--out', out);
    expect(Buffer.compare(files.read('ordered.pcap'), files.read('flows.pcap'))).toBe(0);
  });

  it('gives the same with the compiled program from disk', () => {
    const first = run('--prog', 'by_length', '--pcap', short).report;
    const second = run('--prog', 'by_length', '--pcap', short).report;
    expect(existsSync(files.path('cache'))).toBe(true);
    expect(second.verdicts).toEqual(first.verdicts);
    expect(second.maps).toEqual(first.maps);
  });

  it('survives a reader that stops early', () => {
    const shell = `${process.execPath} ${MAIN} btf dump file ${NET} | head -1`;
    const { stderr, stdout } = spawnSync('sh', ['-c', shell], { encoding: 'utf8' });
    expect(stdout).toMatch(/^\[1\]/);
    expect(stderr).toBe('');
  });
});
