import { KernelError } from '../../base/index.ts';
import type { KernelOwner, KernelTask, TaskOptions } from '../../kernel/index.ts';
import {
  GLOBALS,
  G_CGROUP_ID,
  G_CURRENT_COMM,
  G_CURRENT_PID_TGID,
  G_CURRENT_UID_GID,
} from '../../runtime/layout.ts';
import type { Runtime, RuntimeOwner } from '../../runtime/index.ts';
import type { Roots } from '../objects/kept.ts';
import type { KernelObject, KernelObjects } from './objects.ts';

/** Bytes of GLOBALS from G_CURRENT_PID_TGID on that say who the current task is. */
const IDENTITY_BYTES = G_CGROUP_ID + 8 - G_CURRENT_PID_TGID;
const COMM_LENGTH = 16;
/** Id of the root of all cgroups. */
const ROOT_CGROUP_ID = 1;
/** A cgroup with what programs can reach of it. */
interface CgroupObject {
  readonly owner: RuntimeOwner;
  /** Its struct css_set, which tasks point to. */
  readonly set: KernelObject;
  readonly id: number;
}

/** A task as programs see it: its task_struct, and what helpers say while it is the current one. */
export class Task implements KernelTask, RuntimeOwner {
  readonly kind = 'task';
  readonly pid: number;
  /** Its task_struct. */
  readonly struct: KernelObject;
  readonly cgroup: KernelOwner;
  readonly #owner: RuntimeOwner;
  /** What is put into GLOBALS while it runs. */
  readonly identity: Uint8Array;

  constructor(
    struct: KernelObject,
    owner: RuntimeOwner,
    cgroup: KernelOwner,
    identity: Uint8Array,
    pid: number,
  ) {
    this.struct = struct;
    this.#owner = owner;
    this.cgroup = cgroup;
    this.identity = identity;
    this.pid = pid;
  }

  get number(): number {
    return this.#owner.number;
  }

  /** Address of its record in the runtime. */
  get address(): number {
    return this.#owner.address;
  }

  get object(): number {
    return this.struct.address;
  }

  get alive(): boolean {
    return this.#owner.alive;
  }

  free(): void {
    if (!this.alive) return;
    this.#owner.free();
    this.struct.free();
  }

  [Symbol.dispose](): void {
    this.free();
  }
}

type ObjectPlace = Pick<KernelObject, 'struct' | 'address' | 'region'>;

const placeOf = ({ struct, address, region }: KernelObject): ObjectPlace => ({
  struct,
  address,
  region,
});

export type TaskParts = Tasks['parts'];

/** The tasks of a machine, and which one runs. */
export class Tasks {
  readonly #runtime: Runtime;
  readonly #objects: KernelObjects;
  readonly #cgroups = new Map<KernelOwner, CgroupObject>();
  #root: CgroupObject | undefined;
  #idle: Task | undefined;
  #running: Task | undefined;

  constructor(runtime: Runtime, objects: KernelObjects) {
    this.#runtime = runtime;
    this.#objects = objects;
  }

