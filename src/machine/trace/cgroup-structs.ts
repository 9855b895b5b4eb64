import type { KernelProfile } from '../../abi/index.ts';
import type { Cgroup } from '../cgroup/cgroup.ts';
import type { StructOfCgroup } from '../cgroup/tree.ts';
import {
  type KernelObject,
  type KernelObjects,
  type ObjectPlace,
  whereIs,
} from '../objects/kernel-struct.ts';

/** What is kept of a cgroup's structs. */
export interface StructParts {
  readonly object: ObjectPlace;
  readonly node: ObjectPlace;
  readonly set: ObjectPlace | undefined;
}

/** Cgroups as the kernel's own structs: what programs with pointers to them read. */
export class CgroupStructs {
  readonly #objects: KernelObjects;
  readonly #rules: KernelProfile | undefined;
  readonly #structs = new WeakMap<Cgroup, KernelObject>();
  readonly #nodes = new WeakMap<Cgroup, KernelObject>();
  /** Their struct css_set, which tasks point to. */
  readonly #sets = new WeakMap<Cgroup, KernelObject>();

  constructor(objects: KernelObjects, rules: KernelProfile | undefined) {
    this.#objects = objects;
    this.#rules = rules;
  }

  /** A new struct cgroup; undefined on machines that know no types of the kernel, or not this. */
  make(cgroup: Cgroup): StructOfCgroup | undefined {
    if (this.#rules?.btf().find('struct', 'cgroup') === undefined) return undefined;
    const objects = this.#objects;
    const object = objects.make('cgroup');
    const node = objects.make('kernfs_node');
    objects.set(node, 'id', cgroup.id);
    objects.set(object, 'kn', node.pointer);
    objects.set(object, 'level', cgroup.level);
    objects.set(object, 'self.cgroup', object.pointer);
    return this.#put(cgroup, object, node);
  }

  #put(cgroup: Cgroup, object: KernelObject, node: KernelObject): StructOfCgroup {
    this.#structs.set(cgroup, object);
    this.#nodes.set(cgroup, node);
    const free = (): void => {
      object.free();
      node.free();
      this.#sets.get(cgroup)?.free();
    };
    return { address: object.address, free };
  }

  /** Where the structs of a cgroup are, for a file. */
  partsOf(cgroup: Cgroup): StructParts | undefined {
    const [object, node] = [this.#structs.get(cgroup), this.#nodes.get(cgroup)];
    if (!object || !node) return undefined;
    const set = this.#sets.get(cgroup);
    return { object: whereIs(object), node: whereIs(node), set: set && whereIs(set) };
  }

  /** Structs whose memory has been put back. */
  resume(cgroup: Cgroup, { object, node, set }: StructParts): StructOfCgroup {
    const again = ({ struct, address, region }: ObjectPlace) =>
      this.#objects.at(struct, address, region);
    if (set) this.#sets.set(cgroup, again(set));
    return this.#put(cgroup, again(object), again(node));
  }

  /** Pointer to its struct cgroup, or 0n if it has none. */
  pointerTo(cgroup: Cgroup): bigint {
    // The struct comes with the owner.
    return cgroup.number === 0 ? 0n : (this.#structs.get(cgroup)?.pointer ?? 0n);
  }

  /** What tasks of it point to. */
  setOf(cgroup: Cgroup): KernelObject {
    let set = this.#sets.get(cgroup);
    if (!set) {
      set = this.#objects.make('css_set');
      this.#objects.set(set, 'dfl_cgrp', this.pointerTo(cgroup));
      this.#sets.set(cgroup, set);
    }
    return set;
  }
}
