// The wildcard map: tuples merged against a linear search, on rule sets of twelve kinds.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../../examples/build.mjs';
import { makePacketsFor, makeRules } from '../lib/rulesets.mjs';
import { nanoseconds, ratio, table } from '../lib/table.mjs';

export const title = 'Wildcard map: ns a lookup, linear search against merged tuples';

const KINDS = ['acl', 'fw', 'ipc'];
const PACKETS = 1024;

/** A map filled with rules, and packets' keys in the runtime's memory. */
class Filled {
  constructor(context, { spec, WildcardRules, MapOf, rules, packets, extra }) {
    const { runtime } = context;
    const definition = { ...spec, type: spec.typeId, maxEntries: rules.length, extra };
    const map = runtime.createMap(definition);
    const kernelMap = { ...methods(map), spec, perCpu: false, userValueSize: spec.valueSize };
    const wildcard = new WildcardRules(new MapOf(kernelMap, undefined, 1));
    const started = performance.now();
    const value = new Uint8Array(spec.valueSize);
    for (const rule of rules) {
      value[0] = rule.priority & 255;
      map.update(wildcard.ruleKey(rule), value);
    }
    this.fill = ((performance.now() - started) * 1e6) / rules.length;
    this.map = map;
    this.lookup = runtime.exports.wildcard_lookup;
    this.keys = packets.map((packet) => {
      const at = runtime.allocate(spec.keySize, 8);
      runtime.u8().set(wildcard.packetKey(packet), at);
      return at;
    });
  }

  /** Values found, as a check; every packet once. */
  once(runtime) {
    let sum = 0;
    for (const key of this.keys) {
      const found = this.lookup(this.map.address, key);
      if (found !== 0n) sum += runtime.u8()[Number(found & 0xffffffffn)];
    }
    return sum;
  }

  /** Best of some rounds, in ns a lookup. */
  time(rounds) {
    let best = Infinity;
    for (let round = 0; round < rounds; round++) {
      const started = process.hrtime.bigint();
      for (const key of this.keys) this.lookup(this.map.address, key);
      best = Math.min(best, Number(process.hrtime.bigint() - started) / this.keys.length);
    }
    return best;
  }

  free(runtime) {
    for (const key of this.keys) runtime.release(key);
    this.map.free();
  }
}

const methods = (map) =>
  Object.fromEntries(
    ['lookup', 'update', 'delete', 'nextKey'].map((name) => [name, map[name].bind(map)]),
  );

export async function run({ beeyard, progress, quick }) {
  const entry = (path) => import(pathToFileURL(join(beeyard.folder, path)).href);
  const { WildcardRules } = await entry('tools/wildcard/index.js');
  const { MapOf } = await entry('client/index.js');
  const object = beeyard.parseObject(readFileSync(join(root, 'tests/tools/wildcard.bpf.o')));
  const spec = (name) => object.maps.find((map) => map.name === name);
  const shapes = [
    { bits: 32, spec: spec('rules_v4') },
    { bits: 128, spec: spec('rules_v6') },
  ];
  const counts = quick ? [1000, 10_000] : [1000, 10_000, 100_000];
  const results = [];
  for (const { bits, spec: shape } of shapes) {
    for (const kind of KINDS) {
      for (const seed of [1, 2]) {
        for (const count of counts) {
          progress(`${kind} ${count}`);
          const rules = makeRules(kind, count, { seed, bits });
          const packets = makePacketsFor(rules, PACKETS, { seed, bits });
          const make = (extra) => {
            const runtime = beeyard.createRuntime({ cpus: 1 });
            const given = { spec: shape, WildcardRules, MapOf, rules, packets, extra };
            return { runtime, filled: new Filled({ runtime }, given) };
          };
          const [merged, linear] = [make(0n), make(1n)];
          const agree = merged.filled.once(merged.runtime) === linear.filled.once(linear.runtime);
          if (!agree) throw new Error(`${kind} of ${count} rules: the two ways differ`);
          // A round of a linear search over many rules is long enough alone.
          const rounds = count > 10_000 ? 1 : 3;
          const times = { linear: linear.filled.time(rounds), merged: merged.filled.time(30) };
          results.push({ kind, bits, seed, count, ...times, fill: merged.filled.fill });
        }
      }
    }
  }
  return results;
}

export function render(results) {
  const counts = [...new Set(results.map(({ count }) => count))];
  const sets = [...new Set(results.map((one) => `${one.kind} ${one.seed}, ${one.bits}`))];
  const of = (set, count) =>
    results.find((one) => `${one.kind} ${one.seed}, ${one.bits}` === set && one.count === count);
  const head = ['rules, bits', ...counts.flatMap((count) => [`${count}: linear`, 'merged', 'x'])];
  const rows = sets.map((set) => [
    set,
    ...counts.flatMap((count) => {
      const { linear, merged } = of(set, count);
      return [nanoseconds(linear), nanoseconds(merged), ratio(linear / merged)];
    }),
  ]);
  const atTen = results.filter(({ count }) => count === 10_000);
  const quicker = atTen.filter(({ linear, merged }) => linear >= 5 * merged).length;
  const slowest = Math.max(...results.map(({ fill }) => fill));
  return [
    ...table([head, ...rows]),
    '',
    `  With 10,000 rules ${quicker} of ${atTen.length} sets are at least 5 times as quick.`,
    `  An update takes ${nanoseconds(slowest / 1000)} us at most, on average of a set.`,
  ];
}
