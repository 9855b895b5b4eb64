/** Bytes that pile up until somebody takes them: what writers write to. */
export class OutputBuffer {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;
  /** Bytes taken and waiting, together. */
  total = 0;

  constructor(capacity = 1 << 20) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** Makes room for `size` bytes and returns the offset of the first. */
  reserve(size: number): number {
    const at = this.#length;
    if (at + size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, at + size));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length += size;
    this.total += size;
    return at;
  }

  u16(at: number, value: number, littleEndian: boolean): void {
    this.#view.setUint16(at, value, littleEndian);
  }

  u32(at: number, value: number, littleEndian: boolean): void {
    this.#view.setUint32(at, value, littleEndian);
  }

  append(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Appends `size` bytes of `bytes` from `start` on. */
  copy(bytes: Uint8Array, start: number, size: number): void {
    const at = this.reserve(size);
    this.#bytes.set(bytes.subarray(start, start + size), at);
  }

  zeros(size: number): void {
    const at = this.reserve(size);
    this.#bytes.fill(0, at, at + size);
  }

  /** Takes what is there; the caller owns it. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }
}
