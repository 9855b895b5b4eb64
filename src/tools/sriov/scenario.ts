/** What a run of the report plays: functions of a card, and flows between them. */
import { FormatError } from '../../base/index.ts';
import type { FlowRuleOptions, VfOptions } from '../../kernel/index.ts';
import { ethernet, ipv4, packet, parseMac, payload, tcp, udp } from '../../packet/index.ts';

/** A flow: `{ from: 'vf0', to: 'wire', protocol: 'tcp', port: 443, size: 1000, packets: 50 }`. */
export interface FlowOptions {
  /** 'vf0', 'vf1', … or 'wire'. */
  readonly from: string;
  readonly to: string;
  /** Default udp. */
  readonly protocol?: 'udp' | 'tcp';
  /** Default: 40000 and its place in the list. */
  readonly sourcePort?: number;
  readonly port: number;
  /** Bytes of payload. Default 64. */
  readonly size?: number;
  /** Default 10. */
  readonly packets?: number;
  /** In the mode with rules the card has one for this flow. */
  readonly offload?: boolean;
}

/** Functions and what they send. */
export interface SriovScenario {
  readonly vfs: readonly Pick<VfOptions, 'address' | 'vlan' | 'maxTxRate' | 'queues' | 'mtu'>[];
  readonly flows: readonly FlowOptions[];
}

/** Two services that talk, a third that downloads, and someone outside. */
export const BUILT_IN: SriovScenario = {
  vfs: [{}, {}, {}],
  flows: [
    { from: 'vf0', to: 'vf1', protocol: 'tcp', port: 5432, size: 900, packets: 200, offload: true },
    { from: 'vf1', to: 'vf0', protocol: 'tcp', port: 40000, size: 1400, packets: 300 },
    { from: 'vf0', to: 'vf1', port: 53, size: 40, packets: 20 },
    {
      from: 'wire',
      to: 'vf2',
      protocol: 'tcp',
      port: 443,
      size: 1400,
      packets: 500,
      offload: true,
    },
    { from: 'vf2', to: 'wire', protocol: 'tcp', port: 41000, size: 64, packets: 250 },
    { from: 'vf1', to: 'wire', port: 4789, size: 600, packets: 40, offload: true },
  ],
};

const VFS_MAX = 32;
const FLOWS_MAX = 1000;
const PACKETS_MAX = 100_000;
const SIZE_MAX = 1400;
const FIRST_PORT = 40_000;

/** Checks what a file says. Throws FormatError, its offset being the place in the list. */
export function readScenario(value: unknown): SriovScenario {
  const { vfs, flows } = recordOf(value, 0, 'a scenario');
  if (!Array.isArray(vfs) || vfs.length < 1 || vfs.length > VFS_MAX) {
    throw bad(0, `'vfs' is a list of 1 to ${VFS_MAX} functions`);
  }
  if (!Array.isArray(flows) || flows.length > FLOWS_MAX) {
    throw bad(0, `'flows' is a list of up to ${FLOWS_MAX} flows`);
  }
  return {
    vfs: vfs.map(functionOf),
    flows: flows.map((flow, i) => flowOf(flow, i, vfs.length)),
  };
}

const bad = (at: number, reason: string) => new FormatError('SR-IOV scenario', at, reason);

function recordOf(value: unknown, at: number, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw bad(at, `${what} is an object`);
}

function functionOf(value: unknown, i: number): SriovScenario['vfs'][number] {
  const given = recordOf(value, i, 'a function');
  const known = ['address', 'vlan', 'maxTxRate', 'queues', 'mtu'];
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) throw bad(i, `a function has no '${unknown}': ${known.join(', ')}`);
  const { address, ...numbers } = given;
  for (const [name, number] of Object.entries(numbers)) whole(number, name, i, 0, 1_000_000);
  if (address !== undefined && !isMac(address)) throw bad(i, `'${address}' is no hardware address`);
  return given as SriovScenario['vfs'][number];
}

