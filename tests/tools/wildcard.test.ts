import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMachine, KernelError, MapOf, parseObject } from '../../src/index.ts';
import { type Packet, type Rule, WildcardRules } from '../../src/tools/wildcard/index.ts';
import { beeyard } from '../cli/helpers.ts';

const OBJECT = 'tests/tools/wildcard.bpf.o';
const object = readFileSync(OBJECT);

interface Sets {
  makeRules(kind: string, count: number, options?: object): Rule[];
  makePacketsFor(rules: readonly Rule[], count: number, options?: object): Packet[];
  covers(rule: Rule, packet: Packet, bits?: number): boolean;
}
const { makeRules, makePacketsFor, covers } = (await import(
  new URL('../../bench/lib/rulesets.mjs', import.meta.url).href
)) as unknown as Sets;

/** What a linear search finds: lowest priority number, of two the older one. */
function best(
  rules: readonly (readonly [Rule, bigint])[],
  packet: Packet,
  bits: number,
): bigint | undefined {
  let found: readonly [Rule, bigint] | undefined;
  for (const one of rules) {
    if (found && one[0].priority! >= found[0].priority!) continue;
    if (covers(one[0], packet, bits)) found = one;
  }
  return found?.[1];
}

const load = async () => {
  const host = await createMachine();
  const { maps, programs } = await host.load(object);
  const rules = (name: string) => new WildcardRules(maps[name] as MapOf<unknown, bigint>);
  return { host, maps, programs, rules };
};

