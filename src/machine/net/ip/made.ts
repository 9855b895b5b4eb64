import type { Device } from '../device.ts';
import { Packet } from '../stack/packet.ts';
import type { Stack } from '../stack/stack.ts';

/** Begins the trace of a packet that was made here because of another one, or of none. */
export function traceMade(
  { tracer }: Stack,
  packet: Packet,
  cause: Packet | undefined,
  what: string,
): void {
  if (!tracer.on) return;
  tracer.begin(packet, cause?.trail);
  if (cause?.trail) tracer.add(cause, { kind: 'answer', id: packet.trail!.id, what });
  tracer.add(packet, { kind: 'send', length: packet.data.length });
}

/** Sends a frame that was made here out of a device. `cause`: the packet it answers. */
export function sendFrame(
  stack: Stack,
  data: Uint8Array,
  device: Device,
  cause: Packet | undefined,
  what: string,
): void {
  const packet = new Packet(data, device, true);
  packet.from = device.name;
  packet.visits = cause?.visits ?? 0;
  traceMade(stack, packet, cause, what);
  stack.transmit(packet, device);
}
