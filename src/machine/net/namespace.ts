import { KernelError, sameBytes } from '../../base/index.ts';
import type {
  KernelNamespace,
  Listener,
  ListenOptions,
  NeighbourOptions,
  RouteOptions,
  SendOptions,
  SocketAddress,
  SocketOptions,
} from '../../kernel/index.ts';
import { LOCAL_TABLE, lookupRoute } from '../../runtime/index.ts';
import type { HostDevice, HostRoute } from '../../runtime/types.ts';
import type { Thaw } from '../objects/kept.ts';
import type { Device } from './device.ts';
import { LightTunnel, type LightTunnels } from './hooks/light-tunnel.ts';
import type { NetfilterHooks } from './hooks/netfilter.ts';
import { Neighbours } from './ip/neighbours.ts';
import { Reassembly } from './ip/reassembly.ts';
import { Receivers } from './ip/receivers.ts';
import {
  addressKey,
  isLinkLocal,
  hardwareAddress,
  ipAddress,
  ipPrefix,
  masked,
  routePrefix,
} from './ip/text.ts';
import type { Packet } from './stack/packet.ts';
import type { Tuple } from './sockets/address.ts';
import { SocketHandle } from './sockets/handle.ts';
import type { Steered } from './sockets/lookup.ts';
import { SocketTable } from './sockets/table.ts';
import type { Stack } from './stack/stack.ts';

/** Interface numbers count up from the loopback device's. */
const LOOPBACK = 1;
const EVERYONE = 0xffffffff;

/** An address of a device. */
export interface LocalAddress {
  readonly address: Uint8Array;
  readonly length: number;
  readonly device: Device;
}

export type NamespaceParts = NetNamespace['parts'];

/** A network namespace (struct net): devices, numbers, addresses, routes, neighbours of its own. */
export class NetNamespace implements KernelNamespace {
  readonly name: string;
  readonly cookie: number;
  readonly stack: Stack;
  readonly devices = new Map<string, Device>();
  readonly byIndex = new Map<number, Device>();
  /** What helpers see. */
  readonly hostDevices: Map<number, HostDevice>;
  routes: readonly HostRoute[] = [];
  readonly neighbours: Neighbours;
  readonly receivers = new Receivers();
  /** Who in the kernel takes UDP at a port (encap_rcv); false: nobody at that device. */
  readonly udpTakers = new Map<number, (packet: Packet, to: Uint8Array) => boolean>();
  /** RDMA devices, by the network device they are on. */
  readonly roce = new Map<Device, (packet: Packet) => void>();
  sockets = new SocketTable();
  /** What programs say about who gets a packet that is for no connection (sk_lookup). */
  steer:
    | ((protocol: 'udp' | 'tcp', tuple: Tuple, ifindex: number) => Steered | undefined)
    | undefined;
  /** Programs on the way of IP packets; undefined: there are none. */
  netfilter: NetfilterHooks | undefined;
  /** Programs of routes. */
  readonly tunnels: LightTunnels = new Map();
  readonly #addresses: LocalAddress[] = [];
  readonly #broadcasts = new Set<number | string>();
  /**
   * It has addresses or routes. Without any, devices are bare: packets that pass their programs go
   * no further, as nobody said where to.
   */
  configured: boolean;
  #nextIndex = LOOPBACK;

  constructor(
    stack: Stack,
    name: string,
    cookie: number,
    hostDevices = new Map<number, HostDevice>(),
  ) {
    this.stack = stack;
    this.name = name;
    this.cookie = cookie;
    this.hostDevices = hostDevices;
    this.configured = name !== '';
    this.neighbours = new Neighbours(stack, this);
  }

  /** What is kept in a file beside devices. */
  get parts() {
    return {
      name: this.name,
      cookie: this.cookie,
      configured: this.configured,
      nextIndex: this.#nextIndex,
      addresses: this.#addresses,
      broadcasts: this.#broadcasts,
      routes: this.routes,
      tunnels: this.routes.map((route) => this.tunnels.get(route)?.parts),
      neighbours: this.neighbours.parts,
      pieces: Reassembly.partsOf(this),
      sockets: this.sockets,
    };
  }

  /** As it was saved; its devices are there. */
  resume(parts: NamespaceParts, thaw: Thaw): void {
    this.configured = parts.configured;
    this.#nextIndex = parts.nextIndex;
    this.#addresses.splice(0, this.#addresses.length, ...parts.addresses);
    for (const key of parts.broadcasts) this.#broadcasts.add(key);
    this.routes = parts.routes;
    for (const [i, tunnel] of parts.tunnels.entries()) {
      if (tunnel) this.tunnels.set(this.routes[i]!, LightTunnel.from(tunnel, this.stack.machine));
    }
    this.neighbours.resume(parts.neighbours, thaw);
    if (parts.pieces) Reassembly.resume(this, parts.pieces);
    this.sockets = parts.sockets;
  }

