// Hashes that maps can have: how long a look-up takes, and what chosen keys do to a program.
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../../examples/build.mjs';
import { sample } from '../lib/beeyard.mjs';
import { nanoseconds, table } from '../lib/table.mjs';

export const title = 'Hashes of hash maps';

const SIZES = [4, 8, 12, 16, 32, 64, 128];
const ENTRIES = 4096;
const FULLNESS = [0.25, 0.5, 1];
const PACKETS = 1024;
const FLOWS = 1000;
const CONTEXT = 64;
const HEADROOM = 256;
const PASS = 2;
const FLOWS_OBJECT = 'examples/hash-collisions/flows.bpf.o';
const RANGES = [
  ['saddr', '10.0.0.0/8'],
  ['daddr', '192.0.2.1'],
  ['sport', '1024-65535'],
  ['dport', '53'],
  ['protocol', '17'],
];

/** The same numbers on every machine. */
function randomBytes(count, seed) {
  let state = seed;
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

/** A program of an object on a machine of its own, with packets in its memory. */
class Loaded {
  constructor({ machine, client, object }, name, packets) {
    const { maps, programs } = client.loadObject(machine, object, { programs: [name] });
    this.machine = machine;
    this.maps = maps;
    this.code = programs.get(name).code;
    this.packets = packets;
    const { runtime } = machine;
    this.results = runtime.allocate(packets.length * 4, 64);
    this.contexts = runtime.allocate(packets.length * CONTEXT, 64);
    const stride = HEADROOM + 192;
    const frames = runtime.allocate(packets.length * stride, 64);
    packets.forEach((bytes, i) => {
      const start = frames + i * stride;
      const data = start + HEADROOM;
      runtime.u8().set(bytes, data);
      const words = runtime.u32().subarray((this.contexts + i * CONTEXT) / 4);
      words.set([data, data + bytes.length, data]);
      words.set([start, start + stride], 6);
    });
  }

  once() {
    const { code, contexts, packets, results } = this;
    if (code.batch(contexts, CONTEXT, packets.length, results, 0) !== packets.length)
      throw code.fault;
  }

  /** Every packet must have this verdict. */
  check(verdict) {
    this.once();
    const from = this.results / 4;
    const verdicts = this.machine.runtime.i32().subarray(from, from + this.packets.length);
    if (verdicts.some((one) => one !== verdict)) throw new Error('a verdict is wrong');
  }

  /** ns a packet, of each sample. */
  time({ samples, sampleNs }) {
    return Math.min(...sample(() => this.once(), samples, sampleNs)) / this.packets.length;
  }
}

async function lookupTimes(lib, context) {
  const object = lib.parse('bench/programs/map_keys.bpf.o');
  const { mapHashes } = lib.runtime;
  const { timing, progress } = context;
  const rows = [];
  for (const size of SIZES) {
    for (const fullness of FULLNESS) {
      progress(`keys of ${size} bytes`);
      const count = ENTRIES * fullness;
      const keys = Array.from({ length: count }, (_, i) => randomBytes(size, i * 7919 + 1));
      const packets = Array.from({ length: PACKETS }, (_, i) => keys[(i * 2731) % count]);
      const sides = [];
      for (const mapHash of mapHashes) {
        const { machine } = await lib.boot({ mapHash, seed: 1 });
        const side = new Loaded({ ...lib, machine, object }, `lookup_${size}`, packets);
        const map = side.maps.get(`keys_${size}`).runtimeMap;
        for (const key of keys) map.update(key, new Uint8Array(8));
        side.check(PASS);
        sides.push(side);
      }
      // All hashes take turns.
      const best = sides.map(() => Infinity);
      for (let round = 0; round < timing.rounds; round++) {
        sides.forEach((side, i) => {
          best[i] = Math.min(best[i], side.time({ samples: 10, sampleNs: 1e6 }));
        });
      }
      rows.push({ size, fullness, ns: Object.fromEntries(mapHashes.map((h, i) => [h, best[i]])) });
    }
  }
  return rows;
}

/** Keys of flows in a map of a machine made this way: of one bucket, or as they come. */
async function collidingPackets(lib, object, settings, name) {
  const { keyFields, packetFor, packetRoles, parseRange } = lib.collide;
  const { machine } = await lib.boot({ engine: 'interpreter', ...settings });
  const { maps } = lib.client.loadObject(machine, object, { programs: [] });
  const { runtimeMap, spec } = maps.get(name);
  const fields = keyFields(object.btf, spec.keyTypeId);
  const ranges = RANGES.map(([field, text]) =>
    parseRange(
      fields.find((one) => one.name === field),
      text,
    ),
  );
  const search = { ranges, count: FLOWS };
  const { keys } = lib.runtime.collidingKeys(machine.runtime, runtimeMap, search);
  const roles = packetRoles(fields);
  return keys.map((key) => packetFor(key, roles));
}

/** Flows of the same ranges that were not chosen. */
function normalPackets(colliding) {
  const random = randomBytes(FLOWS * 5, 5);
  return colliding.map((packet, i) => {
    const other = packet.slice();
    other.set(random.subarray(5 * i, 5 * i + 3), 27);
    other.set([4 + (random[5 * i + 3] % 252), random[5 * i + 4]], 34);
    return other;
  });
}

async function attack(lib, { timing, progress }) {
  progress('colliding keys');
  const object = lib.parse(FLOWS_OBJECT);
  const chosen = await collidingPackets(lib, object, {}, 'flows');
  const normal = normalPackets(chosen);
  const sides = [];
  const add = async (label, program, map, settings) => {
    const row = { label, chains: {}, ns: {} };
    for (const [traffic, packets] of Object.entries({ normal, chosen })) {
      const { machine } = await lib.boot(settings);
      const side = new Loaded({ ...lib, machine, object }, program, packets);
      side.check(PASS);
      const { longest } = lib.runtime.hashStats(machine.runtime, side.maps.get(map).runtimeMap);
      row.chains[traffic] = longest;
      row.ns[traffic] = Infinity;
      sides.push({ row, traffic, side });
    }
    return row;
  };
  const rows = [
    await add('jhash, known seed', 'count_flows', 'flows', {}),
    await add('jhash, random seed', 'count_seeded_flows', 'seeded_flows', {
      seed: randomInt(2 ** 40),
    }),
    await add('siphash, random seed', 'count_seeded_flows', 'seeded_flows', {
      mapHash: 'siphash',
      seed: randomInt(2 ** 40),
    }),
  ];
  for (let round = 0; round < timing.rounds; round++) {
    for (const { row, traffic, side } of sides) {
      row.ns[traffic] = Math.min(row.ns[traffic], side.time({ samples: 20, sampleNs: 2e6 }));
    }
  }
  return rows;
}

export async function run(context) {
  const { beeyard } = context;
  const entry = (path) => import(pathToFileURL(join(beeyard.folder, path)).href);
  const [runtime, client, collide, { bootMachine }] = await Promise.all(
    ['runtime/index.js', 'client/index.js', 'tools/collide/index.js', 'machine/index.js'].map(
      entry,
    ),
  );
  const lib = {
    runtime,
    client,
    collide,
    boot: bootMachine,
    parse: (path) => beeyard.parseObject(readFileSync(join(root, path))),
  };
  return { lookups: await lookupTimes(lib, context), attack: await attack(lib, context) };
}

const perSecond = (ns) => `${(1000 / ns).toFixed(ns < 1000 ? 1 : 2)} M/s`;

export function render({ lookups, attack: attacked }) {
  const hashes = Object.keys(lookups[0].ns);
  const rows = lookups.map(({ size, fullness, ns }) => [
    `${size} bytes, ${100 * fullness} %`,
    ...hashes.map((hash) => nanoseconds(ns[hash])),
  ]);
  const flows = attacked.map(({ label, chains, ns }) => [
    label,
    perSecond(ns.normal),
    String(chains.normal),
    perSecond(ns.chosen),
    String(chains.chosen),
  ]);
  return [
    ...table([['key, fullness', ...hashes], ...rows]),
    '',
    `  ns a packet, with entry and checks: an XDP program that looks up the key a packet begins with,`,
    `  in a map of ${ENTRIES} entries.`,
    '',
    ...table([['flows counted', 'normal', 'chain', 'chosen keys', 'chain'], ...flows]),
    '',
    `  ${FLOWS_OBJECT}, ${FLOWS} flows; packets a second, and the longest chain.`,
  ];
}
