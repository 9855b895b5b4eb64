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

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Address of the first byte. Changes with `resize`. */
  get address(): number {
    return this.#address;
  }

  /** Makes it `size` bytes and keeps the first `keep`. Throws KernelError ENOMEM. */
  resize(size: number, keep: number): void {
    const address = this.#runtime.allocate(size, 64);
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