describe('a wildcard map', () => {
  it.each([
    ['rules_v4', 'acl', 32],
    ['rules_v4', 'fw', 32],
    ['rules_v4', 'ipc', 32],
    ['linear_v4', 'ipc', 32],
    ['rules_v6', 'acl', 128],
    ['rules_v6', 'fw', 128],
    ['rules_v6', 'ipc', 128],
  ])(
    '%s: random changes of %s rules, then what a linear search finds',
    async (name, kind, bits) => {
      const { host, rules } = await load();
      using _ = host;
      const map = rules(name);
      for (const seed of [1, 2, 3]) {
        const all = makeRules(kind, 400, { seed, bits });
        const model = new Map<string, [Rule, bigint]>();
        let random = seed * 7;
        for (let step = 0; step < 1200; step++) {
          random = (random * 1103515245 + 12345) % 2 ** 31;
          // Priorities collide, so that age decides.
          const one = all[random % all.length]!;
          const rule = { ...one, priority: one.priority! % 50 };
          const text = map.ruleKey(rule).join();
          if (random % 3 === 0) {
            expect(map.delete(rule)).toBe(model.delete(text));
          } else {
            map.add(rule, BigInt(step));
            model.set(text, [model.get(text)?.[0] ?? rule, BigInt(step)]);
          }
        }
        expect(map.size).toBe(model.size);
        for (const packet of makePacketsFor(all, 200, { seed, bits })) {
          expect(map.match(packet)).toBe(best([...model.values()], packet, bits));
        }
        for (const [rule, value] of model.values()) expect(map.get(rule)).toBe(value);
        for (const [rule] of map) expect(map.delete(rule)).toBe(true);
        expect(map.size).toBe(0);
      }
    },
  );

  it('knows every kind and size of field', async () => {
    const { host, rules } = await load();
    using _ = host;
    const map = rules('rules_mixed');
    expect(map.fields.map(({ name, kind, size }) => [name, kind, size])).toEqual([
      ['netns', 'match', 4],
      ['cookie', 'range', 8],
      ['tos', 'prefix', 1],
      ['mark', 'range', 4],
      ['vlan', 'prefix', 2],
      ['label', 'wildcard_match', 8],
    ]);
    const field = {
      netns: fc.integer({ min: 0, max: 2 }),
      cookie: fc.bigInt(2n ** 63n - 3n, 2n ** 63n + 3n),
      tos: fc.integer({ min: 0, max: 255 }),
      mark: fc.integer({ min: 2 ** 31 - 2, max: 2 ** 31 + 2 }),
      vlan: fc.integer({ min: 0, max: 0xffff }),
      label: fc.bigInt(0n, 2n),
    };
    const range = <T extends number | bigint>(one: fc.Arbitrary<T>) =>
      fc.tuple(one, one).map(([a, b]): [T, T] => (a < b ? [a, b] : [b, a]));
    const anyRule = fc.record({
      netns: field.netns,
      cookie: range(field.cookie),
      tos: fc.tuple(field.tos, fc.integer({ min: 0, max: 8 })),
      mark: range(field.mark),
      vlan: fc.tuple(field.vlan, fc.integer({ min: 0, max: 16 })),
      label: field.label,
      priority: fc.integer({ min: 0, max: 3 }),
    });
    const inPrefix = (value: number, [of, bits]: [number, number], size: number) =>
      value >> (size - bits) === of >> (size - bits);
    fc.assert(
      fc.property(
        fc.array(anyRule, { maxLength: 30 }),
        fc.array(fc.record(field)),
        (all, packets) => {
          const model: (typeof all)[number][] = [];
          for (const rule of all) {
            if (map.get(rule) === undefined) model.push(rule);
            map.add(rule, BigInt(rule.priority));
          }
          for (const packet of packets) {
            const found = model
              .filter(
                (rule) =>
                  rule.netns === packet.netns &&
                  rule.cookie[0] <= packet.cookie &&
                  packet.cookie <= rule.cookie[1] &&
                  inPrefix(packet.tos, rule.tos, 8) &&
                  rule.mark[0] <= packet.mark &&
                  packet.mark <= rule.mark[1] &&
                  inPrefix(packet.vlan, rule.vlan, 16) &&
                  (rule.label === 0n || rule.label === packet.label),
              )
              .toSorted((a, b) => a.priority - b.priority)[0];
            expect(map.match(packet)).toBe(found && BigInt(found.priority));
          }
          for (const [rule] of map) map.delete(rule);
        },
      ),
    );
  });

  it('walks every rule once, in any order of keys', async () => {
    const { host, rules } = await load();
    using _ = host;
    const map = rules('rules_v4');
    const all = makeRules('acl', 500);
    for (const rule of all) map.add(rule, BigInt(rule.priority!));
    const seen = [...map].map(([rule, value]) => [rule.priority, value]);
    expect(seen.length).toBe(500);
    expect(new Set(seen.map(([priority]) => priority)).size).toBe(500);
    for (const [priority, value] of seen) expect(BigInt(priority as number)).toBe(value);
  });

  it('takes rules as people write them, and says what is wrong with others', async () => {
    const { host, rules } = await load();
    using _ = host;
    const v4 = rules('rules_v4');
    v4.add({ saddr: '10.0.0.0/8', dport: [80, 443], priority: 10 }, 1n);
    v4.add({ saddr: '10.1.0.0/16', proto: 6, priority: 5 }, 2n);
    v4.add({ daddr: '192.0.2.1' }, 3n);
    const packet = { saddr: '10.1.2.3', daddr: '10.0.0.1', sport: 1000, dport: 80 };
    expect(v4.match({ ...packet, proto: 17 })).toBe(1n);
    expect(v4.match({ ...packet, proto: 6 })).toBe(2n);
    expect(v4.match({ ...packet, dport: 81, proto: 17 })).toBe(1n);
    expect(v4.match({ ...packet, dport: 444, proto: 17 })).toBeUndefined();
    expect(v4.match({ ...packet, daddr: '192.0.2.1', proto: 6 })).toBe(3n);
    const v6 = rules('rules_v6').add({ saddr: '2001:db8::/33', priority: 1 }, 4n);
    const six = { daddr: '::1', sport: 1, dport: 1, proto: 6 };
    expect(v6.match({ ...six, saddr: '2001:db8:7fff::1' })).toBe(4n);
    expect(v6.match({ ...six, saddr: '2001:db8:8000::1' })).toBeUndefined();
    expect(() => v4.add({ source: '10.0.0.0/8' }, 1n)).toThrow(
      /no field of map 'rules_v4' \(saddr/,
    );
    expect(() => v4.add({ saddr: '10.0.0/8' }, 1n)).toThrow(/is no prefix/);
    expect(() => v4.add({ dport: [443, 80] }, 1n)).toThrow(/no range from 443 to 80/);
    expect(() => v4.add({ dport: 65536 }, 1n)).toThrow(/does not fit/);
    expect(() => v4.match({ saddr: '10.1.2.3' })).toThrow(/'daddr' is missing/);
    expect(() => rules('rules_mixed').add({ cookie: 1 }, 1n)).toThrow(/needs field 'netns'/);
  });

  it('answers as the proposal for Linux did', async () => {
    const { host, maps, rules } = await load();
    using _ = host;
    const map = rules('rules_v4');
    const key = map.ruleKey({ priority: 1 });
    const code = (action: () => unknown) => {
      try {
        action();
        return '';
      } catch (error) {
        return (error as KernelError).code;
      }
    };
    const raw = maps.rules_v4!;
    const packet = map.packetKey({ saddr: 0, daddr: 0, sport: 0, dport: 0, proto: 0 });
    expect(code(() => raw.set(packet, 1n))).toBe('EINVAL');
    expect(code(() => raw.delete(packet))).toBe('EINVAL');
    expect(code(() => raw.set(key, 1n, 'exist'))).toBe('ENOENT');
    expect(code(() => raw.set(key, 1n, 'noexist'))).toBe('');
    expect(code(() => raw.set(key, 1n, 'noexist'))).toBe('EEXIST');
    const crossed = key.slice();
    crossed.fill(255, 24, 26);
    crossed.fill(0, 26, 28);
    expect(code(() => raw.set(crossed, 1n))).toBe('EINVAL');
    for (const rule of makeRules('acl', 1999)) map.add({ ...rule, priority: 9 }, 1n);
    expect(code(() => map.add({ priority: 2 }, 1n))).toBe('E2BIG');
    const spec = parseObject(object).maps.find(({ name }) => name === 'rules_v4')!;
    const made = (change: object) => code(() => host.kernel.createMap({ ...spec, ...change }));
    expect(made({ flags: 0 })).toBe('ENOTSUPP');
    expect(made({ extra: 2n })).toBe('EINVAL');
    expect(made({ fields: undefined })).toBe('EINVAL');
    expect(made({})).toBe('');
  });
});

describe.each(['wasm', 'interpreter'] as const)('programs on %s', (engine) => {
  it('classify packets, and change the rules', async () => {
    using host = await createMachine({ engine });
    const { maps, programs } = await host.load(object);
    const map = new WildcardRules(maps.rules_v4 as MapOf<unknown, bigint>);
    expect(programs.change!.run({ data: new Uint8Array(64) }).verdict).toBe('pass');
    expect(map.size).toBe(0);
    map.add({ saddr: '10.0.0.0/8', dport: 53, priority: 3 }, 1n);
    const data = new Uint8Array(64);
    data.set([10, 9, 8, 7, 192, 0, 2, 1, 1, 2, 0, 53, 17]);
    expect(programs.classify!.run({ data }).verdict).toBe('drop');
    data[11] = 54;
    expect(programs.classify!.run({ data }).verdict).toBe('pass');
  });
});

describe('beeyard verify', () => {
  it('takes the extension, and refuses it where only Linux counts', async () => {
    expect((await beeyard(['verify', OBJECT])).code).toBe(0);
    const { code, out } = await beeyard(['verify', OBJECT, '--portable']);
    expect(code).toBe(1);
    expect(out).toMatch(/map 'rules_v4' has type wildcard, which Linux does not have/);
  });
});
