import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine, MapOf, type MapValue, parseObject } from '../../src/index.ts';
import {
  bpftoolBatch,
  classifierContents,
  classifierSource,
  type Packet,
  type Rule,
  WildcardRules,
} from '../../src/tools/wildcard/index.ts';

const folder = new URL('../../examples/classifier/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder));

interface Sets {
  makeRules(kind: string, count: number, options?: object): Rule[];
  makePacketsFor(rules: readonly Rule[], count: number, options?: object): Packet[];
}
const { makeRules, makePacketsFor } = (await import(
  new URL('../../bench/lib/rulesets.mjs', import.meta.url).href
)) as unknown as Sets;

/** An Ethernet frame with the 5-tuple in it. */
function frame({ saddr, daddr, sport, dport, proto }: Packet): Uint8Array {
  const view = new DataView(new ArrayBuffer(64));
  view.setUint16(12, 0x0800);
  view.setUint8(14, 0x45);
  view.setUint8(23, Number(proto));
  view.setUint32(26, Number(saddr));
  view.setUint32(30, Number(daddr));
  view.setUint16(34, Number(sport));
  view.setUint16(36, Number(dport));
  return new Uint8Array(view.buffer);
}

const verdictOf = (rule: Rule) => (rule.priority! % 2 === 0 ? 1 : 2);

describe('the classifier example', () => {
  it('is made of the header that classifierSource writes', () => {
    const { fields } = parseObject(read('wildcard.bpf.o')).maps.find(
      ({ name }) => name === 'rules',
    )!;
    const header = classifierSource(fields!, { name: 'acl', maxRules: 20_000 });
    expect(read('acl.h').toString()).toBe(header);
  });

  it.each([
    ['acl', 'wasm'],
    ['fw', 'wasm'],
    ['ipc', 'wasm'],
    ['ipc', 'interpreter'],
  ] as const)('finds in plain maps what the wildcard map finds: %s on %s', async (kind, engine) => {
    using host = await createMachine({ engine });
    const wild = await host.load(read('wildcard.bpf.o'));
    const plain = await host.load(read('classifier.bpf.o'));
    const wildcard = new WildcardRules(wild.maps.rules as MapOf<unknown, MapValue>);
    const rules = makeRules(kind, 600);
    for (const rule of rules) wildcard.add(rule, { verdict: verdictOf(rule), hits: 0 });
    const value = (rule: Rule) => new Uint8Array(Uint32Array.of(verdictOf(rule), 0).buffer);
    const contents = classifierContents(
      wildcard,
      rules.map((rule) => [rule, value(rule)]),
    );
    for (const part of ['rules', 'buckets', 'tables'] as const) {
      for (const [key, bytes] of contents[part]) plain.maps[`acl_${part}`]!.set(key, bytes);
    }
    const seen = new Set<string>();
    for (const packet of makePacketsFor(rules, 1000)) {
      const data = frame(packet);
      const { verdict } = wild.programs.access_list!.run({ data });
      // No rule says something of protocols without ports but that.
      seen.add(verdict);
      expect(plain.programs.access_list!.run({ data }).verdict).toBe(verdict);
    }
    expect([...seen].sort()).toEqual(['drop', 'pass']);
  });

  it('writes what bpftool reads', () => {
    const entry: [Uint8Array, Uint8Array] = [Uint8Array.of(1, 0, 0, 0), Uint8Array.of(7, 255)];
    const text = bpftoolBatch({ tables: [entry], buckets: [], rules: [entry] }, 'acl');
    expect(text).toBe(
      'map update name acl_rules key 1 0 0 0 value 7 255\n' +
        'map update name acl_tables key 1 0 0 0 value 7 255\n',
    );
  });

  it('says when rules cannot be told apart by hashing', async () => {
    using host = await createMachine();
    const { maps } = await host.load(read('wildcard.bpf.o'));
    const wildcard = new WildcardRules(maps.rules!);
    const rules = Array.from({ length: 65 }, (_, i): [Rule, Uint8Array] => [
      { dport: [i, i + 1], priority: i },
      new Uint8Array(8),
    ]);
    expect(() => classifierContents(wildcard, rules)).toThrow(/65 rules differ in ranges alone/);
  });
});
