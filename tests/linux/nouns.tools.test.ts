/**
 * `--target linux` in a machine of its own, and links of many kinds. Needs qemu-system-x86_64, gcc,
 * bpftool, apt-get and what `npm run build` makes.
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
  const vm = ['vm', '-k', '6.12', '--accel', 'tcg', '--cpus', '1', '--timeout', '400', '--'];
  const env = { ...process.env, BEEYARD_LINUX: 'on' };
  return spawnSync(process.execPath, [MAIN, ...vm, ...words], {
    encoding: 'utf8',
    cwd: folder,
    env,
  });
}

/** What each command says, of those that say something: JSON, or the error's line. */
function sayEach(commands: readonly string[]): unknown[] {
  const lines = commands.map(
    (words) => `"${process.execPath}" "${MAIN}" ${words} --target linux 2>&1 || true`,
  );
  writeFileSync(join(folder, 'each'), `${lines.join('\n')}\n`);
  const { stdout } = inMachine('sh', join(folder, 'each'));
  const said = stdout.split('\n').filter(Boolean);
  return said.map((line) => (/^[[{]/.test(line) ? JSON.parse(line) : line));
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

  test('devices, cgroups, iterators, queues, pins by --target linux', { timeout: 600_000 }, () => {
    const at = '/sys/fs/bpf';
    const examples = join(ROOT, 'examples');
    const said = sayEach([
      `prog loadall ${examples}/tcx-chain/chain.bpf.o ${at}/chain pinmaps ${at}/maps`,
      `net attach tcx_ingress pinned ${at}/chain/sanity dev lo`,
      `net attach tcx_ingress pinned ${at}/chain/trust dev lo --before name sanity --pin ${at}/link`,
      'net show dev lo --revisions -j',
      `link show pinned ${at}/link -j`,
      `link detach pinned ${at}/link`,
      'net detach tcx_ingress dev lo',
      `prog load ${join(ROOT, 'tests/fixtures/pinned.bpf.o')} ${at}/count`,
      `net attach xdpgeneric pinned ${at}/count dev lo`,
      `net attach xdpgeneric pinned ${at}/count dev lo`,
      'net show -j',
      'net detach xdpgeneric dev lo',
      `prog load ${examples}/cgroup-policy/policy.bpf.o ${at}/policy`,
      `cgroup attach /pod connect4 pinned ${at}/policy multi`,
      'cgroup tree -j',
      `cgroup detach /pod connect4 pinned ${at}/policy`,
      'cgroup show /sys/fs/cgroup/pod -j',
      `iter pin ${examples}/socket-killer/killer.bpf.o ${at}/iterator`,
      `iter read ${at}/iterator -j`,
      `map create ${at}/queue type queue key 0 value 4 entries 2 name queue`,
      'map push name queue value 7 0 0 0',
      'map freeze name queue',
      'map pop name queue -j',
      'map show name queue -j',
      `prog load ${join(ROOT, 'tests/machine/programs/traced.bpf.o')} ${at}/traced autoattach`,
      `link show pinned ${at}/traced -j`,
      'btf show -j',
    ]);
    const [hooks, link, twice, xdp, tree, none, read, refused, queue, traced, btfs] = said;
    const tc = [
      { kind: 'tcx/ingress', name: 'trust', link_id: 1, revision: 3 },
      { kind: 'tcx/ingress', name: 'sanity', link_id: 0, revision: 3 },
    ];
    expect(hooks).toMatchObject([{ tc }]);
    expect(link).toMatchObject({ type: 'tcx', devname: 'lo', attach_type: 'tcx_ingress' });
    expect(twice).toBe('error: XDP program already attached (EBUSY)');
    expect(xdp).toMatchObject([{ xdp: [{ devname: 'lo', mode: 'generic' }], tc: [] }]);
    expect(tree).toMatchObject([
      {
        cgroup: '/pod',
        programs: [{ attach_type: 'cgroup_inet4_connect', attach_flags: 'multi' }],
      },
    ]);
    expect(none).toEqual([]);
    expect(read).toEqual({ text: '' });
    expect(refused).toMatch(/no value was taken out \(EPERM\)/);
    expect(queue).toMatchObject({ type: 'queue', frozen: 1 });
    expect(traced).toMatchObject({ type: 'raw_tracepoint', tp_name: 'sys_enter' });
    const own = { kernel: false, prog_ids: expect.any(Array) };
    const types = [{ name: 'vmlinux', kernel: true }, own];
    expect(btfs).toEqual(expect.arrayContaining(types.map((one) => expect.objectContaining(one))));
  });

  test('code of loaded programs, as bpftool prints it', { timeout: 600_000 }, () => {
    const programs = join(ROOT, 'tests/machine/programs');
    const beeyard = `"${process.execPath}" "${MAIN}"`;
    const dump = (words: string) => [
      `bpftool prog dump xlated id $id ${words} > theirs`,
      `${beeyard} prog dump xlated id $id ${words} --target linux > ours`,
      `cmp theirs ours && echo "${words} $id $(grep -c call ours)"`,
    ];
    const lines = [
      'cd /tmp',
      ...[`${programs}/owned.bpf.o`, `${programs}/throws.bpf.o`].map(
        (file, i) => `${beeyard} prog load ${file} /sys/fs/bpf/x${i} --target linux`,
      ),
      'for id in 1 2; do',
      ...dump('linum'),
      ...dump('-j'),
      'done',
    ];
    writeFileSync(join(folder, 'dump'), `${lines.join('\n')}\n`);
    const { stdout, stderr } = inMachine('sh', join(folder, 'dump'));
    expect(stderr.split('\n').slice(1).join('\n')).toBe('');
    const same = stdout.trim().split('\n');
    expect(same.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'linum 1',
      '-j 1',
      'linum 2',
      '-j 2',
    ]);
    // Helpers, kernel functions, functions of its own.
    expect(same.every((line) => Number(line.split(' ')[2]) > 0)).toBe(true);
  });

  test('links: XDP, tcx, cgroups, hooks of the network, iterators, tracing', () => {
    const script = join(import.meta.dirname, 'links.mjs');
    const { status, stdout, stderr } = inMachine(process.execPath, script, ROOT);
    expect(stderr.split('\n').slice(1).join('\n')).toBe('');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      xdp: 'xdp',
      xdpWithoutLink: [
        { device: 'lo', ifindex: 1, mode: 'generic', programId: expect.any(Number) },
      ],
      refused: {
        code: 'EOPNOTSUPP',
        message: 'Underlying driver does not support XDP in native mode (EOPNOTSUPP)',
      },
      xdpGone: [],
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
