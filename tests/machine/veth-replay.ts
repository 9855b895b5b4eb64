/** The scenarios of tests/fixtures/kernel/veth.json.gz (scripts/record-veth.mjs), on the machine. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { createMachine, type Host, type VethOptions } from '../../src/index.ts';

interface End {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
  readonly addresses: readonly string[];
}

export interface Scenario {
  readonly name: string;
  readonly forwarding?: boolean;
  readonly mtu?: number;
  readonly constants?: Readonly<Record<'target' | 'flags' | 'broadcast', number>>;
  /** Map, key, value, program of the entry or '-'. */
  readonly maps?: readonly (readonly [string, number, number, string])[];
  /** How, namespace ('-': the router), device, program. */
  readonly attach?: readonly (readonly [string, string, string, string])[];
  readonly frames: readonly {
    readonly name: string;
    readonly wait: number;
    readonly hex: string;
  }[];
  readonly answers: Answers;
}

export interface Answers {
  /** By frame: 'b/eth0 in 0000…'. */
  readonly seen: readonly (readonly string[])[];
  /** rx packets, bytes, dropped; tx packets, bytes, dropped. */
  readonly statistics: Readonly<Record<string, readonly number[]>>;
  readonly marks: Readonly<Record<string, readonly number[]>>;
}

interface Recorded {
  readonly ends: Readonly<Record<string, { readonly router: End; readonly other: End }>>;
  readonly scenarios: readonly Scenario[];
}

const file = (path: string) => readFileSync(new URL(path, import.meta.url));
const read = () => gunzipSync(file('../fixtures/kernel/veth.json.gz')).toString();
export const recorded = JSON.parse(read()) as Recorded;

const SPACES = Object.keys(recorded.ends);

async function boot({ forwarding = true, mtu }: Scenario): Promise<Host> {
  const link = (space: string): VethOptions => {
    const { router, other } = recorded.ends[space]!;
    const small = mtu !== undefined && space === 'b' ? { mtu } : {};
    const end = ({ index, mac, addresses }: End, forwards: boolean) => {
      return { ifindex: index, address: mac, addresses, forwarding: forwards, ...small };
    };
    const peer = { ...end(other, false), name: other.name, namespace: space };
    return { kind: 'veth', ...end(router, forwarding), peer };
  };
  const via = (space: string) => {
    const [v4, v6] = recorded.ends[space]!.router.addresses.map((one) => one.split('/')[0]!);
    return {
      routes: [
        { to: 'default', via: v4! },
        { to: '::/0', via: v6! },
      ],
    };
  };
  return createMachine({
    cpus: 2,
    namespaces: Object.fromEntries(SPACES.map((space) => [space, via(space)])),
    devices: Object.fromEntries(SPACES.map((space) => [`v-${space}`, link(space)])),
  });
}

const pathOf = (space: string, device: string) => (space === '-' ? device : `${space}/${device}`);

async function attachAll(host: Host, { attach = [], maps = [], constants }: Scenario) {
  const object = file('./programs/paths.bpf.o');
  const loaded = await host.load(object, constants ? { globals: constants } : {});
  for (const [map, key, value, program] of maps) {
    const entry = program === '-' ? {} : { program: loaded.programs[program]! };
    fill(loaded.maps[map]!.kernelMap, key, value, entry.program?.id ?? 0);
  }
  for (const [how, space, device, program] of attach) {
    const place = { device: pathOf(space, device) };
    const isTc = how === 'ingress' || how === 'egress';
    loaded.programs[program]!.attach({
      ...place,
      ...(isTc ? { direction: how } : { mode: how as 'native' }),
    });
  }
  return loaded;
}

type Fillable = { update(key: Uint8Array, value: Uint8Array): number };

function fill(map: Fillable, key: number, value: number, program: number): void {
  const words = (...numbers: number[]) => new Uint8Array(Uint32Array.from(numbers).buffer);
  const result = map.update(words(key), words(value, program));
  if (result !== 0) throw new Error(`the map takes no entry: ${result}`);
}

/** What the machine says of a scenario. */
export async function replay(scenario: Scenario): Promise<Answers> {
  using host = await boot(scenario);
  const loaded = scenario.attach ? await attachAll(host, scenario) : undefined;
  const seen = scenario.frames.map(({ wait, hex }) => {
    using capture = host.net.capture();
    host.net
      .namespace('a')
      .device('eth0')
      .transmit(Uint8Array.from(Buffer.from(hex, 'hex')));
    host.net.advance(wait * 1e6);
    const lines = capture.packets.map(({ namespace, device, direction, data }) => {
      return `${pathOf(namespace || '-', device)} ${direction} ${Buffer.from(data).toString('hex')}`;
    });
    // The socket that sends a frame does not see it go out.
    const own = lines.indexOf(`a/eth0 out ${hex}`);
    return lines.filter(
      (line, i) => i !== own && !line.includes('/lo ') && !line.startsWith('lo '),
    );
  });
  return {
    seen,
    statistics: statisticsOf(host),
    marks: loaded ? marksOf(loaded.maps['seen']!) : {},
  };
}

function statisticsOf(host: Host): Record<string, readonly number[]> {
  const places = SPACES.flatMap((space) => [`v-${space}`, `${space}/eth0`]);
  const rows = places.map((path) => {
    const [device, space = ''] = path.split('/').reverse();
    const { statistics: s } = host.net.namespace(space).device(device!);
    const received = [s.rx_packets, s.rx_bytes, s.rx_dropped];
    return [path, [...received, s.tx_packets, s.tx_bytes, s.tx_dropped]] as const;
  });
  return Object.fromEntries(rows);
}

const SLOTS = 8;

type Readable = { get(key: number): unknown };

function marksOf(seen: Readable): Record<string, number[]> {
  const marks: Record<string, number[]> = {};
  for (let slot = 0; slot < SLOTS; slot++) {
    const value = Number(seen.get(slot) ?? 0);
    if (value !== 0) marks[slot] = [value];
  }
  return marks;
}

/** Linux numbers packets it makes at random: those numbers and header checksums are left out. */
export function comparable(line: string): string {
  const [device, way, hex = ''] = line.split(' ');
  return `${device} ${way} ${withoutNumbers(hex)}`;
}

function withoutNumbers(hex: string): string {
  switch (hex.slice(24, 28)) {
    case '0800':
      return `${hex.slice(0, 36)}----${hex.slice(40, 48)}----${hex.slice(52)}`;
    case '86dd':
      // The flow label of errors and answers.
      return `${hex.slice(0, 31)}-----${hex.slice(36)}`;
    default:
      return hex;
  }
}
