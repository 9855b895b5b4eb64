import { succeed } from '../abi/succeed.ts';
import type { KernelMap } from '../kernel/index.ts';

const KEY = new Uint8Array(4);

/**
 * A switch of programs (an extension, include/beeyard/static_key.h): every branch on it, in every
 * program, is compiled as the key is now. Invocations that run while it changes finish as they
 * began.
 *
 * ```ts
 * using loaded = await host.load(filter);
 * loaded.key('tracing').enable();
 * ```
 */
export class StaticKey {
  readonly name: string;
  readonly kernelMap: KernelMap;

  /** `kernelMap`: of type static_key. */
  constructor(kernelMap: KernelMap) {
    this.name = kernelMap.spec.name;
    this.kernelMap = kernelMap;
  }

  get enabled(): boolean {
    const value = new Uint8Array(4);
    this.kernelMap.lookup(KEY, value);
    return value.some((byte) => byte !== 0);
  }

  /** Throws KernelError EPERM once the map is frozen. */
  enable(): void {
    this.#set(1);
  }

  disable(): void {
    this.#set(0);
  }

  #set(value: number): void {
    const result = this.kernelMap.update(KEY, Uint8Array.of(value, 0, 0, 0));
    succeed(result, `cannot switch static key '${this.name}'`);
  }
}
