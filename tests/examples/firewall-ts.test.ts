import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { createMachine, parseObject } from '../../src/index.ts';
import { packetsOf, type Rule } from './firewall-model.ts';

const examples = new URL('../../examples/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, examples));

interface RulesModule {
  parseRules(text: string): Rule[];
  applyRules(rules: readonly Rule[], maps: object): void;
}
const { parseRules, applyRules } = (await import(
  new URL('firewall/rules.mjs', examples).href
)) as unknown as RulesModule;

const rules = parseRules(read('firewall/firewall.rules').toString());
const packets = packetsOf(gunzipSync(read('firewall/capture.pcap.gz')));
const C = 'firewall/firewall.bpf.o';
const TYPESCRIPT = 'firewall-ts/firewall.bpf.o';

/** Everything the firewall says of the capture: the verdict of each packet, what its maps hold. */
async function judged(object: string, engine: 'wasm' | 'interpreter', record: string) {
  const host = await createMachine({ engine, devices: { eth0: {} } });
  const { programs, maps } = await host.load(read(object));
  applyRules(rules, maps);
  using _link = programs['firewall']!.attach({ device: 'eth0' });
  const kernel = host.kernel as unknown as { clock: bigint };
  const verdicts = packets.map(({ time, bytes }) => {
    kernel.clock = BigInt(time);
    return host.devices['eth0']!.receive(bytes).verdict;
  });
  const entries = (name: string) => [...(maps[name] as Iterable<[unknown, unknown]>)];
  return {
    verdicts,
    records: maps['drops']!.drain(record).map(({ value }) => value),
    reasons: entries('reasons'),
    sources: entries('sources')
      .map((entry) => JSON.stringify(entry, bigints))
      .sort(),
    blocks: [...entries('blocked_v4'), ...entries('blocked_v6')],
    ports: entries('ports').filter(([, value]) => (value as { packets: bigint }).packets > 0n),
  };
}

const bigints = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value);

describe('the firewall in TypeScript', () => {
  let c: Awaited<ReturnType<typeof judged>>;
  beforeAll(async () => {
    c = await judged(C, 'wasm', 'event');
  });

  it.each(['wasm', 'interpreter'] as const)(
    'judges every packet of the capture as the one in C, and leaves the same maps (%s)',
    async (engine) => {
      const typescript = await judged(TYPESCRIPT, engine, 'Event');
      expect(typescript.verdicts.filter((verdict, i) => verdict !== c.verdicts[i])).toEqual([]);
      expect(typescript.verdicts.length).toBeGreaterThan(100_000);
      expect(typescript.records).toEqual(c.records);
      expect(typescript.records.length).toBeGreaterThan(10_000);
      for (const name of ['reasons', 'sources', 'blocks', 'ports'] as const) {
        expect(typescript[name], name).toEqual(c[name]);
      }
    },
    240_000,
  );

  it('is no longer than the one in C, and its maps have the same shapes', () => {
    const [c, typescript] = [C, TYPESCRIPT].map((name) => parseObject(read(name)));
    const length = (object = c!) => object.programs[0]!.insns.length / 8;
    expect(length(typescript)).toBeLessThanOrEqual(length(c));
    const shapes = (object = c!) =>
      object.maps
        .filter((map) => !map.dataSection)
        .map((map) => `${map.name} ${map.type} ${map.keySize} ${map.valueSize} ${map.maxEntries}`)
        .sort();
    expect(shapes(typescript)).toEqual(shapes(c));
  });

  it('has line info in the TypeScript only', () => {
    const { programs } = parseObject(read(TYPESCRIPT));
    const lines = readFileSync(new URL('firewall-ts/firewall.bpf.ts', examples), 'utf8').split(
      '\n',
    );
    expect(programs[0]!.lines.length).toBeGreaterThan(100);
    for (const { file, line, text } of programs[0]!.lines) {
      expect(file).toBe('./examples/firewall-ts/firewall.bpf.ts');
      expect(text).toBe(lines[line - 1]);
    }
  });
});
