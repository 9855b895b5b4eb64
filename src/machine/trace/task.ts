import { KernelError } from '../../base/index.ts';
import type { KernelTask, TaskOptions } from '../../kernel/index.ts';
import { Cgroup } from '../cgroup/cgroup.ts';
import type { CgroupTree } from '../cgroup/tree.ts';
import {
  GLOBALS,
  G_CGROUP,
  G_CURRENT_COMM,
  G_CURRENT_PID_TGID,
  G_CURRENT_UID_GID,
} from '../../runtime/layout.ts';
import type { Runtime, RuntimeOwner } from '../../runtime/index.ts';
import type { Roots } from '../objects/kept.ts';
import {
  type KernelObject,
  type KernelObjects,
  type ObjectPlace,
  whereIs,
} from '../objects/kernel-struct.ts';
import type { CgroupStructs } from './cgroup-structs.ts';

/** Bytes of GLOBALS from G_CURRENT_PID_TGID on that say who the current task is. */
const IDENTITY_BYTES = G_CGROUP + 8 - G_CURRENT_PID_TGID;
const COMM_LENGTH = 16;

/** A task as programs see it: its task_struct, and what helpers say while it is the current one. */
export class Task implements KernelTask, RuntimeOwner {
  readonly kind = 'task';
  readonly pid: number;
  /** Its task_struct. */
  readonly struct: KernelObject;
  readonly cgroup: Cgroup;
  readonly #owner: RuntimeOwner;
  /** What is put into GLOBALS while it runs. */
  readonly identity: Uint8Array;

  constructor(
    struct: KernelObject,
    owner: RuntimeOwner,
    cgroup: Cgroup,
    identity: Uint8Array,
    pid: number,
  ) {
    this.struct = struct;
    this.#owner = owner;
    this.cgroup = cgroup;
    cgroup.countTask(1);
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
    this.cgroup.countTask(-1);
  }

  [Symbol.dispose](): void {
    this.free();
  }
}

export type TaskParts = Tasks['parts'];

/** The tasks of a machine, and which one runs. */
export class Tasks {
  readonly #runtime: Runtime;
  readonly #objects: KernelObjects;
  readonly #cgroups: CgroupTree;
  readonly #structs: CgroupStructs;
  #idle: Task | undefined;
  #running: Task | undefined;

  constructor(
    runtime: Runtime,
    objects: KernelObjects,
    cgroups: CgroupTree,
    structs: CgroupStructs,
  ) {
    this.#runtime = runtime;
    this.#objects = objects;
    this.#cgroups = cgroups;
    this.#structs = structs;
  }

  /** What is kept in a file. */
  get parts() {
    const own = [...this.#runtime.owners.values()].filter((one) => one instanceof Task);
    return {
      idle: this.#idle?.number,
      tasks: own.map((task) => ({
        number: task.number,
        address: task.address,
        struct: whereIs(task.struct),
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

  resume({ idle, tasks }: TaskParts): void {
    const again = ({ struct, address, region }: ObjectPlace) =>
      this.#objects.at(struct, address, region);
    for (const { number, address, struct, cgroup, identity, pid } of tasks) {
      const owner = this.#runtime.adoptOwner('task', address);
      const above = this.#runtime.owners.get(cgroup) as Cgroup;
      const task = new Task(again(struct), owner, above, identity, pid);
      this.#runtime.owners.set(number, task);
      if (number === idle) this.#idle = task;
    }
  }

  /** The task that runs; outside of all system calls the idle task, pid 0. */
  get current(): Task {
    return this.#running ?? this.idle;
  }

  /** A task makes a system call. */
  get running(): boolean {
    return this.#running !== undefined;
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
    objects.set(object, 'cgroups', this.#structs.setOf(cgroup).pointer);
    const above = parent ? (parent as Task).struct.pointer : object.pointer;
    for (const name of ['parent', 'real_parent']) objects.set(object, name, above);
    objects.set(object, 'group_leader', object.pointer);
    const owner = this.#runtime.createOwner('task', { object: object.address });
    const identity = identityOf({ pid, tgid, comm, uid, gid }, cgroup);
    const task = new Task(object, owner, cgroup, identity, pid);
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
      return this.#cgroups.as(task.cgroup, act);
    } finally {
      this.#running = outer;
      this.#runtime.u8().set(before, at);
    }
  }

  #cgroupOf(wanted: TaskOptions['cgroup']): Cgroup {
    const tree = this.#cgroups;
    if (wanted === undefined) return tree.root;
    if (wanted === 'new') return tree.create(tree.root);
    if (typeof wanted === 'string') return tree.make(wanted);
    if (wanted instanceof Cgroup && wanted.alive) return wanted;
    throw new KernelError('EINVAL', 22, `that ${wanted.kind} is no cgroup for a task`);
  }
}

function identityOf(
  { pid, tgid, comm, uid, gid }: Required<Omit<TaskOptions, 'cgroup' | 'parent'>>,
  cgroup: Cgroup,
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
  put(G_CGROUP, cgroup.number, 0);
  return bytes;
}
