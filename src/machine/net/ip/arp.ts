import type { Device } from '../device.ts';
import type { NetNamespace } from '../namespace.ts';
import { type Packet, PACKET_OTHERHOST } from '../stack/packet.ts';
import type { Stack } from '../stack/stack.ts';
import { sendFrame } from './made.ts';
import { solicit } from './ndp.ts';
import { addressText } from './text.ts';
import { ETH_ARP, ETHERNET, put16, u16 } from './wire.ts';

const REQUEST = 1;
const REPLY = 2;
const SIZE = ETHERNET + 28;
const BROADCAST = new Uint8Array(6).fill(255);
const NOBODY = new Uint8Array(6);

interface Arp {
  readonly operation: number;
  readonly senderHardware: Uint8Array;
  readonly sender: Uint8Array;
  readonly targetHardware: Uint8Array;
  readonly target: Uint8Array;
}

function frame(to: Uint8Array, arp: Arp): Uint8Array {
  const data = new Uint8Array(SIZE);
  data.set(to, 0);
  data.set(arp.senderHardware, 6);
  put16(data, 12, ETH_ARP);
  data.set([0, 1, 8, 0, 6, 4, 0, arp.operation], ETHERNET);
  data.set(arp.senderHardware, 22);
  data.set(arp.sender, 28);
  data.set(arp.targetHardware, 32);
  data.set(arp.target, 38);
  return data;
}

function read(data: Uint8Array): Arp | undefined {
  const known = data.length >= SIZE && u16(data, 14) === 1 && u16(data, 16) === 0x0800;
  if (!known || data[18] !== 6 || data[19] !== 4) return undefined;
  return {
    operation: u16(data, 20),
    senderHardware: data.subarray(22, 28),
    sender: data.slice(28, 32),
    targetHardware: data.subarray(32, 38),
    target: data.subarray(38, 42),
  };
}

/**
 * Asks who has an address: ARP for IPv4, a neighbour solicitation for IPv6. `own`: where the packet
 * comes from that waits for the answer, if that is an address of this namespace.
 */
export function askFor(
  stack: Stack,
  net: NetNamespace,
  device: Device,
  address: Uint8Array,
  own: Uint8Array | undefined,
): void {
  if (address.length === 16) return solicit(stack, net, device, address, own);
  const sender = own ?? net.sourceFor(device, 4) ?? new Uint8Array(4);
  const target = { targetHardware: NOBODY, target: address };
  const data = frame(BROADCAST, {
    operation: REQUEST,
    senderHardware: device.address,
    sender,
    ...target,
  });
  sendFrame(stack, data, device, undefined, 'ARP request');
}

/** arp_rcv: answers for addresses of this namespace, learns from answers. */
export function receiveArp(stack: Stack, packet: Packet): void {
  const { device } = packet;
  const arp = read(packet.data);
  if (packet.type === PACKET_OTHERHOST) return stack.drop(packet, 'OTHERHOST');
  if (!arp || device.noArp) return stack.drop(packet, 'NOT_SPECIFIED', 'no ARP here');
  const { net } = device;
  const mine = net.isLocal(arp.target);
  const someone = arp.sender.some((byte) => byte !== 0);
  if (packet.trail) {
    const what = arp.operation === REQUEST ? 'request' : 'reply';
    const to = `ARP ${what} for ${addressText(arp.target.slice())}`;
    stack.tracer.add(packet, { kind: 'deliver', to });
  }
  // Who asks for us will be talked to next; others are only known if we asked.
  if (someone) net.neighbours.learn(device, arp.sender, arp.senderHardware, mine);
  if (arp.operation !== REQUEST || !mine) return;
  const data = frame(arp.senderHardware, {
    operation: REPLY,
    senderHardware: device.address,
    sender: arp.target,
    targetHardware: arp.senderHardware,
    target: arp.sender,
  });
  sendFrame(stack, data, device, packet, 'ARP reply');
}
