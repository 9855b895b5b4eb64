import type { EventQueue } from '../../../runtime/events.ts';

/** Frames that wait in a function's ring; more are dropped. */
const RING = 512;
const NS_PER_BIT_AT_1_MBIT = 1000;

/** Lets frames of one function out at a rate, on the virtual clock. */
export class Pacer {
  /** Mbit/s; 0: no limit. */
  rate = 0;
  #free = 0;
  #waiting = 0;

  /** Sends now or later; false: the ring is full. */
  send(events: EventQueue, now: number, bytes: number, send: () => void): boolean {
    if (this.rate === 0 && this.#waiting === 0) {
      send();
      return true;
    }
    const leaves = Math.max(now, this.#free);
    if (leaves > now && this.#waiting >= RING) return false;
    const each = this.rate === 0 ? 0 : (8 * NS_PER_BIT_AT_1_MBIT) / this.rate;
    this.#free = leaves + bytes * each;
    if (leaves <= now) send();
    else this.#later(events, leaves, send);
    return true;
  }

  #later(events: EventQueue, time: number, send: () => void): void {
    this.#waiting++;
    events.at(time, () => {
      this.#waiting--;
      send();
    });
  }
}
