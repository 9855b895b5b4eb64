// Needs clang-19 and llvm-strip-19 (objects match their sources) and tshark (the capture is sound).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

interface Builder {
  CLANG_VERSION: string;
  clangVersion(): string | undefined;
  compileBpf(source: string, options?: { cpu?: string; flags?: string[] }): Uint8Array;
}
const root = fileURLToPath(new URL('../../', import.meta.url));
const builder = (await import(join(root, 'examples/build.mjs'))) as unknown as Builder;
const { CLANG_VERSION, clangVersion, compileBpf } = builder;

/** Sources of a folder that have a committed object. */
const sources = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.bpf.c'))
    .map((name) => `${folder}/${name}`);

describe.runIf(clangVersion() === CLANG_VERSION)(`objects, with clang ${CLANG_VERSION}`, () => {
  const folders = [
    'examples/firewall',
    'examples/typed-import',
    'examples/own-kfunc',
    'examples/quantiles',
    'examples/socket-killer',
    'examples/sockmap-proxy',
    'examples/cgroup-policy',
    'examples/fair',
    'examples/classifier',
    'examples/hash-collisions',
    'examples/netkit-pods',
    'examples/grace-periods',
    'examples/live-views',
    'examples/idle-flows',
    'examples/tcx-chain',
    'examples/vf-monitor',
    'examples/load-balancer',
    'examples/rdma',
    'examples/xsk-echo',
    'examples/token',
    'examples/studio',
    'bench/programs',
    'bench/maps',
    'tests/tools',
  ];
  const plain = folders.flatMap(sources);
  // Sources whose programs leave parameters alone, and what else their mistakes need.
  const lax: [source: string, flags: string[]][] = [
    ['tests/machine/programs/net.bpf.c', ['-Wno-unused-parameter']],
    ['tests/machine/programs/paths.bpf.c', ['-Wno-unused-parameter']],
    ['tests/machine/programs/kfuncs.bpf.c', ['-Wno-unused-parameter']],
    ['tests/machine/programs/owned.bpf.c', ['-Wno-unused-parameter']],
    ['tests/machine/programs/leak.bpf.c', ['-Wno-unused-parameter']],
    ['tests/machine/programs/dynptr.bpf.c', ['-Wno-unused-parameter']],
    ['tests/machine/programs/timers.bpf.c', ['-Wno-unused-parameter']],
    ['tests/machine/programs/soak.bpf.c', ['-Wno-unused-parameter']],
    ['tests/verifier/strict-ops.bpf.c', ['-Wno-unused-parameter']],
    ['tests/verifier/rejected.bpf.c', ['-Wno-unused-parameter', '-Wno-unused-variable']],
  ];
  for (const source of sources('tests/fixtures/map-programs')) {
    // Address spaces need the newest instructions.
    const cpu = source.includes('/arena.') ? ['-mcpu=v4'] : [];
    lax.push([source, ['-Wno-unused-parameter', ...cpu]]);
  }
  // Wrong on purpose, in more ways than clang has names for.
  const wrong = sources('tests/verifier/causes').map((one): [string, string[]] => [
    one,
    ['-Wno-everything'],
  ]);
  const all = [...plain.map((source): [string, string[]] => [source, []]), ...lax, ...wrong];
  it.each(all)('%s compiles to its committed object', (source, flags) => {
    const committed = readFileSync(join(root, source.replace(/\.c$/, '.o')));
    expect(Buffer.compare(compileBpf(source, { flags }), committed)).toBe(0);
  });

  it('carries no path of the machine that built it', () => {
    const bytes = compileBpf('examples/firewall/firewall.bpf.c');
    const text = Buffer.from(bytes).toString('latin1');
    expect(text).toContain('./examples/firewall/firewall.bpf.c');
    expect(text).not.toContain(root);
    expect(text).not.toContain(tmpdir());
  });
});

const hasTshark = spawnSync('tshark', ['--version']).status === 0;

describe.runIf(hasTshark)('the capture, read by tshark', () => {
  it('has no malformed packet, no bad checksum and no warning', () => {
    const folder = mkdtempSync(join(tmpdir(), 'beeyard-'));
    try {
      const file = join(folder, 'capture.pcap');
      const capture = readFileSync(join(root, 'examples/firewall/capture.pcap.gz'));
      writeFileSync(file, gunzipSync(capture));
      const checks = ['ip', 'tcp', 'udp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
      const { stdout, status } = spawnSync(
        'tshark',
        ['-r', file, ...checks, '-q', '-z', 'expert'],
        { encoding: 'utf8' },
      );
      expect(status).toBe(0);
      expect(stdout).toContain('Chats');
      expect(stdout).not.toMatch(/^(Errors|Warns)|Malformed|Bad checksum/m);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});
