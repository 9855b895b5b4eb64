import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/index.ts';

/** Compiled selftests of the kernel: `node scripts/verify-corpus.mjs` makes them. */
const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
const folder = (existsSync(cache) ? readdirSync(cache) : [])
  .filter((name) => /^selftests-[0-9a-f]+/.test(name))
  .map((name) => join(cache, name))
  .find((path) => existsSync(join(path, 'test_xdp_dynptr.bpf.o')));
const objectOf = (name: string) => new Uint8Array(readFileSync(join(folder!, `${name}.bpf.o`)));

/** An IPv4 TCP segment with options in its header. */
function segment(options: readonly number[], payload: number): Uint8Array {
  const length = 40 + options.length + payload;
  const ip = [
    0x45,
    0,
    length >> 8,
    length & 255,
    0,
    0,
    0,
    0,
    64,
    6,
    0,
    0,
    10,
    0,
    0,
    1,
    10,
    0,
    0,
    2,
  ];
  const words = 5 + options.length / 4;
  const tcp = [0x12, 0x34, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, words << 4, 0x10, 0, 64, 0, 0, 0, 0];
  const macs = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
  return Uint8Array.of(...macs, ...ip, ...tcp, ...options, ...Array<number>(payload).fill(7));
}

/** The same with IPv6. */
function segment6(options: readonly number[], payload: number): Uint8Array {
  const four = segment(options, payload);
  const rest = four.subarray(34);
  const header = [0x60, 0, 0, 0, rest.length >> 8, rest.length & 255, 6, 64];
  const address = (last: number) => [0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), last];
  const macs = [...four.subarray(0, 12), 0x86, 0xdd];
  return Uint8Array.of(...macs, ...header, ...address(1), ...address(2), ...rest);
}

/** The option that the programs look for (kind 0xFD, 6 bytes), behind others or alone. */
const OPTIONS = [
  [],
  [0xfd, 6, 1, 2, 3, 4, 1, 0],
  [1, 1, 0xfd, 6, 9, 8, 7, 6],
  [2, 4, 5, 180, 4, 2, 0xfd, 6, 1, 1, 1, 1],
  [8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1],
  [0xfd, 2, 0, 0],
  [0, 0, 0, 0],
];
const PACKETS = [
  ...OPTIONS.flatMap((options) => [
    segment(options, 0),
    segment(options, 30),
    segment6(options, 0),
    segment6(options, 80),
  ]),
  // To nobody there is a tunnel for, and cut off.
  segment([], 30).with(33, 99),
  segment6([], 30).subarray(0, 40),
  segment([], 0).subarray(0, 30),
];

/** struct vip and struct iptnl_info of test_iptunnel_common.h. */
function tunnel(family: number, daddr: readonly number[]): [key: Uint8Array, value: Uint8Array] {
  const key = new Uint8Array(24);
  key.set(daddr);
  new DataView(key.buffer).setUint16(16, 80);
  key.set([family, 0, 6], 18);
  const value = new Uint8Array(40);
  value.set([192, 168, 0, 1], 0);
  value.set([192, 168, 0, 2], 16);
  new DataView(value.buffer).setUint16(32, family, true);
  value.set([1, 2, 3, 4, 5, 6], 34);
  return [key, value];
}

type Setup = (maps: Readonly<Record<string, { kernelMap: { update: Update } }>>) => void;
type Update = (key: Uint8Array, value: Uint8Array) => number;

/** Pairs of objects that do the same, one of them with dynptrs, and what fills their maps. */
const PAIRS: readonly (readonly [string, string, Setup])[] = [
  ['test_parse_tcp_hdr_opt', 'test_parse_tcp_hdr_opt_dynptr', () => {}],
  [
    'test_xdp',
    'test_xdp_dynptr',
    (maps) => {
      const six = [0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 2];
      for (const [family, address] of [[2, [10, 0, 0, 2]] as const, [10, six] as const]) {
        const [key, value] = tunnel(family, address);
        expect(maps['vip2tnl']!.kernelMap.update(key, value)).toBe(0);
      }
    },
  ],
];

describe.skipIf(!folder).each(['wasm', 'interpreter'] as const)(
  'dynptr selftests on %s',
  (engine) => {
    it.each(PAIRS)('%s and %s do the same to packets', async (plain, dynptr, setUp) => {
      const seen = new Set<string>();
      const runs = await Promise.all(
        [plain, dynptr].map(async (name) => {
          const host = await createMachine({ engine });
          const loaded = await host.load(objectOf(name));
          expect([...loaded.refused.values()].map(({ message }) => message)).toEqual([]);
          setUp(loaded.maps as unknown as Parameters<Setup>[0]);
          const [program] = Object.values(loaded.programs);
          return PACKETS.map((data) => {
            if (loaded.globals.names.includes('server_id')) loaded.globals.set('server_id', 0);
            const { verdict, data: after } = program!.run({ data });
            seen.add(verdict);
            // The one with dynptrs takes what it thinks is the old header from further behind.
            if (verdict === 'tx') after!.fill(0, 6, 12);
            const globals = loaded.globals.names.map((one) => [one, loaded.globals.get(one)]);
            return { verdict, after, globals: Object.fromEntries(globals) as unknown };
          });
        }),
      );
      expect(runs[1]).toEqual(runs[0]);
      expect(seen.size).toBeGreaterThan(1);
    });
  },
);
