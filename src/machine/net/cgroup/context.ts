/** Contexts of cgroup programs in a machine's memory: structs written and read by name. */
import { structs, fieldOffsets } from '../../../abi/index.ts';
import type { Runtime } from '../../../runtime/index.ts';

/** One context of a struct: made when it is first asked for, used again. */
export class Context {
  readonly #runtime: Runtime;
  /** Where the struct's members are, from its start. */
  readonly offsets: Readonly<Record<string, number>>;
  readonly address: number;
  readonly size: number;

  constructor(runtime: Runtime, struct: string) {
    this.#runtime = runtime;
    this.size = structs[struct]!.size;
    this.offsets = fieldOffsets(struct);
    this.address = runtime.allocate(this.size, 16);
  }

  clear(): void {
    this.#runtime.u8().fill(0, this.address, this.address + this.size);
  }

  at(field: string): number {
    return this.address + this.offsets[field]!;
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