function isMac(text: unknown): boolean {
  try {
    return typeof text === 'string' && parseMac(text).length === 6;
  } catch {
    return false;
  }
}

function flowOf(value: unknown, i: number, vfs: number): FlowOptions {
  const given = recordOf(value, i, 'a flow');
  const { from, to, protocol = 'udp', offload = false } = given;
  for (const end of [from, to]) {
    const number = /^vf(\d{1,3})$/.exec(String(end))?.[1];
    if (end !== 'wire' && !(number !== undefined && Number(number) < vfs)) {
      throw bad(i, `flow ${i}: '${end}' is neither 'wire' nor one of ${vfs} functions`);
    }
  }
  if (from === to) throw bad(i, `flow ${i} ends where it begins`);
  if (protocol !== 'udp' && protocol !== 'tcp') throw bad(i, `flow ${i}: protocol udp or tcp`);
  if (typeof offload !== 'boolean') throw bad(i, `flow ${i}: 'offload' is true or false`);
  whole(given['port'], 'port', i, 1, 65_535);
  whole(given['sourcePort'] ?? 1, 'sourcePort', i, 1, 65_535);
  whole(given['size'] ?? 0, 'size', i, 0, SIZE_MAX);
  whole(given['packets'] ?? 1, 'packets', i, 1, PACKETS_MAX);
  return given as unknown as FlowOptions;
}

function whole(value: unknown, name: string, at: number, least: number, most: number): void {
  const number = Number.isInteger(value) ? (value as number) : Number.NaN;
  if (number >= least && number <= most) return;
  throw bad(at, `'${name}' is a whole number from ${least} to ${most}`);
}

/** Hardware and IPv4 address of an end. */
export interface FlowEnd {
  readonly mac: string;
  readonly ip: string;
}

/** Who is where: functions have 10.7.0.1 and on, the world outside 10.7.0.254. */
export function endOf(name: string, scenario: SriovScenario): FlowEnd {
  if (name === 'wire') return { mac: '02:5f:00:00:ff:fe', ip: '10.7.0.254' };
  const i = Number(name.slice(2));
  const given = scenario.vfs[i]?.address;
  const mac = `02:5f:00:00:00:${(i + 1).toString(16).padStart(2, '0')}`;
  return { mac: typeof given === 'string' ? given : mac, ip: `10.7.0.${i + 1}` };
}

/** The ports of a flow. */
export const portsOf = ({ sourcePort, port }: FlowOptions, i: number) =>
  [sourcePort ?? FIRST_PORT + (i % 20_000), port] as const;

/** A frame of flow `i`. */
export function frameOf(scenario: SriovScenario, i: number): Uint8Array {
  const flow = scenario.flows[i]!;
  const [from, to] = [endOf(flow.from, scenario), endOf(flow.to, scenario)];
  const [sourcePort, destinationPort] = portsOf(flow, i);
  const transport = flow.protocol === 'tcp' ? tcp : udp;
  return packet(
    ethernet({ source: from.mac, destination: to.mac }),
    ipv4({ source: from.ip, destination: to.ip }),
    transport({ sourcePort, destinationPort }),
    payload(flow.size ?? 64),
  );
}

/** The rule that takes flow `i` off the host. */
export function ruleOf(
  scenario: SriovScenario,
  i: number,
  devices: { readonly [end: string]: string },
): FlowRuleOptions {
  const flow = scenario.flows[i]!;
  const [src_port, dst_port] = portsOf(flow, i);
  return {
    dev: devices[flow.from]!,
    match: {
      eth_type: 'ipv4',
      ip_proto: flow.protocol ?? 'udp',
      src_ip: endOf(flow.from, scenario).ip,
      dst_ip: endOf(flow.to, scenario).ip,
      src_port,
      dst_port,
    },
    actions: [{ redirect: devices[flow.to]! }],
  };
}
