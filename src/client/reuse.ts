import { mapRules } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import type { Kernel, KernelMap } from '../kernel/index.ts';
import type { MapSpec } from '../object/index.ts';

/** A map that is there already: of a loaded object, or as the kernel gives it. */
export type ReusedMap = KernelMap | { readonly kernelMap: KernelMap };

/** What of the options of `load` tells which maps are there already. */
interface ReuseOptions {
  readonly maps?: Readonly<Record<string, ReusedMap>>;
  readonly pinRoot?: string;
}

/** The maps of an object that it does not create: given by the user, or found pinned by name. */
export class ReusedMaps {
  readonly #kernel: Kernel;
  readonly #given: ReadonlyMap<string, KernelMap>;
  readonly #root: string;
  readonly #shared = new Set<string>();
  readonly #pinned: string[] = [];

  /** Throws KernelError ENOENT for a name of no map of the object. */
  constructor(kernel: Kernel, specs: readonly MapSpec[], options: ReuseOptions) {
    this.#kernel = kernel;
    this.#root = options.pinRoot ?? '/sys/fs/bpf';
    const given = Object.entries(options.maps ?? {});
    this.#given = new Map(
      given.map(([name, map]) => [name, 'kernelMap' in map ? map.kernelMap : map]),
    );
    const known = specs.map(({ name }) => name);
    for (const [name] of given) {
      if (known.includes(name)) continue;
      const text = `the object has no map '${name}' (it has: ${known.join(', ')})`;
      throw new KernelError('ENOENT', 2, text);
    }
  }

  /** The map that is not this object's own. */
  has(name: string): boolean {
    return this.#shared.has(name);
  }

  /**
   * The map to use for a definition, or undefined if it has to be made. Throws KernelError EINVAL
   * for one that is pinned under its name and is another (libbpf's map_is_reuse_compat).
   */
  find(spec: MapSpec): KernelMap | undefined {
    const path = this.#pathOf(spec);
    const map = this.#given.get(spec.name) ?? (path ? this.#kernel.pinnedMap(path) : undefined);
    if (!map) return undefined;
    const differences = differencesOf(spec, map.spec);
    if (differences.length > 0) {
      const what = this.#given.has(spec.name) ? `map '${spec.name}'` : `pinned map at '${path}'`;
      const text = `couldn't reuse ${what}: parameter mismatch: ${differences.join(', ')}`;
      throw new KernelError('EINVAL', 22, text);
    }
    this.#shared.add(spec.name);
    return map;
  }

  /** Pins a map that has just been made, if its definition asks for it. */
  share(map: KernelMap): KernelMap {
    const path = this.#pathOf(map.spec);
    if (path) {
      this.#kernel.pinMap(path, map);
      this.#pinned.push(path);
      this.#shared.add(map.spec.name);
    }
    return map;
  }

  /** Takes the new pins away: the load has failed. */
  undo(): void {
    for (const path of this.#pinned) this.#kernel.unpin(path);
  }

  #pathOf({ name, pinning }: MapSpec): string | undefined {
    return pinning === 'by_name' ? `${this.#root}/${name}` : undefined;
  }
}

/** The parameters that must agree, each as 'name here, not there'. */
function differencesOf(wanted: MapSpec, found: MapSpec): string[] {
  const fields = ['type', 'keySize', 'valueSize', 'maxEntries'] as const;
  const differences = fields
    .filter((field) => wanted[field] !== found[field])
    .map((field) => `${field} ${wanted[field]}, not ${found[field]}`);
  if (flagsOf(wanted) !== flagsOf(found)) {
    differences.push(`flags ${flagsOf(wanted)}, not ${flagsOf(found)}`);
  }
  if (wanted.extra !== found.extra) differences.push(`extra ${wanted.extra}, not ${found.extra}`);
  return differences;
}

/** Without those the kernel adds by itself. */
function flagsOf({ typeId, flags }: MapSpec): number {
  return flags & ~(mapRules(typeId)?.addedFlags ?? 0);
}
