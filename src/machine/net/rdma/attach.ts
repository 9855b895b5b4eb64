/** An RDMA device on a device of the network: where its packets come from and go to. */
import { KernelError } from '../../../base/index.ts';
import type { RdmaOptions } from '../../../kernel/index.ts';
import type { Device } from '../device.ts';
import { addressText, ipAddress } from '../ip/text.ts';
import type { Packet } from '../stack/packet.ts';
import { RdmaDevice, rdmaMtu, ROCE_PORT } from './device.ts';
import { RdmaHookPoints } from './hooks.ts';

/** What a network device has of RDMA. */
export interface AttachedRdma {
  readonly device: RdmaDevice;
  readonly points: RdmaHookPoints;
}

/** `rdma link add … type rxe netdev …` */
export function attachRdma(device: Device, options: RdmaOptions): AttachedRdma {
  const { net } = device;
  const { stack } = net;
  const points = new RdmaHookPoints(device.path, device.ifindex);
  /** The packet that is being received: what is sent meanwhile is because of it. */
  let cause: Packet | undefined;
  const rdma = new RdmaDevice(
    {
      events: stack.events,
      mtu: rdmaMtu(device.mtu),
      now: () => Number(stack.now),
      sourceFor: (peer) => sourceFor(device, peer),
      send: (frame) =>
        stack.perform(() => {
          const sent = stack.ip.sendMade(net, frame, cause, 'RDMA');
          if (!sent) rdma.counters.send_err++;
        }),
      perform: (action) => stack.perform(action),
      passes: (hook, message, remote) => stack.rdma.passes(points, hook, message, remote),
    },
    options,
  );
  const receive = (packet: Packet) => {
    const before = cause;
    cause = packet;
    try {
      rdma.receive(packet.data);
    } finally {
      cause = before;
    }
  };
  net.roce.set(device, receive);
  net.udpTakers.set(ROCE_PORT, (packet, to) => takeRoce(device, packet, to));
  return { device: rdma, points };
}

/** The device it came in by, or for packets from the machine itself the one with the address. */
function takeRoce({ net }: Device, packet: Packet, to: Uint8Array): boolean {
  const { device } = packet;
  const target = device.kind === 'loopback' ? (net.deviceWith(to) ?? device) : device;
  const receive = net.roce.get(target);
  receive?.(packet);
  return receive !== undefined;
}

function sourceFor(device: Device, peer: string): string {
  const wanted = ipAddress(peer);
  const isLinkLocal = wanted.length === 16 && wanted[0] === 0xfe;
  const own = device.net.sourceFor(device, wanted.length, isLinkLocal);
  if (own && device.net.deviceWith(own) === device) return addressText(own);
  const text = `${device.path} has no address to send to ${peer} from`;
  throw new KernelError('EADDRNOTAVAIL', 99, text);
}
