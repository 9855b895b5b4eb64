import { CELL_GENERATION, CELL_OWNER_DIED, CELL_SIZE, CELL_WHY } from '../../abi/live-cell.ts';
import type { LivePlace } from '../../abi/live.ts';
import { goneError, type LiveNames } from './gone.ts';

/** Views of a memory that may grow, made again when it has. */
class MemoryViews {
  readonly memory: WebAssembly.Memory;
  /** Other threads may write while we read. Where none can, plain reads do, and are faster. */
  readonly shared: boolean;
  bytes: Uint8Array = new Uint8Array();
  words: Uint32Array = new Uint32Array();
  longs: BigUint64Array = new BigUint64Array();
  signed: BigInt64Array = new BigInt64Array();
  view: DataView = new DataView(new ArrayBuffer(0));

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.shared = isShared(memory);
    this.refresh();
  }

  word(index: number): number {
    return this.shared ? Atomics.load(this.words, index) : this.words[index]!;
  }

  long(index: number, signed: boolean): bigint {
    const longs = signed ? this.signed : this.longs;
    return this.shared ? Atomics.load(longs, index) : longs[index]!;
  }

  refresh(): void {
    const { buffer } = this.memory;
    const whole = buffer.byteLength & ~7;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.longs = new BigUint64Array(buffer, 0, whole / 8);
    this.signed = new BigInt64Array(buffer, 0, whole / 8);
    this.view = new DataView(buffer);
  }
}

const known = new WeakMap<WebAssembly.Memory, MemoryViews>();

function viewsOf(memory: WebAssembly.Memory): MemoryViews {
  let views = known.get(memory);
  if (!views) known.set(memory, (views = new MemoryViews(memory)));
  return views;
}

/** Reads one field where it is: a `DataView` of all memory and its address there. */
export type ReadField<T> = (view: DataView, at: number) => T;

/**
 * The one way to a live value. Its cell says where it is and whether it is still the same one; both
 * are looked at again after each read, so that what comes out was in the value, whatever other
 * threads do meanwhile. 64-bit fields in place are never read in halves.
 */
export class LiveSource {
  readonly place: LivePlace;
  readonly writable: boolean;
  readonly names: LiveNames;
  readonly #isDead: () => boolean;
  readonly #views: MemoryViews;
  /** Where the value begins, from what the cell says. */
  readonly #start: number;
  /** Index of the cell in words. */
  readonly #cell: number;
  readonly #generation: number;
  #closed: Error | undefined;
  /** What else ends with the view. */
  onClose: (() => void) | undefined;

  /** `start`: where the value is in the place. `isDead`: knows more of the owner than memory. */
  constructor(
    place: LivePlace,
    start: number,
    writable: boolean,
    names: LiveNames,
    isDead: () => boolean = () => false,
  ) {
    this.place = place;
    this.writable = writable;
    this.names = names;
    this.#isDead = isDead;
    this.#views = viewsOf(place.memory);
    this.#start = start;
    this.#cell = place.cell >>> 2;
    this.#generation = place.generation;
  }

  get start(): number {
    return this.#start;
  }

  get alive(): boolean {
    this.#ensure(this.place.cell + CELL_SIZE);
    return this.#closed === undefined && this.#isSame();
  }

  /** From now on every access throws. */
  close(error: Error): void {
    if (this.#closed) return;
    this.#closed = error;
    this.onClose?.();
  }

  /** An unsigned or signed field of 8 bytes. */
  long(offset: number, signed: boolean): bigint {
    for (;;) {
      const at = this.#locate(offset, 8);
      const views = this.#views;
      const value =
        (at & 7) !== 0 ? unaligned(views.view, at, signed) : views.long(at >>> 3, signed);
      if (this.#settled(at - offset)) return value;
    }
  }

  /** The same as a number: exact up to 2 ** 53, and nothing is allocated. */
  longNumber(offset: number, signed: boolean): number {
    for (;;) {
      const at = this.#locate(offset, 8);
      const views = this.#views;
      const value =
        (at & 3) !== 0
          ? Number(unaligned(views.view, at, signed))
          : halves(views, at >>> 2, signed);
      if (this.#settled(at - offset)) return value;
    }
  }

  read<T>(offset: number, size: number, field: ReadField<T>): T {
    for (;;) {
      const at = this.#locate(offset, size);
      const value = field(this.#views.view, at);
      if (this.#settled(at - offset)) return value;
    }
  }

  /** Copies bytes of the value out. */
  copy(offset: number, size: number): Uint8Array {
    for (;;) {
      const at = this.#locate(offset, size);
      const bytes = this.#views.bytes.slice(at, at + size);
      if (this.#settled(at - offset)) return bytes;
    }
  }

  write(offset: number, bytes: Uint8Array): void {
    const at = this.#locate(offset, bytes.length);
    if (!this.#settled(at - offset)) return this.write(offset, bytes);
    this.#views.bytes.set(bytes, at);
  }

  writeLong(offset: number, value: bigint): void {
    const at = this.#locate(offset, 8);
    if (!this.#settled(at - offset)) return this.writeLong(offset, value);
    if ((at & 7) !== 0) this.#views.view.setBigUint64(at, value, true);
    else Atomics.store(this.#views.longs, at >>> 3, value);
  }

  /** Address of a byte of the value. */
  #locate(offset: number, size: number): number {
    if (this.#closed) throw this.#closed;
    this.#ensure(this.place.cell + CELL_SIZE);
    const at = this.#views.word(this.#cell) + this.#start + offset;
    this.#ensure(at + size);
    return at;
  }

  #ensure(end: number): void {
    if (end > this.#views.bytes.length) this.#views.refresh();
  }

  /** Whether the value was at `from` all the time. Throws if it is gone. */
  #settled(from: number): boolean {
    if (!this.#isSame())
      throw goneError(this.names, this.#isDead() ? CELL_OWNER_DIED : this.#why());
    return this.#views.word(this.#cell) + this.#start === from;
  }

  #isSame(): boolean {
    return this.#views.word(this.#cell + CELL_GENERATION / 4) === this.#generation;
  }

  /** Known until the cell is used again: then 0. */
  #why(): number {
    const why = this.#views.word(this.#cell + CELL_WHY / 4);
    const next = (this.#generation + 1) >>> 0;
    return this.#views.word(this.#cell + CELL_GENERATION / 4) === next ? why : 0;
  }
}

function unaligned(view: DataView, at: number, signed: boolean): bigint {
  return signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true);
}

const HIGH = 0x1_0000_0000;

/** The high half before and after the low one: if they are the same, all three belong together. */
function halves(views: MemoryViews, at: number, signed: boolean): number {
  for (;;) {
    const high = views.word(at + 1);
    const low = views.word(at);
    if (views.word(at + 1) === high) return (signed ? high | 0 : high) * HIGH + low;
  }
}

/** Memory that several threads may have. */
export function isShared(memory: WebAssembly.Memory): boolean {
  return typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer;
}
