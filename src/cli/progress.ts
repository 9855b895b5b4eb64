import type { CliIo } from './io.ts';
import { styleFor } from './io.ts';
import { duration, short } from './table.ts';

/** Nothing is drawn before this time, and then at this pace (milliseconds). */
const FIRST = 1000;
const EVERY = 100;
const BAR = 24;

/** A line on the terminal that says how far a long run is. Silent elsewhere. */
export class Progress {
  readonly #io: CliIo;
  readonly #start = performance.now();
  #next: number;
  #drawn = false;

  constructor(io: CliIo) {
    this.#io = io;
    this.#next = io.interactive ? this.#start + FIRST : Number.POSITIVE_INFINITY;
  }

  /** `done` from 0 to 1, or undefined if the end is not known. */
  update(packets: number, done: () => number | undefined): void {
    const now = performance.now();
    if (now < this.#next) return;
    this.#next = now + EVERY;
    this.#drawn = true;
    const seconds = (now - this.#start) / 1000;
    const rate = `${short(packets)} packets, ${short(packets / seconds)}/s`;
    this.#io.err(`\r\u001b[2K${this.#bar(done(), seconds)}${rate}`);
  }

  #bar(done: number | undefined, seconds: number): string {
    if (done === undefined) return '';
    const style = styleFor(this.#io.errorColor);
    const filled = Math.round(done * BAR);
    const bar = style.accent('█'.repeat(filled)) + style.dim('░'.repeat(BAR - filled));
    const left = done > 0.01 ? `, ${duration((seconds * 1000 * (1 - done)) / done)} left  ` : '  ';
    return `${bar} ${Math.floor(done * 100)} %${left}`;
  }

  clear(): void {
    if (this.#drawn) this.#io.err('\r\u001b[2K');
    this.#next = Number.POSITIVE_INFINITY;
  }
}
