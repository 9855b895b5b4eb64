import type { KernelProfile } from '../../abi/index.ts';
import type { Btf } from '../../btf/index.ts';
import type { MachineMap } from '../map.ts';
import type { MachineProgram } from '../program.ts';
import { BtfObject } from './btf.ts';
import { IdTable } from './ids.ts';
import type { MachineLink } from './link.ts';

/** Everything in a machine that has an id: the one place where objects are found. */
export class Objects {
  readonly maps = new IdTable<MachineMap>();
  readonly programs = new IdTable<MachineProgram>();
  readonly links = new IdTable<MachineLink>();
  readonly btfs = new IdTable<BtfObject>();
  readonly #btfs = new WeakMap<Btf, BtfObject>();

  /** `rules`: the kernel, whose BTF and modules are there from the start. */
  constructor(rules: KernelProfile | undefined) {
    if (!rules) return;
    this.addBtf({ name: 'vmlinux', kernel: true, btf: () => rules.btf() });
    for (const module of rules.modules) {
      this.addBtf({ name: module.name, kernel: true, btf: () => module.btf() });
    }
  }

  addBtf(source: ConstructorParameters<typeof BtfObject>[0]): BtfObject {
    const object = new BtfObject(source, ({ id }) => this.btfs.remove(id));
    object.id = this.btfs.add(object);
    return object;
  }

  /** The object for types that came with an object file, held once more. */
  holdBtf(btf: Btf): BtfObject {
    const known = this.#btfs.get(btf);
    if (known?.alive) return known.hold();
    const made = this.addBtf({ name: '', kernel: false, btf: () => btf });
    this.#btfs.set(btf, made);
    return made;
  }

  /** These types are those of an object that is there already. */
  knowBtf(btf: Btf, object: BtfObject): void {
    this.#btfs.set(btf, object);
  }

  /** The kernel's BTF, or that of a module. */
  kernelBtf(name = 'vmlinux'): BtfObject | undefined {
    for (const btf of this.btfs) if (btf.kernel && btf.name === name) return btf;
    return undefined;
  }
}
