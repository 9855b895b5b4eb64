import type { KernelProfile } from '../../abi/index.ts';
import { KernelError, putLittleEndian } from '../../base/index.ts';
import type { Btf } from '../../btf/index.ts';
import { TAG_BASE } from '../../runtime/layout.ts';
import type { Runtime } from '../../runtime/index.ts';
import { placeOf } from '../../verifier/finish/context/members.ts';

type Numeric = (...args: number[]) => number;

/** A struct of the kernel in a machine's memory: zeros but for what was written. */
export interface KernelObject {
  readonly struct: string;
  readonly address: number;
  /** What programs get. */
  readonly pointer: bigint;
  /** The region programs read it by. */
  readonly region: number;
  free(): void;
}

/** Where an object is, for a file. */
export type ObjectPlace = Pick<KernelObject, 'struct' | 'address' | 'region'>;

export const whereIs = ({ struct, address, region }: ObjectPlace): ObjectPlace => ({
  struct,
  address,
  region,
});

/** Flags of a region that programs only read (REGION_F_READ_ONLY). */
const READ_ONLY = 1;

interface MemoryRules {
  readonly readOnly?: boolean;
  readonly before?: number;
}

/**
 * Memory of the kernel that programs get a pointer to: zeros. `before`: bytes in front of it that
 * are not in its region. Throws KernelError ENOMEM.
 */
export function newMemory(
  runtime: Runtime,
  size: number,
  { readOnly = false, before = 0 }: MemoryRules = {},
): Omit<KernelObject, 'struct'> {
  const start = runtime.allocate(before + size, 64);
  const address = start + before;
  runtime.u8().fill(0, start, address + size);
  const region = newRegion(runtime);
  const flags = readOnly ? READ_ONLY : 0;
  setRegion(runtime, region, address, address + size, flags);
  return {
    region,
    address,
    pointer: pointerIn(region, address),
    free: () => {
      (runtime.exports['region_free'] as Numeric)(region);
      runtime.release(start);
    },
  };
}

/** A region that programs of tracing read memory by which is elsewhere each time: packets. */
export class MemoryWindow {
  readonly #runtime: Runtime;
  readonly #region: number;

  /** Throws KernelError ENOMEM. */
  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#region = newRegion(runtime);
  }

  /** From now on it is these bytes. */
  show(start: number, end: number): void {
    setRegion(this.#runtime, this.#region, start, end, READ_ONLY);
  }

  /** What programs read the byte at that address by. */
  pointerTo(address: number): bigint {
    return pointerIn(this.#region, address);
  }
}

function newRegion(runtime: Runtime): number {
  const region = (runtime.exports['region_new'] as Numeric)();
  if (region === 0) throw new KernelError('ENOMEM', 12, 'no region for memory of the kernel');
  return region;
}

/** It is these bytes from now on. */
function setRegion(
  runtime: Runtime,
  region: number,
  start: number,
  end: number,
  flags: number,
): void {
  (runtime.exports['region_set'] as Numeric)(region, start, end, 0, 0, flags, 0);
}

const pointerIn = (region: number, address: number): bigint =>
  (BigInt((TAG_BASE + region) >>> 0) << 32n) | BigInt(address);

/**
 * Structs laid out as the kernel's types say, so that what a program reads through CO-RE is there.
 * A pointer in them is 0 or leads to another such object; through 0 programs read zeros, as on
 * Linux, where such a read faults and the kernel puts 0 into the register.
 */
export class KernelObjects {
  readonly #runtime: Runtime;
  readonly #rules: KernelProfile | undefined;

  constructor(runtime: Runtime, rules: KernelProfile | undefined) {
    this.#runtime = runtime;
    this.#rules = rules;
  }

  /** The kernel's types. Throws KernelError EOPNOTSUPP on machines that know none. */
  get btf(): Btf {
    if (this.#rules) return this.#rules.btf();
    const text = 'a machine that verifies nothing knows no types of the kernel: no tasks to trace';
    throw new KernelError('EOPNOTSUPP', 95, text);
  }

  /** A new one, all zero. `before`: bytes in front of it that programs have no business with. */
  make(struct: string, before = 0): KernelObject {
    const size = this.btf.sizeOf(this.btf.find('struct', struct)!);
    const memory = newMemory(this.#runtime, size, { readOnly: true, before });
    return { struct, ...memory };
  }

  /** One that is there, with nothing before it. */
  at(struct: string, address: number, region: number): KernelObject {
    const runtime = this.#runtime;
    return {
      struct,
      region,
      address,
      pointer: pointerIn(region, address),
      free: () => {
        (runtime.exports['region_free'] as Numeric)(region);
        runtime.release(address);
      },
    };
  }

  /** Writes a member, named by its path ('thread.sp'), cut to its size. */
  set({ struct, address }: KernelObject, path: string, value: number | bigint): void {
    const { offset, size } = placeOf(this.btf, `${struct}.${path}`);
    const bits = BigInt.asUintN(64, BigInt(value));
    putLittleEndian(this.#runtime.u8(), address + offset, size, bits);
  }

  /** Writes an array of char: cut, with a 0 at the end. */
  setText({ struct, address }: KernelObject, path: string, text: string): void {
    const { offset, size } = placeOf(this.btf, `${struct}.${path}`);
    const at = address + offset;
    const bytes = new TextEncoder().encode(text).subarray(0, size - 1);
    this.#runtime
      .u8()
      .fill(0, at, at + size)
      .set(bytes, at);
  }
}