  /** What is kept in a file. */
  get parts() {
    const own = [...this.#runtime.owners.values()].filter((one) => one instanceof Task);
    return {
      cgroups: [...this.#cgroups.values()]
        .filter(({ owner }) => owner.alive)
        .map(({ owner, set, id }) => ({ owner: owner.number, set: placeOf(set), id })),
      root: this.#root?.owner.number,
      idle: this.#idle?.number,
      tasks: own.map((task) => ({
        number: task.number,
        address: task.address,
        struct: placeOf(task.struct),
        cgroup: task.cgroup.number,
        identity: task.identity,
        pid: task.pid,
      })),
    };
  }

  /** Tasks, as other objects name them. */
  *roots(): Roots {
    for (const [number, owner] of this.#runtime.owners) yield [`owner ${number}`, owner];
  }

  resume({ cgroups, root, idle, tasks }: TaskParts): void {
    const objects = this.#objects;
    const again = ({ struct, address, region }: ObjectPlace) => objects.at(struct, address, region);
    for (const { owner: number, set, id } of cgroups) {
      const owner = this.#runtime.owners.get(number)!;
      const made = { owner, set: again(set), id };
      this.#cgroups.set(owner, made);
      if (number === root) this.#root = made;
    }
    for (const { number, address, struct, cgroup, identity, pid } of tasks) {
      const owner = this.#runtime.adoptOwner('task', address);
      const above = this.#runtime.owners.get(cgroup)!;
      const task = new Task(again(struct), owner, above, identity, pid);
      this.#runtime.owners.set(number, task);
      if (number === idle) this.#idle = task;
    }
  }

  /** The task that runs; outside of all system calls the idle task, pid 0. */
  get current(): Task {
    return this.#running ?? this.idle;
  }

  get idle(): Task {
    this.#idle ??= this.make({ pid: 0, comm: 'swapper/0' });
    return this.#idle;
  }

  /** Throws KernelError: EINVAL for a cgroup that no task has, ENOMEM, EOPNOTSUPP (no types). */
  make(options: TaskOptions): Task {
    const { pid, tgid = pid, comm = '', uid = 0, gid = 0, parent } = options;
    const cgroup = this.#cgroupOf(options.cgroup);
    const objects = this.#objects;
    const object = objects.make('task_struct');
    objects.set(object, 'pid', pid);
    objects.set(object, 'tgid', tgid);
    objects.setText(object, 'comm', comm);
    objects.set(object, 'cgroups', cgroup.set.pointer);
    const above = parent ? (parent as Task).struct.pointer : object.pointer;
    for (const name of ['parent', 'real_parent']) objects.set(object, name, above);
    objects.set(object, 'group_leader', object.pointer);
    const owner = this.#runtime.createOwner('task', { object: object.address });
    const identity = identityOf({ pid, tgid, comm, uid, gid }, cgroup);
    const task = new Task(object, owner, cgroup.owner, identity, pid);
    // Who asks the runtime for the owners of values gets the task itself.
    this.#runtime.owners.set(task.number, task);
    return task;
  }

  /** Does something as this task: what it says of itself is true meanwhile. */
  as<T>(task: Task, act: () => T): T {
    const at = GLOBALS + G_CURRENT_PID_TGID;
    const before = this.#runtime.u8().slice(at, at + IDENTITY_BYTES);
    const outer = this.#running;
    this.#runtime.u8().set(task.identity, at);
    this.#running = task;
    try {
      return act();
    } finally {
      this.#running = outer;
      this.#runtime.u8().set(before, at);
    }
  }

  #cgroupOf(wanted: TaskOptions['cgroup']): CgroupObject {
    if (wanted === 'new') return this.#newCgroup(this.#rootCgroup());
    if (wanted === undefined) return this.#rootCgroup();
    const known = this.#cgroups.get(wanted);
    if (known?.owner.alive) return known;
    const text = `no task is in that ${wanted.kind}: make the first one with { cgroup: 'new' }`;
    throw new KernelError('EINVAL', 22, text);
  }

  #rootCgroup(): CgroupObject {
    this.#root ??= this.#newCgroup(undefined);
    return this.#root;
  }

  #newCgroup(parent: CgroupObject | undefined): CgroupObject {
    const objects = this.#objects;
    const object = objects.make('cgroup');
    const owner = this.#runtime.createOwner('cgroup', {
      object: object.address,
      ...(parent && { parent: parent.owner }),
    });
    const id = parent ? owner.number : ROOT_CGROUP_ID;
    const node = objects.make('kernfs_node');
    objects.set(node, 'id', id);
    objects.set(object, 'kn', node.pointer);
    objects.set(object, 'level', parent ? 1 : 0);
    objects.set(object, 'self.cgroup', object.pointer);
    const set = objects.make('css_set');
    objects.set(set, 'dfl_cgrp', object.pointer);
    const made = { owner, set, id };
    this.#cgroups.set(owner, made);
    return made;
  }
}

function identityOf(
  { pid, tgid, comm, uid, gid }: Required<Omit<TaskOptions, 'cgroup' | 'parent'>>,
  { id }: CgroupObject,
): Uint8Array {
  const bytes = new Uint8Array(IDENTITY_BYTES);
  const view = new DataView(bytes.buffer);
  const put = (at: number, low: number, high: number) => {
    view.setUint32(at - G_CURRENT_PID_TGID, low, true);
    view.setUint32(at - G_CURRENT_PID_TGID + 4, high, true);
  };
  put(G_CURRENT_PID_TGID, pid, tgid);
  put(G_CURRENT_UID_GID, uid, gid);
  const name = new TextEncoder().encode(comm).subarray(0, COMM_LENGTH - 1);
  bytes.set(name, G_CURRENT_COMM - G_CURRENT_PID_TGID);
  put(G_CGROUP_ID, id === ROOT_CGROUP_ID ? 0 : id, 0);
  return bytes;
}
