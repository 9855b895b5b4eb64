import { KernelError } from '../../base/index.ts';
import type { DeviceAccess, KernelCgroup } from '../../kernel/index.ts';
import type { RuntimeOwner } from '../../runtime/index.ts';
import { refuse } from '../errno.ts';
import type { MachineProgram } from '../program.ts';
import {
  type EffectiveProgram,
  effectivePrograms,
  type Entry,
  type OwnPrograms,
} from './effective.ts';
import { deviceAccess } from './device.ts';
import type { CgroupLink } from './link.ts';
import { type CgroupAttach, CgroupPrograms } from './programs.ts';
import { type ArrayOptions, type ArrayResult, runArray } from './run.ts';
import { linkStorages, type Storage, unlinkStorage } from './storage.ts';
import type { CgroupTree } from './tree.ts';

const NONE: OwnPrograms = { entries: [], flags: 0 };
const NOTHING: readonly EffectiveProgram[] = [];

/** A directory of the v2 hierarchy (struct cgroup): programs, tasks and sockets belong to it. */
export class Cgroup implements RuntimeOwner, KernelCgroup {
  readonly kind = 'cgroup';
  readonly name: string;
  readonly parent: Cgroup | undefined;
  /** Number of the directory's inode. */
  readonly id: bigint;
  readonly level: number;
  readonly children = new Map<string, Cgroup>();
  readonly #tree: CgroupTree;
  readonly #programs = new Map<number, CgroupPrograms>();
  readonly #effective = new Map<number, readonly EffectiveProgram[]>();
  /** Elements of cgroup storage that were made for it, by map and place. */
  readonly #storages = new Map<string, Storage>();
  #owner: RuntimeOwner | undefined;
  #online = true;
  /** Who keeps its programs: sockets, and cgroups below that are not released (bpf.refcnt). */
  #users = 0;
  #tasks = 0;
  #released = false;

  constructor(tree: CgroupTree, name: string, parent: Cgroup | undefined, id: bigint) {
    this.#tree = tree;
    this.name = name;
    this.parent = parent;
    this.id = id;
    this.level = parent ? parent.level + 1 : 0;
    for (const above of this.ancestors()) above.#users++;
    parent?.children.set(name, this);
  }

  get path(): string {
    return this.parent ? `${this.parent.path === '/' ? '' : this.parent.path}/${this.name}` : '/';
  }

  /** From its parent up to the root. */
  *ancestors(): IterableIterator<Cgroup> {
    for (let at = this.parent; at; at = at.parent) yield at;
  }

  /** Itself and all below that are alive, parents first. */
  *descendants(): IterableIterator<Cgroup> {
    yield this;
    for (const child of this.children.values()) yield* child.descendants();
  }

  /** Itself or below it (cgroup_is_descendant). */
  isBelow(other: Cgroup): boolean {
    if (this === other) return true;
    for (const above of this.ancestors()) if (above === other) return true;
    return false;
  }

  // ---- What local storage and maps know it by -------------------------------------------------

  get owner(): RuntimeOwner {
    return (this.#owner ??= this.#tree.makeOwner(this));
  }

  /** Its owner, if anybody has asked for it. */
  get madeOwner(): RuntimeOwner | undefined {
    return this.#owner;
  }

  /** The one it had when the machine was saved. */
  resumeOwner(owner: RuntimeOwner): void {
    this.#owner = owner;
  }

  get number(): number {
    return this.owner.number;
  }

  get address(): number {
    return this.owner.address;
  }

  get object(): number {
    return this.owner.object;
  }

  /** False: rmdir took it away. */
  get alive(): boolean {
    return this.#online;
  }

  // ---- Programs ---------------------------------------------------------------------------------

  /** Its own programs, for changes. */
  #own(attachType: number): CgroupPrograms {
    let own = this.#programs.get(attachType);
    if (!own) this.#programs.set(attachType, (own = new CgroupPrograms()));
    return own;
  }

  programs(attachType: number): CgroupPrograms | undefined {
    return this.#programs.get(attachType);
  }

