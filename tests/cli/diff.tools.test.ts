/**
 * `beeyard diff` on hostile packets: programs of this repository (and of the kernel's selftests,
 * where they are compiled), 200 packets with contexts each, here and on Linux 6.12 in QEMU. Needs
 * qemu-system-x86_64, gcc, apt-get and what `npm run build` makes.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { hostilePackets } from '../../scripts/vm/hostile-packets.mjs';
import { CASES } from '../../scripts/vm/packet-cases.mjs';
import type { Comparison, DiffObject, DiffPlan } from '../../src/tools/diff/index.ts';

const ROOT = join(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'dist/bin/main.js');
const SEED = 0x6120117;
const folder = mkdtempSync(join(tmpdir(), 'diff-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Case {
  readonly file: string;
  readonly name?: string;
  readonly selftest?: boolean;
  readonly programs?: readonly string[];
  readonly before?: readonly string[];
  readonly maps?: DiffObject['maps'];
}

interface Said {
  readonly programs: readonly Comparison[];
  readonly different: number;
}

function diff(...words: string[]): { status: number | null; said: Said; stderr: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [MAIN, 'diff', '--accel', 'tcg', '-j', ...words],
    { encoding: 'utf8', cwd: folder, maxBuffer: 1 << 28 },
  );
  return { status, said: JSON.parse(stdout || '{}') as Said, stderr };
}

function planFile(name: string, cases: readonly Case[], packets: DiffPlan['packets']): string {
  const objects = cases.map(({ file, name: variant, programs, before, maps }) => ({
    name: variant === undefined ? file : `${file} (${variant})`,
    path: join(ROOT, file),
    ...(programs && { programs }),
    ...(before && { before }),
    ...(maps && { maps }),
  }));
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify({ objects, packets, logLevel: 1 } satisfies DiffPlan));
  return path;
}

const hex = (bytes: Buffer | undefined) => bytes?.toString('hex');
const packets = hostilePackets(SEED, 200).map(({ data, xdp, skb }) => ({
  data: hex(data)!,
  xdp: { ...(xdp.input && { input: hex(xdp.input)! }), output: xdp.output },
  skb: { ...(skb.input && { input: hex(skb.input)! }), output: skb.output },
}));
const own = (CASES as readonly Case[]).filter(({ selftest }) => !selftest);
const known = {
  ...(JSON.parse(
    readFileSync(join(ROOT, 'tests/fixtures/oracle/packets-known.json'), 'utf8'),
  ) as Record<string, string>),
  'tests/fixtures/nested-maps.bpf.o:entry errno': 'a map wants memory node 1, Linux there has one',
} as Record<string, string>;

/** In the words of the list of known differences. */
function wordsOf({ object, program, differences }: Comparison): string[] {
  return differences.map(({ aspect, place }) => {
    const what = aspect === 'maps' ? `map ${place}` : aspect === 'verdict' ? 'errno' : aspect;
    return `${object}:${program} ${/^(returns|packets|contexts)$/.test(what) ? 'runs' : what}`;
  });
}

/** Packed, as it is committed. */
const CAPTURE = join(ROOT, 'examples/firewall/capture.pcap.gz');

describe('beeyard diff', () => {
  test('more than 40 programs on 200 hostile packets are the same on Linux 6.12', () => {
    const { said, stderr } = diff('--plan', planFile('hostile.json', own, packets));
    expect(stderr).toBe('');
    const ran = said.programs.filter(({ compared }) => compared.includes('packets'));
    expect(ran.length).toBeGreaterThan(40);
    const different = said.programs.flatMap(wordsOf);
    expect(different.filter((words) => known[words] === undefined)).toEqual([]);
  });

  test('verdicts and logs of programs that are rejected, on 6.1', () => {
    const object = join(ROOT, 'tests/machine/programs/net.bpf.o');
    const { said, status } = diff(object, '--kernel', '6.1', '--log-level', '2');
    expect(said.programs.flatMap(({ differences }) => differences)).toEqual([]);
    expect(said.programs.length).toBeGreaterThan(10);
    expect(status).toBe(0);
  });

  test('a difference is shown, and ends it with 1', () => {
    const object = join(ROOT, 'tests/machine/programs/net.bpf.o');
    const words = ['--pcap', CAPTURE, '--count', '3', '--prog', 'sampled'];
    const { said, status } = diff(object, ...words);
    const [sampled] = said.programs;
    expect(sampled!.differences).toMatchObject([{ aspect: 'maps', place: 'samples', count: 3 }]);
    expect(said.different).toBe(1);
    expect(status).toBe(1);
    const without = diff(object, ...words, '--ignore', 'samples');
    expect(without.said).toMatchObject({ packets: 3, different: 0, ignored: ['samples'] });
    expect(without.status).toBe(0);
  });

  test('loads nothing into the kernel of this computer', () => {
    const env = { ...process.env, BEEYARD_LINUX: '' };
    const plan = planFile('none.json', own.slice(0, 1), []);
    const words = [MAIN, 'diff', '--observe', '--plan', plan];
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', env });
    expect(stderr).toMatch(/BEEYARD_LINUX=on/);
    expect(status).toBe(5);
  });
});
