import type { Runtime, RuntimeOwner } from '../../runtime/index.ts';
import { GLOBALS, G_CGROUP, OWNER_CGROUP_ID } from '../../runtime/layout.ts';
import { refuse } from '../errno.ts';
import { Cgroup } from './cgroup.ts';

/** Inode of the root, and of the first directory that somebody makes in it. */
const ROOT_ID = 1n;
/**
 * Every file of kernfs takes a number: a directory is followed by those of its control files. So
 * many are in the root of Debian's 6.12 and in a new directory, without controllers.
 */
const ROOT_FILES = 26n;
const FILES = 17n;

/** What makes the struct cgroup that programs read: address, and what frees it. */
export type MakeStruct = (cgroup: Cgroup) => StructOfCgroup | undefined;

export interface StructOfCgroup {
  readonly address: number;
  free(): void;
}

/**
 * The cgroups of a machine: one hierarchy, of version 2, without controllers.
 *
 * @example
 * const pod = machine.cgroups.make('/kube/pod1'); // and /kube, if it was not there
 * pod.path; pod.level; pod.id;                    // '/kube/pod1', 2, its inode's number
 */
export class CgroupTree {
  readonly runtime: Runtime;
  readonly root: Cgroup;
  /** Those that are not released: also directories that are gone but used. */
  readonly all = new Set<Cgroup>();
  readonly #byId = new Map<bigint, Cgroup>();
  /** How many programs are attached anywhere, by attach type (cgroup_bpf_enabled). */
  readonly #enabled = new Map<number, boolean>();
  #nextId = ROOT_ID + 1n + ROOT_FILES;
  #names = 0;
  #current: Cgroup | undefined;
  /** The machine's; undefined: owners without a struct. */
  makeStruct: MakeStruct | undefined;

  constructor(runtime: Runtime) {
    this.runtime = runtime;
    this.root = new Cgroup(this, '', undefined, ROOT_ID);
    this.#add(this.root);
  }

  #add(cgroup: Cgroup): void {
    this.all.add(cgroup);
    this.#byId.set(cgroup.id, cgroup);
  }

  /** mkdir(2) of one. Throws KernelError ENOENT, EEXIST, EINVAL. */
  create(parent: Cgroup, name = `cgroup-${++this.#names}`): Cgroup {
    if (!parent.alive) refuse('ENOENT', `${parent.path} has gone`);
    if (name === '' || name.includes('/') || name.includes('\n')) refuse('EINVAL', `'${name}'`);
    if (parent.children.has(name)) refuse('EEXIST', `${parent.path} has a ${name}`);
    const made = new Cgroup(this, name, parent, this.#nextId);
    this.#nextId += 1n + FILES;
    this.#add(made);
    return made;
  }

  /** The one at a path, or undefined. */
  find(path: string): Cgroup | undefined {
    let at: Cgroup | undefined = this.root;
    for (const name of partsOf(path)) at = at?.children.get(name);
    return at;
  }

  /** The one at a path; what is missing is made. Throws KernelError. */
  make(path: string): Cgroup {
    let at = this.root;
    for (const name of partsOf(path)) at = at.children.get(name) ?? this.create(at, name);
    return at;
  }

  /** The one that whoever runs now is in. */
  get current(): Cgroup {
    return this.#current ?? this.root;
  }

  /** Memory was put back: who was there before is not known. */
  forgetCurrent(): void {
    this.runtime.view().setUint32(GLOBALS + G_CGROUP, 0, true);
  }

  /** Does something as a task of a cgroup. */
  as<Result>(cgroup: Cgroup, work: () => Result): Result {
    const { runtime } = this;
    const outer = this.#current;
    const before = runtime.view().getUint32(GLOBALS + G_CGROUP, true);
    runtime.view().setUint32(GLOBALS + G_CGROUP, cgroup.number, true);
    this.#current = cgroup;
    try {
      return work();
    } finally {
      this.#current = outer;
      runtime.view().setUint32(GLOBALS + G_CGROUP, before, true);
    }
  }

  byId(id: bigint): Cgroup | undefined {
    return this.#byId.get(id);
  }

  /** The number that the next directory gets. */
  get nextId(): bigint {
    return this.#nextId;
  }

  set nextId(id: bigint) {
    this.#nextId = id;
  }

  /** Nothing of it is left. */
  released(cgroup: Cgroup): void {
    this.all.delete(cgroup);
    this.#byId.delete(cgroup.id);
  }

  /** Whether a program is attached anywhere at that type: else nobody looks further. */
  enabled(attachType: number): boolean {
    let known = this.#enabled.get(attachType);
    if (known === undefined) {
      known = [...this.all].some((one) => (one.programs(attachType)?.entries.length ?? 0) > 0);
      this.#enabled.set(attachType, known);
    }
    return known;
  }

  attachedChanged(attachType: number): void {
    this.#enabled.delete(attachType);
  }

  /** Makes the cgroup one that programs and maps know. */
  makeOwner(cgroup: Cgroup): RuntimeOwner {
    const { runtime } = this;
    const parent = cgroup.parent?.owner;
    const struct = this.makeStruct?.(cgroup);
    const owner = runtime.createOwner('cgroup', {
      ...(struct && { object: struct.address }),
      ...(parent && { parent }),
    });
    runtime.view().setBigUint64(owner.address + OWNER_CGROUP_ID, cgroup.id, true);
    // Who asks the runtime for the owners of values gets the cgroup itself.
    runtime.owners.set(owner.number, cgroup);
    if (cgroup === this.root) this.#isCurrent(owner);
    return withStruct(owner, struct);
  }

  /** An owner whose memory has been put back. */
  adoptOwner(cgroup: Cgroup, address: number, struct: StructOfCgroup | undefined): void {
    const owner = this.runtime.adoptOwner('cgroup', address);
    this.runtime.owners.set(owner.number, cgroup);
    cgroup.resumeOwner(withStruct(owner, struct));
  }

  /** Whoever runs is in the root unless something else was said. */
  #isCurrent(owner: RuntimeOwner): void {
    const view = this.runtime.view();
    if (view.getUint32(GLOBALS + G_CGROUP, true) !== 0) return;
    view.setUint32(GLOBALS + G_CGROUP, owner.number, true);
  }
}

function withStruct(owner: RuntimeOwner, struct: StructOfCgroup | undefined): RuntimeOwner {
  if (!struct) return owner;
  const free = (): void => {
    owner.free();
    struct.free();
  };
  const { kind, number, address, object } = owner;
  const get = { get: () => owner.alive };
  const made = { kind, number, address, object, free, [Symbol.dispose]: free };
  return Object.defineProperty(made, 'alive', get) as unknown as RuntimeOwner;
}

function partsOf(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) refuse('EINVAL', `'${path}' leads up`);
  return parts;
}
