import type { EventQueue, PendingEvent } from '../../../runtime/events.ts';
import type { Thaw } from '../../objects/kept.ts';
import type { Packet } from '../stack/packet.ts';

/** Frames that wait in a function's ring; more are dropped. */
const RING = 512;
const NS_PER_BIT_AT_1_MBIT = 1000;

export interface Waiting {
  readonly packet: Packet;
  event: PendingEvent | undefined;
}

export type PacerParts = Pacer['parts'];

/** Lets frames of one function out at a rate, on the virtual clock. */
export class Pacer {
  /** Mbit/s; 0: no limit. */
  rate = 0;
  #free = 0;
  readonly #waiting = new Set<Waiting>();

  /** Sends now or later; false: the ring is full. */
  send(events: EventQueue, now: number, packet: Packet, send: (packet: Packet) => void): boolean {
    if (this.rate === 0 && this.#waiting.size === 0) {
      send(packet);
      return true;
    }
    const leaves = Math.max(now, this.#free);
    if (leaves > now && this.#waiting.size >= RING) return false;
    const each = this.rate === 0 ? 0 : (8 * NS_PER_BIT_AT_1_MBIT) / this.rate;
    this.#free = leaves + packet.data.length * each;
    if (leaves <= now) send(packet);
    else this.#later(events, leaves, packet, send);
    return true;
  }

  #later(events: EventQueue, time: number, packet: Packet, send: (packet: Packet) => void): void {
    const one: Waiting = { packet, event: undefined };
    this.#waiting.add(one);
    one.event = events.at(time, () => this.#send(one, send));
  }

  #send(one: Waiting, send: (packet: Packet) => void): void {
    this.#waiting.delete(one);
    send(one.packet);
  }

  /** What is kept in a file. */
  get parts() {
    return { rate: this.rate, free: this.#free, waiting: [...this.#waiting] };
  }

  resume({ rate, free, waiting }: PacerParts, thaw: Thaw, send: (packet: Packet) => void): void {
    this.rate = rate;
    this.#free = free;
    for (const one of waiting) {
      this.#waiting.add(one);
      thaw.armMember(one, 'event', () => this.#send(one, send));
    }
  }
}
