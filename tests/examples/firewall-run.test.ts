import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/index.ts';
import { judgeAll, packetsOf, type Rule } from './firewall-model.ts';

const folder = new URL('../../examples/firewall/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder));

interface RulesModule {
  parseRules(text: string): Rule[];
  applyRules(rules: readonly Rule[], maps: object): void;
}
const { parseRules, applyRules } = (await import(
  new URL('rules.mjs', folder).href
)) as unknown as RulesModule;

const REASONS = ['PASSED', 'MALFORMED', 'BLOCKED_SOURCE', 'CLOSED_PORT', 'SYN_FLOOD'] as const;
const SYN_LIMIT = 200;

const rules = parseRules(read('firewall.rules').toString());
const packets = packetsOf(gunzipSync(read('capture.pcap.gz')));

async function firewall(engine: 'wasm' | 'interpreter') {
  const host = await createMachine({ engine, devices: { eth0: {} } });
  const loaded = await host.load(read('firewall.bpf.o'), {
    globals: { config: { syn_limit: SYN_LIMIT, drop_malformed: 1, report_drops: 1 } },
  });
  applyRules(rules, loaded.maps);
  return { host, ...loaded };
}

describe.each(['wasm', 'interpreter'] as const)('the firewall on %s', (engine) => {
  it('gives every packet the verdict that the rules say', async () => {
    const { host, programs, maps } = await firewall(engine);
    using link = programs['firewall']!.attach({ device: 'eth0' });
    const kernel = host.kernel as unknown as { clock: bigint };
    const eth0 = host.devices['eth0']!;
    let dropped = 0;
    for (const { time, bytes } of packets) {
      kernel.clock = BigInt(time);
      if (eth0.receive(bytes).verdict === 'drop') dropped++;
    }
    expect(link.program.spec.name).toBe('firewall');

    const wanted = judgeAll(packets, rules, SYN_LIMIT);
    const counted = REASONS.map((_, i) => (maps['reasons']!.get(i) as bigint[])[0]);
    expect(counted).toEqual(REASONS.map((reason) => BigInt(wanted[reason])));
    expect(dropped).toBe(packets.length - wanted.PASSED);
    expect(wanted.BLOCKED_SOURCE).toBeGreaterThan(10_000);
    expect(wanted.CLOSED_PORT).toBeGreaterThan(50);
    expect(wanted.SYN_FLOOD).toBeGreaterThan(1_000);

    const records = maps['drops']!.drain('event');
    expect(records.length).toBe(dropped);
    expect(records[0]!.value).toMatchObject({ reason: 'BLOCKED_SOURCE' });
  }, 120_000);

  it('drops cut-off headers as malformed and passes what is not IP', async () => {
    const { programs, maps } = await firewall(engine);
    const verdict = (data: Uint8Array) => programs['firewall']!.run({ data }).verdict;
    // IPv4 without VLAN tag, TCP, from 10.0.0.0/8.
    const isPlainTcp = (b: Uint8Array) => b[12] === 8 && b[13] === 0 && b[23] === 6 && b[26] === 10;
    const tcp = packets.find(({ bytes }) => isPlainTcp(bytes))!.bytes;
    expect(verdict(tcp)).toBe('pass');
    for (const length of [15, 20, 33, 34, 40, 53])
      expect(verdict(tcp.slice(0, length))).toBe('drop');
    expect(verdict(tcp.slice(0, 54))).toBe('pass');
    const arp = packets.find(({ bytes }) => bytes[12] === 8 && bytes[13] === 6)!.bytes;
    expect(verdict(arp)).toBe('pass');
    expect((maps['reasons']!.get(1) as bigint[])[0]).toBe(6n);
  });
});