  /** Attach types at which programs were attached. */
  get attachTypes(): number[] {
    return [...this.#programs].flatMap(([type, { entries }]) => (entries.length > 0 ? [type] : []));
  }

  /** Lists by attach type, also empty ones. */
  get allPrograms(): readonly (readonly [number, CgroupPrograms])[] {
    return [...this.#programs];
  }

  /** The revision a list had when the machine was saved. */
  resumeAt(attachType: number, revision: bigint): void {
    this.#own(attachType).revision = revision;
  }

  #above(attachType: number): OwnPrograms[] {
    return [...this.ancestors()].map((one) => one.#programs.get(attachType) ?? NONE);
  }

  /** Holds a program that no link does. Throws KernelError. */
  attach(attachType: number, request: CgroupAttach): void {
    const own = this.#own(attachType);
    const program = request.program ?? request.link!.program;
    const old = own.attach(request, this.#above(attachType), () =>
      this.#storagesFor(program, attachType),
    );
    request.program?.hold();
    this.#changed(attachType);
    old?.program?.drop();
  }

  #storagesFor(program: MachineProgram, attachType: number): readonly Storage[] {
    const storages = linkStorages(this.#tree.runtime, program, this.id, attachType);
    for (const storage of storages) {
      this.#storages.set(`${storage.map.id} ${storage.element}`, storage);
    }
    return storages;
  }

  /** Lets go of the program, if no link holds it. Throws KernelError. */
  detach(
    attachType: number,
    program: MachineProgram | undefined,
    link: CgroupLink | undefined,
    revision: bigint,
  ): void {
    const entry = this.#own(attachType).detach(program, link, revision);
    this.#changed(attachType);
    entry.program?.drop();
    if (!link) entry.link?.loseCgroup();
  }

  linkUpdated(link: CgroupLink, exchange: () => void): void {
    this.#own(link.attachType).updated(link);
    exchange();
    this.#changed(link.attachType);
  }

  /** Programs that run for it, its own and those of the cgroups above. */
  effective(attachType: number): readonly EffectiveProgram[] {
    return this.#effective.get(attachType) ?? this.#compute(attachType);
  }

  #compute(attachType: number): readonly EffectiveProgram[] {
    const own = this.#programs.get(attachType) ?? NONE;
    const found = effectivePrograms([own, ...this.#above(attachType)]);
    const effective = found.length === 0 ? NOTHING : found;
    this.#effective.set(attachType, effective);
    return effective;
  }

  /** Runs them all over a context in the machine's memory (bpf_prog_run_array_cg). */
  runPrograms(attachType: number, context: number, options?: ArrayOptions): ArrayResult {
    return runArray(this.#tree.runtime, this.effective(attachType), context, options);
  }

  /** Lists of this and of all below are computed anew when they are asked for. */
  #changed(attachType: number): void {
    for (const one of this.#tree.all) if (one.isBelow(this)) one.#effective.delete(attachType);
    this.#tree.attachedChanged(attachType);
  }

  openDevice(access: DeviceAccess): void {
    const { runtime } = this.#tree;
    const no = deviceAccess(runtime, access, (type, at) => this.runPrograms(type, at));
    if (no !== 0) throw new KernelError('EPERM', -no, `${this.path} may not have that device`);
  }

  run<Result>(work: () => Result): Result {
    return this.#tree.as(this, work);
  }

  // ---- Its life ---------------------------------------------------------------------------------

  /** A task came, or left. */
  countTask(change: 1 | -1): void {
    this.#tasks += change;
  }

  /** A socket was made in it: its programs stay as long as that (cgroup_sk_alloc). */
  addSocket(): void {
    this.#users++;
  }

  removeSocket(): void {
    this.#leave();
  }

  #leave(): void {
    this.#users--;
    this.#tryRelease();
  }

  /** rmdir(2). Throws KernelError EBUSY: the root, cgroups below it, tasks in it. */
  remove(): void {
    if (!this.#online) refuse('ENOENT', `${this.path} has gone`);
    if (!this.parent || this.#tasks > 0 || this.children.size > 0) {
      refuse('EBUSY', `${this.path} is in use`);
    }
    this.#online = false;
    this.parent.children.delete(this.name);
    this.#tryRelease();
  }

  /** cgroup_bpf_release: nobody runs its programs any more. */
  #tryRelease(): void {
    if (this.#online || this.#users > 0 || this.#released) return;
    this.#released = true;
    for (const own of this.#programs.values()) {
      for (const entry of own.clear()) letGo(entry);
    }
    this.#effective.clear();
    for (const storage of this.#storages.values()) unlinkStorage(this.#tree.runtime, storage);
    this.#tree.released(this);
    this.#owner?.free();
    for (const above of this.ancestors()) above.#leave();
  }

  /** Takes it away, with all that are below it. Throws KernelError EBUSY. */
  free(): void {
    for (const child of this.children.values()) child.free();
    if (this.#online) this.remove();
  }

  [Symbol.dispose](): void {
    this.free();
  }
}

function letGo({ program, link }: Entry): void {
  program?.drop();
  link?.loseCgroup();
}
