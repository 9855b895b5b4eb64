/**
 * What `beeyard compat` says of 6.1 and 6.12, held against these kernels: bpftool loads each object
 * in a virtual machine. Needs what `npm run build` makes, qemu-system-x86_64, gcc, bpftool, apt-get.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { versionCodeOf } from '../../src/abi/index.ts';
import { beeyard, workFolder } from './helpers.ts';

const ROOT = join(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'dist/bin/main.js');

/** Objects whose sections an old libbpf knows, too: that of Debian 12 is 1.1. */
const OBJECTS = [
  'examples/cgroup-policy/policy',
  'examples/firewall/firewall',
  'examples/grace-periods/churn',
  'examples/grace-periods/trie',
  'examples/hash-collisions/flows',
  'examples/idle-flows/flows',
  'examples/load-balancer/balancer',
  'examples/own-kfunc/limit',
  'examples/token/flows',
  'tests/fixtures/core',
  'tests/fixtures/functions',
  'tests/fixtures/subprograms',
  'tests/machine/programs/contexts-sk',
  'tests/machine/programs/dynptr',
  'tests/machine/programs/kfuncs',
  'tests/machine/programs/locks',
  'tests/machine/programs/net',
  'tests/machine/programs/sockets',
  'tests/machine/programs/timers',
  'tests/machine/programs/traced',
].map((name) => join(ROOT, `${name}.bpf.o`));

const LOAD = `
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
for object in "$@"; do
  mkdir /sys/fs/bpf/x
  bpftool prog loadall $object /sys/fs/bpf/x >/dev/null 2>&1 && echo "loads $object"
  rm -r /sys/fs/bpf/x
done
true
`;

interface Answer {
  readonly file: string;
  readonly lowest: string | null;
  readonly atMost?: string;
}

const place = workFolder();

describe.each(['6.1', '6.12'])('Linux %s', (kernel) => {
  it('loads the objects that compat says it loads, and no other', async () => {
    place.write('load.sh', LOAD);
    const words = ['vm', '-k', kernel, '--accel', 'tcg', '--timeout', '170', '--', 'sh', 'load.sh'];
    const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` };
    const options = { cwd: place.path('.'), encoding: 'utf8', env } as const;
    const out = execFileSync(process.execPath, [MAIN, ...words, ...OBJECTS], options);
    const loaded = OBJECTS.filter((file) => out.includes(`loads ${file}\n`));
    const answers = (await beeyard(['compat', ...OBJECTS, '-j'])).json<Answer[]>();
    const loadable = answers
      .filter(({ lowest, atMost = lowest }) => atMost !== null && isNoLater(atMost, kernel))
      .map(({ file }) => file);
    expect(loaded).toEqual(loadable);
    expect(loaded.length).toBeGreaterThan(OBJECTS.length / 3);
    expect(loaded.length).toBeLessThan(OBJECTS.length);
  }, 200_000);
});

const isNoLater = (version: string, kernel: string) =>
  versionCodeOf(version) <= versionCodeOf(kernel);
