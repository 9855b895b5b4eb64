import type { Following, Protocol } from './protocol.ts';
import { arp, ethernet, vlan } from './protocols/ethernet.ts';
import { geneve, gre, vxlan } from './protocols/tunnels.ts';
import { icmp, icmpv6 } from './protocols/icmp.ts';
import { ipv4 } from './protocols/ipv4.ts';
import { destinationOptions, fragment, hopByHop, ipv6, routing } from './protocols/ipv6.ts';
import { sctp } from './protocols/sctp.ts';
import { tcp } from './protocols/tcp.ts';
import { udp } from './protocols/udp.ts';
import { roceProtocols } from './roce/headers.ts';

const BASIC = [ethernet, vlan, arp, ipv4, ipv6, hopByHop, routing, fragment, destinationOptions];
const CARRIED = [icmp, icmpv6, tcp, udp, sctp, gre, vxlan, geneve];
const PROTOCOLS: readonly Protocol[] = [
  ...[...BASIC, ...CARRIED].map((builder) => builder.protocol),
  ...roceProtocols,
];

const TABLES: Readonly<Record<Following['by'], ReadonlyMap<number | string, Protocol>>> = {
  ethertype: table(({ numbers }) => numbers?.ethertype),
  ip: table(({ numbers }) => numbers?.ip),
  'udp port': table(({ numbers }) => numbers?.udpPort),
  name: table(({ name }) => name),
};

function table(number: (protocol: Protocol) => number | string | undefined) {
  const all = new Map<number | string, Protocol>();
  for (const each of PROTOCOLS) {
    const key = number(each);
    if (key !== undefined) all.set(key, each);
  }
  return all;
}

/** The protocol that a header announces, if it is known. */
export const following = ({ by, number, otherwise }: Following): Protocol | undefined =>
  TABLES[by].get(number) ?? (otherwise === undefined ? undefined : TABLES[by].get(otherwise));

/** Throws RangeError for a name that nothing has. */
export function protocolNamed(name: string): Protocol {
  const found = TABLES.name.get(name);
  if (found) return found;
  throw new RangeError(`no protocol '${name}' (there are: ${[...TABLES.name.keys()].join(', ')})`);
}
