import { KernelError } from '../../../base/index.ts';
import type { FlowAction, FlowMatch, FlowRule, FlowRuleOptions } from '../../../kernel/index.ts';
import { hardwareAddress, ipPrefix, masked, type Prefix } from '../ip/text.ts';
import { readIp, u16 } from '../ip/wire.ts';
import { untagged, vlanOf } from './tag.ts';

const TYPES = { ipv4: 0x0800, ipv6: 0x86dd, arp: 0x0806 } as const;
const PROTOCOLS = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;
const HAS_PORTS = new Set([6, 17, 132]);

/** What of a frame rules look at. */
export interface FrameKeys {
  readonly data: Uint8Array;
  readonly vlan: number;
  readonly type: number;
  readonly protocol: number | undefined;
  readonly source: Uint8Array | undefined;
  readonly destination: Uint8Array | undefined;
  /** Undefined where there are none: another protocol, a fragment. */
  readonly ports: readonly [number, number] | undefined;
}

export function keysOf(data: Uint8Array): FrameKeys {
  const plain = untagged(data);
  const type = plain.length >= 14 ? u16(plain, 12) : 0;
  const isIp = type === TYPES.ipv4 || type === TYPES.ipv6;
  const ip = isIp ? readIp(plain) : 'none';
  const found = typeof ip === 'string' ? undefined : ip;
  const hasPorts =
    found && !found.fragment && HAS_PORTS.has(found.protocol) && found.end - found.payload >= 4;
  return {
    data,
    vlan: vlanOf(data),
    type,
    protocol: found?.protocol,
    source: found?.source,
    destination: found?.destination,
    ports: hasPorts ? [u16(plain, found.payload), u16(plain, found.payload + 2)] : undefined,
  };
}

type Test = (keys: FrameKeys) => boolean;

/** A match as one question. Throws KernelError EINVAL. */
function testOf(match: FlowMatch): Test {
  const tests: Test[] = [];
  const { src_mac, dst_mac, vlan_id, eth_type, ip_proto, src_ip, dst_ip, src_port, dst_port } =
    match;
  const mac = (text: string, at: number) => {
    const bytes = hardwareAddress(text, 'flower');
    tests.push(({ data }) => bytes.every((byte, i) => data[at + i] === byte));
  };
  if (dst_mac !== undefined) mac(dst_mac, 0);
  if (src_mac !== undefined) mac(src_mac, 6);
  if (vlan_id !== undefined) tests.push(({ vlan }) => vlan === vlan_id);
  if (eth_type !== undefined) {
    const wanted = numberOf(eth_type, TYPES, 'eth_type');
    tests.push(({ type }) => type === wanted);
  }
  if (ip_proto !== undefined) {
    const wanted = numberOf(ip_proto, PROTOCOLS, 'ip_proto');
    tests.push(({ protocol }) => protocol === wanted);
  }
  if (src_ip !== undefined) {
    const prefix = ipPrefix(src_ip);
    tests.push(({ source }) => inside(source, prefix));
  }
  if (dst_ip !== undefined) {
    const prefix = ipPrefix(dst_ip);
    tests.push(({ destination }) => inside(destination, prefix));
  }
  if (src_port !== undefined) tests.push(({ ports }) => ports?.[0] === src_port);
  if (dst_port !== undefined) tests.push(({ ports }) => ports?.[1] === dst_port);
  return (keys) => tests.every((test) => test(keys));
}

function numberOf(given: number | string, names: Readonly<Record<string, number>>, what: string) {
  const found = typeof given === 'number' ? given : names[given];
  if (found !== undefined) return found;
  throw new KernelError('EINVAL', 22, `flower: ${what} '${given}' is not known`);
}

function inside(address: Uint8Array | undefined, { address: of, length }: Prefix): boolean {
  if (address?.length !== of.length) return false;
  const wanted = masked(of, length);
  return masked(address, length).every((byte, i) => byte === wanted[i]);
}

const isLast = (action: FlowAction) => 'redirect' in action || 'drop' in action || 'trap' in action;

/** Throws KernelError unless the card can do it: one end, at the end. */
function checkActions(actions: readonly FlowAction[]): void {
  const last = actions.at(-1);
  if (!last || !isLast(last) || actions.slice(0, -1).some(isLast)) {
    const text = 'a rule in the card ends with redirect, drop or trap, once';
    throw new KernelError('EOPNOTSUPP', 95, text);
  }
  for (const action of actions) checkValues(action);
}

/** Throws KernelError EINVAL for addresses and tags that are none. */
function checkValues(action: FlowAction): void {
  if ('pedit' in action) {
    for (const mac of Object.values(action.pedit)) hardwareAddress(mac, 'pedit');
  }
  if (!('vlan' in action) || action.vlan === 'pop') return;
  const { id, priority = 0 } = action;
  const valid = Number.isInteger(id) && id >= 0 && id <= 4095 && priority >= 0 && priority <= 7;
  if (!valid) throw new KernelError('EINVAL', 22, `vlan push: no tag ${id}, priority ${priority}`);
}

/** A rule of the table. */
export class OffloadedRule implements FlowRule {
  readonly options: FlowRuleOptions;
  packets = 0;
  bytes = 0;
  readonly matches: Test;
  readonly #gone: (rule: OffloadedRule) => void;

  constructor(options: FlowRuleOptions, gone: (rule: OffloadedRule) => void) {
    checkActions(options.actions);
    const { prio = 1 } = options;
    if (!Number.isInteger(prio) || prio < 1 || prio > 0xffff) {
      throw new KernelError('EINVAL', 22, `flower: a priority is 1 to 65535, not ${prio}`);
    }
    this.options = options;
    this.matches = testOf(options.match ?? {});
    this.#gone = gone;
  }

  get prio(): number {
    return this.options.prio ?? 1;
  }

  remove(): void {
    this.#gone(this);
  }

  [Symbol.dispose](): void {
    this.remove();
  }
}

/** The rules of a card, in the order they are looked at. */
export class FlowTable {
  rules: readonly OffloadedRule[] = [];

  add(options: FlowRuleOptions): OffloadedRule {
    const rule = new OffloadedRule(options, (gone) => {
      this.rules = this.rules.filter((one) => one !== gone);
    });
    const after = this.rules.findIndex(({ prio }) => prio > rule.prio);
    this.rules = this.rules.toSpliced(after < 0 ? this.rules.length : after, 0, rule);
    return rule;
  }

  /** The first rule for a frame that comes from what `dev` stands for. */
  find(dev: string, data: Uint8Array): OffloadedRule | undefined {
    const here = this.rules.filter(({ options }) => options.dev === dev);
    if (here.length === 0) return undefined;
    const keys = keysOf(data);
    return here.find(({ matches }) => matches(keys));
  }

  clear(): void {
    this.rules = [];
  }
}
