import type { Runtime } from '../../runtime/index.ts';

/**
 * A growing stretch of linear memory for a capture's bytes: read into it, and packets need no more
 * copying to where programs see them.
 */
export class LinearStorage {
  readonly #runtime: Runtime;
  #address = 0;
  #size = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #held = false;
  /** The stretch that was used before `hold`. */
  #otherAddress = 0;
  #otherSize = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Address of the first byte. Changes with `resize`. */
  get address(): number {
    return this.#address;
  }

  /**
   * Other threads work with what is in it now: the next `turn` leaves that where it is, and uses
   * again what was held before.
   */
  hold(): void {
    this.#held = true;
  }

  /** The bytes `from` .. `to` become the first; no others are needed, unless they are held. */
  turn(from: number, to: number): void {
    const source = this.#address;
    if (this.#held) {
      this.#held = false;
      [this.#address, this.#otherAddress] = [this.#otherAddress, this.#address];
      [this.#size, this.#otherSize] = [this.#otherSize, this.#size];
      this.#bytes = new Uint8Array(0);
      if (this.#size < to - from) this.resize(to - from, 0);
    }
    this.#runtime.u8().copyWithin(this.#address, source + from, source + to);
  }

  /** Makes it `size` bytes and keeps the first `keep`. Throws KernelError ENOMEM. */
  resize(size: number, keep: number): void {
    const address = this.#runtime.allocateScratch(size, 64);
    this.#runtime.u8().copyWithin(address, this.#address, this.#address + keep);
    if (this.#address !== 0) this.#runtime.release(this.#address);
    this.#address = address;
    this.#size = size;
    this.#bytes = new Uint8Array(0);
  }

  /** All of it, as a view that is good until memory grows. */
  bytes(): Uint8Array {
    const { buffer } = this.#runtime.memory;
    if (this.#bytes.buffer !== buffer) {
      this.#bytes = new Uint8Array(buffer, this.#address, this.#size);
    }
    return this.#bytes;
  }
}
