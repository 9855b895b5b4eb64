/** Contexts of cgroup programs in a machine's memory: structs written and read by name. */
import { errnos, structs } from '../../../abi/index.ts';
import { KernelError } from '../../../base/index.ts';
import type { Runtime } from '../../../runtime/index.ts';
import {
  CPU_REGIONS,
  R_END,
  R_START,
  REGION_OBJECT,
  REGION_SIZE,
  SOCKET_SIZE,
  TAG_BASE,
} from '../../../runtime/layout.ts';

const TAG = BigInt.asUintN(32, BigInt(TAG_BASE + REGION_OBJECT)) << 32n;
const NAMES = new Map(Object.entries(errnos).map(([name, number]) => [number, name]));

/** One context of a struct: made when it is first asked for, used again. */
export class Context {
  readonly #runtime: Runtime;
  readonly #at: Readonly<Record<string, number>>;
  readonly address: number;
  readonly size: number;

  constructor(runtime: Runtime, struct: string) {
    const { size, fields } = structs[struct]!;
    this.#runtime = runtime;
    this.size = size;
    this.#at = Object.fromEntries(fields.map(({ name, offset }) => [name, offset]));
    this.address = runtime.allocate(size, 16);
  }

  clear(): void {
    this.#runtime.u8().fill(0, this.address, this.address + this.size);
  }

  at(field: string): number {
    return this.address + this.#at[field]!;
  }

  get(field: string): number {
    return this.#runtime.view().getUint32(this.at(field), true);
  }

  put(field: string, value: number): void {
    this.#runtime.view().setUint32(this.at(field), value, true);
  }

  putBytes(field: string, bytes: Uint8Array): void {
    this.#runtime.u8().set(bytes, this.at(field));
  }

  getBytes(field: string, size: number): Uint8Array {
    return this.#runtime.u8().slice(this.at(field), this.at(field) + size);
  }

  putPointer(field: string, pointer: bigint): void {
    this.#runtime.view().setBigUint64(this.at(field), pointer, true);
  }
}

/** A pointer to a socket's record; programs that are checked may read there. */
export function socketPointer(runtime: Runtime, record: number): bigint {
  const words = runtime.u32();
  const region = (runtime.cpuBlock + CPU_REGIONS + REGION_OBJECT * REGION_SIZE) >>> 2;
  words[region + R_START / 4] = record;
  words[region + R_END / 4] = record + SOCKET_SIZE;
  return TAG | BigInt(record);
}

/** Throws what programs made a call return, unless that is 0. */
export function throwRetval(retval: number, what: string): void {
  if (retval === 0) return;
  const name = NAMES.get(-retval) ?? 'EPERM';
  throw new KernelError(name, Math.abs(retval), `a program of the cgroup says no to ${what}`);
}
