import type {
  AnyDeviceOptions,
  NamespaceOptions,
  PeerOptions,
  RouteOptions,
} from '../kernel/index.ts';

/** The node's address on the pods' links, if nothing else is said. */
const GATEWAY = '169.254.1.1';
const GATEWAY6 = 'fe80::1';

/** A pod: a namespace with one device that leads to the machine. */
export interface PodOptions {
  /** One address or several, without prefix length: '10.0.0.2', 'fd00::2'. */
  readonly address: string | readonly string[];
  /** Default netkit. */
  readonly link?: 'netkit' | 'veth';
  /** netkit: default l3. */
  readonly mode?: 'l2' | 'l3';
  /** The pod's device. Default eth0. */
  readonly device?: string;
  /** The machine's end. Default 'nk-' or 'veth-' and the pod's name. */
  readonly peer?: string;
  readonly mtu?: number;
  /** netkit: what happens to what the pod sends while no program is there. Default pass. */
  readonly policy?: 'pass' | 'drop';
  /** The machine's IPv4 address as the pod sees it. Default 169.254.1.1. */
  readonly gateway?: string;
}

/**
 * A namespace as container runtimes make them: its own device, addresses of one host each, a
 * default route to the machine, and in the machine a route to the pod. Used in
 * `createMachine({ namespaces })` and `net.addNamespace`.
 *
 * @example
 * const host = await createMachine({
 *   namespaces: {
 *     web: pod({ address: '10.0.0.2' }),
 *     db: pod({ address: '10.0.0.3', link: 'veth' }),
 *   },
 * });
 * host.namespaces.web.send({ to: '10.0.0.3', port: 5432, protocol: 'tcp' });
 */
export function pod(options: PodOptions): NamespaceOptions {
  const { address, link = 'netkit', mode = 'l3', device = 'eth0', gateway = GATEWAY } = options;
  const addresses = (typeof address === 'string' ? [address] : address).map(hostPrefix);
  const asks = link === 'veth' || mode === 'l2';
  const has6 = addresses.some((one) => one.includes(':'));
  const peer: PeerOptions = {
    ...(options.peer === undefined ? {} : { name: options.peer }),
    ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
    addresses: [`${gateway}/32`, ...(has6 ? [`${GATEWAY6}/128`] : [])],
    routes: addresses,
  };
  const common = { addresses, peer, ...(options.mtu === undefined ? {} : { mtu: options.mtu }) };
  const policy = options.policy === undefined ? {} : { policy: options.policy };
  const made: AnyDeviceOptions =
    link === 'veth' ? { kind: link, ...common } : { kind: link, mode, ...policy, ...common };
  const routes = addresses.some((one) => !one.includes(':')) ? routes4(device, asks, gateway) : [];
  return {
    devices: { [device]: made },
    routes: [...routes, ...(has6 ? routes6(device, asks) : [])],
  };
}

const hostPrefix = (address: string) => `${address}/${address.includes(':') ? 128 : 32}`;

/** A link that asks for hardware addresses needs a next hop that answers. */
function routes4(device: string, asks: boolean, gateway: string): RouteOptions[] {
  if (!asks) return [{ to: 'default', device }];
  return [
    { to: `${gateway}/32`, device },
    { to: 'default', via: gateway, device },
  ];
}

function routes6(device: string, asks: boolean): RouteOptions[] {
  return [{ to: '::/0', device, ...(asks ? { via: GATEWAY6 } : {}) }];
}