  get deviceNames(): readonly string[] {
    return [...this.devices.keys()];
  }

  device(name: string): Device {
    const device = this.devices.get(name);
    if (device) return device;
    const known = this.deviceNames.join(', ');
    const where = this.name === '' ? '' : ` in namespace '${this.name}'`;
    throw new KernelError('ENODEV', 19, `no device '${name}'${where} (there are: ${known})`);
  }

  /** The interface number a new device gets. Throws KernelError EEXIST, EBUSY. */
  numberFor(name: string, wanted: number | undefined): number {
    if (this.devices.has(name)) throw new KernelError('EEXIST', 17, `there is a device '${name}'`);
    if (wanted !== undefined && this.byIndex.has(wanted)) {
      throw new KernelError('EBUSY', 16, `device '${name}': interface number ${wanted} is taken`);
    }
    while (this.byIndex.has(this.#nextIndex)) this.#nextIndex++;
    return wanted ?? this.#nextIndex;
  }

  add(device: Device): void {
    this.devices.set(device.name, device);
    this.byIndex.set(device.ifindex, device);
    this.hostDevices.set(device.ifindex, device.hostDevice());
  }

  remove(device: Device): void {
    this.devices.delete(device.name);
    this.byIndex.delete(device.ifindex);
    this.hostDevices.delete(device.ifindex);
    this.routes = this.routes.filter(({ ifindex }) => ifindex !== device.ifindex);
    for (const [route, tunnel] of this.tunnels) {
      if (route.ifindex !== device.ifindex) continue;
      this.tunnels.delete(route);
      tunnel.drop();
    }
    this.neighbours.forget(device.ifindex);
    this.roce.delete(device);
  }

  /** The device that an address was given to. */
  deviceWith(address: Uint8Array): Device | undefined {
    const key = addressKey(address);
    return this.#addresses.find((one) => addressKey(one.address) === key)?.device;
  }

  /** `ip address add`: the address is local, its network is reached through the device. */
  addAddress(device: Device, text: string): void {
    const { address, length } = ipPrefix(text);
    const all = address.length * 8;
    this.configured = true;
    this.#addresses.push({ address, length, device });
    if (all === 32 && length < 31) this.#broadcasts.add(addressKey(masked(address, length, 1)));
    const link = { ifindex: device.ifindex, source: address };
    const added: HostRoute[] = [
      { ...link, destination: address, prefixLength: all, type: 'local', table: LOCAL_TABLE },
    ];
    if (length < all) {
      const destination = masked(address, length);
      // All of 127.0.0.0/8 is this host (fib_add_ifaddr).
      const own = all === 32 && device.kind === 'loopback';
      const kind = own
        ? ({ type: 'local', table: LOCAL_TABLE } as const)
        : { type: 'unicast' as const };
      added.push({ ...link, destination, prefixLength: length, ...kind });
    }
    if (address.length === 16 && address[0] !== 0xfe) this.#addLinkLocal(device, added);
    this.routes = [...this.routes, ...added];
  }

  /** Addresses of a device. */
  addressesOf(device: Device): readonly LocalAddress[] {
    return this.#addresses.filter((one) => one.device === device);
  }

  /** `ip address delete`. Throws KernelError EADDRNOTAVAIL. */
  removeAddress(device: Device, text: string): void {
    const { address, length } = ipPrefix(text);
    const at = this.#addresses.findIndex(
      (one) => one.device === device && one.length === length && sameBytes(one.address, address),
    );
    if (at < 0) throw new KernelError('EADDRNOTAVAIL', 99, `${device.path} has not ${text}`);
    this.#addresses.splice(at, 1);
    const all = address.length * 8;
    const still = (key: number | string) =>
      this.#addresses.some((one) => addressKey(masked(one.address, one.length, 1)) === key);
    const broadcast = addressKey(masked(address, length, 1));
    if (all === 32 && length < 31 && !still(broadcast)) this.#broadcasts.delete(broadcast);
    this.routes = this.routes.filter(
      ({ ifindex, source }) =>
        ifindex !== device.ifindex || source === undefined || !sameBytes(source, address),
    );
  }

  /** `ip route delete`: the first that fits. Throws KernelError ESRCH. */
  removeRoute({ to, via, device, metric }: RouteOptions): void {
    const { address, length } = routePrefix(to);
    const gateway = via === undefined ? undefined : ipAddress(via);
    const ifindex = device === undefined ? undefined : this.device(device).ifindex;
    const at = this.routes.findIndex(
      (one) =>
        one.prefixLength === length &&
        sameBytes(one.destination, masked(address, length)) &&
        one.table !== LOCAL_TABLE &&
        (gateway === undefined || (one.gateway !== undefined && sameBytes(one.gateway, gateway))) &&
        (ifindex === undefined || one.ifindex === ifindex) &&
        (metric === undefined || one.metric === metric),
    );
    if (at < 0) throw new KernelError('ESRCH', 3, `there is no route to ${to}`);
    this.routes = this.routes.toSpliced(at, 1);
  }

  /** fe80:: with the hardware address in it, for devices that have IPv6. */
  #addLinkLocal(device: Device, added: HostRoute[]): void {
    const has = this.#addresses.some(
      (one) => one.device === device && one.address.length === 16 && one.address[0] === 0xfe,
    );
    if (has || device.kind === 'loopback') return;
    const mac = device.address;
    const address = new Uint8Array(16);
    address.set([0xfe, 0x80]);
    address.set([mac[0]! ^ 2, mac[1]!, mac[2]!, 0xff, 0xfe, mac[3]!, mac[4]!, mac[5]!], 8);
    this.#addresses.push({ address, length: 64, device });
    const link = { ifindex: device.ifindex, source: address };
    added.push(
      { ...link, destination: address, prefixLength: 128, type: 'local', table: LOCAL_TABLE },
      { ...link, destination: masked(address, 64), prefixLength: 64, type: 'unicast' },
    );
  }

  addRoute(options: RouteOptions): void {
    const { address, length } = routePrefix(options.to);
    const gateway = options.via === undefined ? undefined : ipAddress(options.via);
    const { metric, mtu, table, type = 'unicast' } = options;
    const source = options.source === undefined ? undefined : ipAddress(options.source);
    this.configured = true;
    const route: HostRoute = {
      destination: masked(address, length),
      prefixLength: length,
      type,
      ifindex: this.#routeDevice(options, gateway),
      ...(gateway ? { gateway } : {}),
      ...(source ? { source } : {}),
      ...(metric === undefined ? {} : { metric }),
      ...(mtu === undefined ? {} : { mtu }),
      ...(table === undefined ? {} : { table }),
    };
    if (options.encap) this.tunnels.set(route, new LightTunnel(options.encap));
    this.routes = [...this.routes, route];
  }

  #routeDevice({ device, to, type }: RouteOptions, gateway: Uint8Array | undefined): number {
    if (device !== undefined) return this.device(device).ifindex;
    if (type !== undefined && type !== 'unicast') return LOOPBACK;
    const link = gateway && lookupRoute(this.routes, gateway);
    if (link && link.type === 'unicast' && !link.gateway) return link.ifindex;
    const text = gateway
      ? `route to ${to}: its next hop is on no link that is known`
      : `route to ${to}: say { via } or { device }`;
    throw new KernelError('ENETUNREACH', 101, text);
  }

  addNeighbour({ address, device, hardware }: NeighbourOptions): void {
    const found = this.device(device);
    this.configured = true;
    this.neighbours.learn(found, ipAddress(address), hardwareAddress(hardware, address), true);
  }

  /** An address of its own of this size, of `device` if that has one, for packets made here. */
  sourceFor(device: Device, size: number, linkLocal = false): Uint8Array | undefined {
    const fitting = this.#addresses.filter(
      ({ address }) =>
        address.length === size && (size === 4 || isLinkLocal(address) === linkLocal),
    );
    return (fitting.find((one) => one.device === device) ?? fitting[0])?.address;
  }

  /** An address of that very device. */
  addressOf(device: Device, size: number, linkLocal: boolean): Uint8Array | undefined {
    const found = this.#addresses.find(
      (one) =>
        one.device === device &&
        one.address.length === size &&
        isLinkLocal(one.address) === linkLocal,
    );
    return found?.address;
  }

  /** Whether an IPv4 address is the broadcast address of one of its networks, or of all. */
  isBroadcast(address: Uint8Array): boolean {
    const key = addressKey(address);
    return key === EVERYONE || this.#broadcasts.has(key);
  }

  isLocal(address: Uint8Array): boolean {
    return lookupRoute(this.routes, address)?.type === 'local';
  }

  send(options: SendOptions): void {
    this.stack.perform(() => this.stack.ip.send(this, options));
  }

  listen(options: ListenOptions, receiver: Listener): Disposable {
    this.configured = true;
    return this.receivers.add(options, receiver);
  }

  socket(options: SocketOptions): SocketHandle {
    return new SocketHandle(this.stack.sockets.make(this, options));
  }

  openSockets(): SocketHandle[] {
    return [...this.sockets.open()].map((socket) => new SocketHandle(socket));
  }

  connect({ to, ...options }: SocketOptions & { readonly to: SocketAddress }): SocketHandle {
    const { address: _, ...rest } = options;
    const family = options.family ?? (to.address.includes(':') ? 6 : 4);
    const made = options.address === undefined ? { ...rest, family } : options;
    return this.socket(made).connect(to);
  }
}
