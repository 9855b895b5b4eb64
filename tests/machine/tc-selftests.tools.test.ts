/** Every test of prog_tests/tc_links.c, tc_opts.c and tc_netkit.c of the kernel, on a machine. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseObject } from '../../src/index.ts';
import { bootMachine } from '../../src/machine/index.ts';
import { selftestSource } from '../kernel/tree.ts';
import { TcTests, testsIn } from './tc-selftests.ts';

/** Compiled selftests of the kernel: `node scripts/verify-corpus.mjs` makes them. */
const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
const compiled = (existsSync(cache) ? readdirSync(cache) : [])
  .filter((name) => /^selftests-[0-9a-f]+/.test(name))
  .map((name) => join(cache, name, 'test_tc_link.bpf.o'))
  .find((path) => existsSync(path));
const folder = selftestSource('prog_tests');

/** Tests that cannot be run here, with the reason. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  serial_test_tc_links_ingress: 'makes ingress qdiscs by rtnetlink, which is not here',
  serial_test_tc_netkit_pkt_type: 'a device moves into another namespace, which it does not here',
  serial_test_tc_links_dev_chain0: 'filters of shared blocks that are not BPF (matchall, skbmod)',
};

describe.skipIf(!compiled || !folder).each(['tc_links', 'tc_opts', 'tc_netkit'])('%s', (file) => {
  const source = folder ? readFileSync(join(folder, `${file}.c`), 'utf8') : '';
  const tests = testsIn(source);
  const names = [...tests.keys()].filter((name) => /^(?:serial_)?test_\w+$/.test(name));
  const serial = names.filter((name) => tests.get(name)!.params.length === 0);

  it('has as many tests as are known', () => expect(serial.length).toBeGreaterThan(4));

  it.each(serial.filter((name) => !LEFT_OUT[name]))('%s', async (name) => {
    const object = parseObject(new Uint8Array(readFileSync(compiled!)));
    const networked = await bootMachine({ devices: { lo: { addresses: ['127.0.0.1/8'] } } });
    new TcTests(networked, object).run(tests, name);
    expect([...networked.machine.objects.links]).toEqual([]);
  });
});
