/** Memory of users, as values of task storage may point to it (core/user-pages.ts). */
import type { LivePlace } from '../../abi/live.ts';
import {
  C_STACK_END,
  C_STACK_TOP,
  TAG_BASE,
  USER_FIRST,
  USER_MAPPED,
  USER_PAGE_SIZE,
  USER_PINS,
  USER_REGION,
} from '../layout.ts';
import type { Runtime } from '../types.ts';
import { kernelError } from './errno.ts';
import { LiveMemory } from './live.ts';

type Numeric = (...args: number[]) => number;

/** Mappings of one machine. */
export class UserMappings {
  readonly #runtime: Runtime;
  /** Those that are unmapped, and that values still point to. */
  readonly #orphans = new Set<UserMapping>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** A mapping of whole pages that holds `size` bytes. Throws KernelError ENOMEM, EINVAL. */
  map(size: number): UserMapping {
    this.#collect();
    if (!(Number.isInteger(size) && size > 0)) throw kernelError('EINVAL', `${size} bytes to map`);
    const pages = Math.ceil(size / USER_PAGE_SIZE);
    const { exports } = this.#runtime;
    const record = (exports['user_pages_new'] as Numeric)(pages) >>> 0;
    if (record === 0) throw kernelError('ENOMEM', `no memory for ${pages} pages of a user`);
    return new UserMapping(this.#runtime, record, pages * USER_PAGE_SIZE, (one) => {
      this.#orphans.add(one);
      this.#collect();
    });
  }

  /**
   * Pages that nobody has pinned any more are free memory again, but not while somebody reads: a
   * program may have got a pointer before the pin was gone.
   */
  #collect(): void {
    if (this.#runtime.gracePeriods?.busy || this.#isRunning()) return;
    for (const one of this.#orphans) {
      if (one.pins > 0) continue;
      this.#orphans.delete(one);
      (this.#runtime.exports['user_pages_free'] as Numeric)(one.record);
    }
  }

  /** A program is at a call, in which this happens. */
  #isRunning(): boolean {
    const { cpuBlock } = this.#runtime;
    return this.#runtime.u32()[(cpuBlock + C_STACK_TOP) >>> 2] !== cpuBlock + C_STACK_END;
  }
}

/** Pages of a user, which programs may come to see through a uptr. */
export class UserMapping implements Disposable {
  readonly size: number;
  /** What a uptr is set to for its first byte. */
  readonly address: bigint;
  /** Address of what the runtime knows of it. */
  readonly record: number;
  readonly #runtime: Runtime;
  readonly #first: number;
  readonly #live: LiveMemory;
  readonly #unmapped: (one: UserMapping) => void;
  #mapped = true;

  constructor(
    runtime: Runtime,
    record: number,
    size: number,
    unmapped: (one: UserMapping) => void,
  ) {
    const words = runtime.u32();
    this.#runtime = runtime;
    this.record = record;
    this.size = size;
    this.#first = words[(record + USER_FIRST) >>> 2]!;
    const tag = (TAG_BASE + words[(record + USER_REGION) >>> 2]!) >>> 0;
    this.address = (BigInt(tag) << 32n) | BigInt(this.#first);
    this.#live = new LiveMemory(runtime);
    this.#unmapped = unmapped;
  }

  /** Values that point into it. */
  get pins(): number {
    return this.#runtime.u32()[(this.record + USER_PINS) >>> 2]!;
  }

  /** Its bytes, which programs may write. Throws KernelError EFAULT once it is unmapped. */
  bytes(): Uint8Array {
    this.#checkMapped();
    return this.#runtime.u8().subarray(this.#first, this.#first + this.size);
  }

  /** The same for those who read it live. */
  place(): LivePlace {
    this.#checkMapped();
    return this.#live.place(this.#first, this.size);
  }

  #checkMapped(): void {
    if (!this.#mapped) throw kernelError('EFAULT', 'these pages are unmapped');
  }

  /** munmap(2): what is pinned stays for programs until no value points to it. */
  [Symbol.dispose](): void {
    if (!this.#mapped) return;
    this.#mapped = false;
    this.#live.end();
    this.#runtime.u32()[(this.record + USER_MAPPED) >>> 2] = 0;
    this.#unmapped(this);
  }
}
