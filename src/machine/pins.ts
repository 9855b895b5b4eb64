import { KernelError } from '../base/index.ts';
import type { KernelMap } from '../kernel/index.ts';

/** What is pinned by path: the machine's bpf filesystem. */
export class Pins {
  readonly #maps = new Map<string, KernelMap>();

  pin(path: string, map: KernelMap): void {
    if (this.#maps.has(path)) throw new KernelError('EEXIST', 17, `'${path}' is there already`);
    this.#maps.set(path, map);
  }

  get(path: string): KernelMap | undefined {
    return this.#maps.get(path);
  }

  remove(path: string): void {
    if (!this.#maps.delete(path)) throw new KernelError('ENOENT', 2, `nothing is at '${path}'`);
  }

  holds(map: KernelMap): boolean {
    for (const each of this.#maps.values()) if (each === map) return true;
    return false;
  }
}
