import type { CaptureOptions, CapturedPacket, NetworkCapture } from '../../../kernel/index.ts';
import type { Device } from '../device.ts';
import type { Packet } from './packet.ts';

interface Tap {
  readonly options: CaptureOptions;
  readonly packets: CapturedPacket[];
}

/** Packet sockets of those who capture: where tcpdump looks. */
export class Taps {
  readonly #taps = new Set<Tap>();
  readonly #clock: () => bigint;

  constructor(clock: () => bigint) {
    this.#clock = clock;
  }

  get on(): boolean {
    return this.#taps.size > 0;
  }

  see(packet: Packet, device: Device, direction: 'in' | 'out'): void {
    let copy: Uint8Array | undefined;
    for (const { options, packets } of this.#taps) {
      if (!fits(options, device, direction)) continue;
      copy ??= packet.data.slice();
      const { namespace, name } = device;
      packets.push({ data: copy, time: this.#clock(), namespace, device: name, direction });
    }
  }

  start(options: CaptureOptions): NetworkCapture {
    const tap: Tap = { options, packets: [] };
    this.#taps.add(tap);
    const stop = () => void this.#taps.delete(tap);
    return { packets: tap.packets, stop, [Symbol.dispose]: stop };
  }
}

function fits(options: CaptureOptions, device: Device, direction: 'in' | 'out'): boolean {
  const { namespace, device: name, direction: way = 'both' } = options;
  if (way !== 'both' && way !== direction) return false;
  if (namespace === undefined) return name === undefined || name === device.path;
  return namespace === device.namespace && (name === undefined || name === device.name);
}
