/** The network in a saved machine: namespaces, devices, and all that waits or is connected. */
import type { RuntimeOwner } from '../../runtime/index.ts';
import type { AnyKept, Freezer, Json, Roots, Thaw } from '../objects/kept.ts';
import type { Device } from './device.ts';
import { PfDevice, VfDevice } from './devices/nic.ts';
import type { NamespaceParts, NetNamespace } from './namespace.ts';
import type { Network } from './network.ts';
import type { CardParts as CardState } from './nic/card.ts';
import { Memory } from './rdma/memory.ts';
import type { RdmaParts } from './rdma/device.ts';
import { deviceParts, remakeDevices, type SavedDevice } from './saved-devices.ts';
import type { Known } from './sockets/layer.ts';
import { RequestSocket } from './sockets/request.ts';
import { keptTable } from './sockets/table.ts';
import { keptStreams, TcpSocket } from './sockets/tcp.ts';
import { TimeWaitSocket } from './sockets/time-wait.ts';
import { UdpSocket } from './sockets/udp.ts';
import { keptPacket } from './stack/packet.ts';
import { checkName } from './topology.ts';
import { XskPool } from './xsk/pool.ts';
import { Ring } from './xsk/ring.ts';
import { XskSocket } from './xsk/socket.ts';
import type { XskParts } from './xsk/table.ts';
import { Umem } from './xsk/umem.ts';
import { keptChunks } from './xsk/user.ts';
import { Xsk } from './xsk/xsk.ts';

/** Objects of the network that may be in a file. */
export const networkKinds = [
  keptPacket,
  keptTable,
  keptStreams,
  UdpSocket.kept,
  TcpSocket.kept,
  RequestSocket.kept,
  TimeWaitSocket.kept,
  Umem.kept,
  Ring.kept,
  XskPool.kept,
  XskSocket.kept,
  keptChunks,
  Xsk.kept,
  Memory.kept,
] as readonly unknown[] as readonly AnyKept[];

/** What is needed to make the devices; the rest comes when programs are there. */
interface Layout {
  readonly namespaces: readonly { readonly name: string; readonly cookie: number }[];
  readonly cookies: number;
  readonly devices: readonly SavedDevice[];
  /** RDMA devices, by the path of what they are on. */
  readonly rdma: readonly { readonly device: string; readonly congestion: boolean }[];
}

interface State {
  readonly namespaces: readonly NamespaceParts[];
  readonly devices: readonly DeviceState[];
  readonly sockets: ReadonlyMap<Known, RuntimeOwner>;
  readonly xsk: XskParts;
  readonly packets: number;
}

interface DeviceState {
  readonly device: Device;
  readonly statistics: Device['statistics'];
  readonly sent: Device['sent'];
  readonly pools: Device['pools'];
  readonly queues: readonly [VfDevice['rxQueues'], VfDevice['txQueues']] | undefined;
  readonly card: CardState | undefined;
  readonly rdma: RdmaParts | undefined;
}

const spacesOf = (network: Network): NetNamespace[] =>
  network.namespaceNames.map((name) => network.namespace(name));
const devicesOf = (network: Network): Device[] =>
  spacesOf(network).flatMap((net) => [...net.devices.values()]);

/** Namespaces and devices, as other objects name them. */
export function* networkRoots(network: Network): Roots {
  for (const net of spacesOf(network)) yield [`netns ${net.name}`, net];
  for (const device of devicesOf(network)) yield [`dev ${device.path}`, device];
}

export function saveNetwork(network: Network, freezer: Freezer): Json {
  freezer.addRoots(networkRoots(network));
  const all = devicesOf(network);
  const layout: Layout = {
    namespaces: spacesOf(network).map(({ name, cookie }) => ({ name, cookie })),
    cookies: network.cookies,
    devices: all.map(deviceParts),
    rdma: all.flatMap((device) => {
      const { rdma, path } = device;
      return rdma ? [{ device: path, congestion: rdma.device.parts.tellsCongestion }] : [];
    }),
  };
  const { sockets, xsk, ip } = network.stack;
  const state: State = {
    namespaces: spacesOf(network).map(({ parts }) => parts),
    devices: all.map(stateOf),
    sockets: sockets.known,
    xsk: xsk.parts,
    packets: ip.packets,
  };
  return [freezer.value(layout), freezer.value(state)];
}

function stateOf(device: Device): DeviceState {
  const { statistics, sent, pools, rdma } = device;
  const hasQueues = device instanceof PfDevice || device instanceof VfDevice;
  return {
    device,
    statistics,
    sent,
    pools,
    queues: hasQueues ? [device.rxQueues, device.txQueues] : undefined,
    card: device instanceof PfDevice ? device.card.parts : undefined,
    rdma: rdma?.device.parts,
  };
}

/** Namespaces with bare devices: programs that are bound to one come next. */
export function resumeLayout(network: Network, json: Json, thaw: Thaw): void {
  const { namespaces, cookies, devices, rdma } = thaw.value<Layout>((json as Json[])[0]!);
  for (const device of network.devices.values()) network.root.remove(device);
  for (const { name, cookie } of namespaces) if (name !== '') network.bareNamespace(name, cookie);
  network.cookies = cookies;
  remakeDevices(devices, (name) => network.namespace(name), checkName);
  for (const { device, congestion } of rdma) {
    network.device(device).rxe({ congestionNotification: congestion });
  }
  thaw.addRoots(networkRoots(network));
}

/** Everything else. */
export function resumeNetwork(network: Network, json: Json, thaw: Thaw): void {
  const state = thaw.value<State>((json as Json[])[1]!);
  for (const parts of state.namespaces) network.namespace(parts.name).resume(parts, thaw);
  for (const one of state.devices) resumeDevice(one, thaw);
  const { stack } = network;
  stack.sockets.resume(state.sockets);
  stack.xsk.resume(state.xsk, (path) => network.device(path));
  stack.ip.packets = state.packets;
  stack.liveIn(network.root);
}

function resumeDevice(saved: DeviceState, thaw: Thaw): void {
  const { device, statistics, sent, pools, queues, card, rdma } = saved;
  Object.assign(device.statistics, statistics);
  device.sent.push(...sent);
  for (const [queue, pool] of pools) device.pools.set(queue, pool);
  if (queues && (device instanceof PfDevice || device instanceof VfDevice)) {
    for (const [i, one] of queues[0].entries()) Object.assign(device.rxQueues[i]!, one);
    for (const [i, one] of queues[1].entries()) Object.assign(device.txQueues[i]!, one);
  }
  if (card && device instanceof PfDevice) device.card.resume(card, thaw);
  if (rdma) device.rdma?.device.resume(rdma, thaw);
}
