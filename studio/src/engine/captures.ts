/** Captures that are open, and their packets in a line each. */
import { readCapture } from 'beeyard';
import { dissect } from 'beeyard/packet';
import { summaryOf } from '../model/packets.ts';
import type { PacketRow } from '../protocol.ts';

type Packets = ReturnType<typeof readCapture>['packets'];

export class Captures {
  readonly #packets = new Map<string, Packets>();

  /** How many packets there are. Throws FormatError. */
  open(name: string, bytes: Uint8Array): number {
    const { packets } = readCapture(bytes);
    this.#packets.set(name, packets);
    return packets.length;
  }

  rows(name: string, from: number, to: number): PacketRow[] {
    const packets = this.#of(name);
    const start = packets[0]?.time ?? 0n;
    return packets.slice(from, to).map(({ data, time }, i) => ({
      number: from + i + 1,
      time: Number(time - start) / 1e9,
      length: data.length,
      summary: summaryOf(dissect(data)),
    }));
  }

  packet(name: string, number: number): Uint8Array {
    const packet = this.#of(name)[number - 1];
    if (!packet) throw new Error(`${name} has no packet ${number}`);
    return packet.data.slice();
  }

  /** The bytes of all packets, which stay the capture's. */
  all(name: string): Uint8Array[] {
    return this.#of(name).map(({ data }) => data);
  }

  #of(name: string): Packets {
    const packets = this.#packets.get(name);
    if (!packets) throw new Error(`${name} is not open`);
    return packets;
  }
}
