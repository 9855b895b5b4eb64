import type { MapTypeDef } from '../abi/index.ts';
import type { KernelMap, KernelRecord } from '../kernel/index.ts';
import type { MapSpec } from '../object/index.ts';
import type { RuntimeMap } from '../runtime/index.ts';

/** A map of the simulated kernel: the bpf(2) commands over the runtime's map. */
export class MachineMap implements KernelMap {
  readonly spec: MapSpec;
  readonly perCpu: boolean;
  readonly runtimeMap: RuntimeMap;
  readonly #drain: () => KernelRecord[];

  constructor(
    spec: MapSpec,
    facts: MapTypeDef | undefined,
    runtimeMap: RuntimeMap,
    drain: (map: MachineMap) => KernelRecord[],
  ) {
    this.spec = spec;
    this.perCpu = facts?.perCpu === true;
    this.runtimeMap = runtimeMap;
    this.#drain = () => drain(this);
  }

  get id(): number {
    return this.runtimeMap.id;
  }

  get handle(): number {
    return this.runtimeMap.address;
  }

  get userValueSize(): number {
    return this.runtimeMap.userValueSize;
  }

  lookup(key: Uint8Array, out: Uint8Array): number {
    return this.runtimeMap.lookup(key, out);
  }

  update(key: Uint8Array, value: Uint8Array, flags = 0): number {
    return this.runtimeMap.update(key, value, flags);
  }

  delete(key: Uint8Array): number {
    return this.runtimeMap.delete(key);
  }

  lookupAndDelete(key: Uint8Array, out: Uint8Array): number {
    return this.runtimeMap.lookupAndDelete(key, out);
  }

  nextKey(key: Uint8Array | undefined, out: Uint8Array): number {
    return this.runtimeMap.nextKey(key, out);
  }

  freeze(): number {
    return this.runtimeMap.freeze();
  }

  drain(): KernelRecord[] {
    return this.#drain();
  }

  close(): void {
    this.runtimeMap.free();
  }
}
