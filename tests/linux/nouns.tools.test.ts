/**
 * `--target linux` in a machine of its own, and links of many kinds. Needs qemu-system-x86_64, gcc,
 * apt-get and what `npm run build` makes.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'dist/bin/main.js');
const folder = mkdtempSync(join(tmpdir(), 'linux-nouns-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function inMachine(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const vm = ['vm', '-k', '6.12', '--accel', 'tcg', '--cpus', '1', '--timeout', '200', '--'];
  const env = { ...process.env, BEEYARD_LINUX: 'on' };
  return spawnSync(process.execPath, [MAIN, ...vm, ...words], {
    encoding: 'utf8',
    cwd: folder,
    env,
  });
}

describe('on Linux 6.12', () => {
  test('programs and maps by --target linux', () => {
    const object = join(ROOT, 'tests/fixtures/pinned.bpf.o');
    writeFileSync(join(folder, 'packet'), new Uint8Array(64));
    const beeyard = (words: string) => `"${process.execPath}" "${MAIN}" ${words} --target linux`;
    const lines = [
      beeyard(`prog load ${object} /sys/fs/bpf/count`),
      beeyard('prog run pinned /sys/fs/bpf/count data_in packet repeat 3 -j'),
      beeyard('map lookup pinned /sys/fs/bpf/shared key 0 0 0 0 -j'),
      beeyard('map update pinned /sys/fs/bpf/shared key 1 0 0 0 value 7 0 0 0 0 0 0 0'),
      beeyard('map dump pinned /sys/fs/bpf/shared -j'),
      beeyard('prog show pinned /sys/fs/bpf/count -j'),
      beeyard('map show name shared -j'),
      `${beeyard('map delete pinned /sys/fs/bpf/nothing key 0 0 0 0')} || echo "[$?]"`,
    ];
    writeFileSync(join(folder, 'script'), `set -e\n${lines.join('\n')}\n`);
    const { stdout, stderr } = inMachine('sh', join(folder, 'script'));
    const said = stdout.split('\n').filter(Boolean);
    const [ran, found, dumped, program, map, failed] = said.map((line) => JSON.parse(line));
    expect(ran).toMatchObject({ retval: 2 });
    expect(found.formatted).toMatchObject({ key: 0, value: 3 });
    expect(dumped.map((one: { formatted: unknown }) => one.formatted)).toEqual([
      { key: 0, value: 3 },
      { key: 1, value: 7 },
      { key: 2, value: 0 },
      { key: 3, value: 0 },
    ]);
    expect(program).toMatchObject({ type: 'xdp', name: 'count', uid: 0, jited: true });
    expect(map).toMatchObject({ type: 'array', name: 'shared', max_entries: 4 });
    expect(failed).toEqual([1]);
    expect(stderr).toMatch(/there is no map at \/sys\/fs\/bpf\/nothing \(ENOENT\)/);
  });

  test('links: XDP, tcx, cgroups, hooks of the network, iterators, tracing', () => {
    const script = join(import.meta.dirname, 'links.mjs');
    const { status, stdout, stderr } = inMachine(process.execPath, script, ROOT);
    expect(stderr.split('\n').slice(1).join('\n')).toBe('');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      xdp: 'xdp',
      tcx: ['tcx', 'tcx'],
      order: ['second', 'first'],
      cgroup: 'cgroup',
      netfilter: 'netfilter',
      flowDissector: 'netns',
      skLookup: 'netns',
      iterator: 'iter',
      sockmap: true,
      kprobeMulti: ['kprobe_multi', true],
      fentry: true,
      rawTracepoint: true,
      tracepoint: true,
      kprobe: true,
      detached: 0,
    });
  });
});
