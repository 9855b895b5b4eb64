import type { Directory } from '../bpffs/inode.ts';
import type { Cgroup } from '../cgroup/cgroup.ts';
import { refuse } from '../errno.ts';
import type { Machine } from '../machine.ts';
import type { MachineMap } from '../map.ts';
import type { BtfObject } from '../objects/btf.ts';
import type { MachineLink } from '../objects/link.ts';
import type { MachineProgram } from '../program.ts';
import type { RuntimeOwner } from '../../runtime/index.ts';
import { type Capability, type Credentials, ROOT, capable, tokenCapable } from './credentials.ts';

/** What a file descriptor can stand for. */
export interface FileKinds {
  map: MachineMap;
  prog: MachineProgram;
  link: MachineLink;
  btf: BtfObject;
  dir: Directory;
  /** A task, inode, socket or cgroup. */
  owner: RuntimeOwner;
  /** Somebody wants runs counted. */
  stats: Machine;
  /** A file without a meaning for bpf(2): a terminal. */
  other: undefined;
}

export interface OpenFile<Kind extends keyof FileKinds = keyof FileKinds> {
  readonly kind: Kind;
  readonly object: FileKinds[Kind];
  readonly read: boolean;
  readonly write: boolean;
  /** The last descriptor was closed. */
  release(): void;
}

interface Shared {
  readonly file: OpenFile;
  descriptors: number;
}

/** RLIMIT_NOFILE */
const MOST_FILES = 1024;
/** Standard input and outputs. */
const STANDARD: OpenFile = {
  kind: 'other',
  object: undefined,
  read: true,
  write: true,
  release() {},
};

/** A process of the machine: its file descriptors, and who it is. */
export class Process {
  readonly machine: Machine;
  readonly pid: number;
  readonly credentials: Credentials;
  /** Where relative paths begin. */
  cwd: Directory;
  readonly #files = new Map<number, Shared>();

  constructor(machine: Machine, { pid = 1, credentials = ROOT }: Partial<Identity> = {}) {
    this.machine = machine;
    this.pid = pid;
    this.credentials = credentials;
    this.cwd = machine.files.root;
    for (let fd = 0; fd < 3; fd++) this.#files.set(fd, { file: STANDARD, descriptors: 1 });
  }

  /** The lowest free descriptor. Throws KernelError EMFILE. */
  open(file: OpenFile): number {
    return this.#install({ file, descriptors: 0 });
  }

  /** open(2) of a cgroup's directory: what bpf(2) takes for it. Throws KernelError EMFILE. */
  openCgroup(cgroup: Cgroup): number {
    return this.open({ kind: 'owner', object: cgroup, read: true, write: false, release() {} });
  }

  #install(shared: Shared): number {
    let fd = 0;
    while (this.#files.has(fd)) fd++;
    if (fd >= MOST_FILES) {
      if (shared.descriptors === 0) shared.file.release();
      refuse('EMFILE', 'too many open files');
    }
    shared.descriptors++;
    this.#files.set(fd, shared);
    return fd;
  }

  /** dup(2): another descriptor of the same file. */
  dup(fd: number): number {
    return this.#install(this.#files.get(fd) ?? refuse('EBADF'));
  }

  /** close(2). Throws KernelError EBADF. */
  close(fd: number): void {
    const shared = this.#files.get(fd) ?? refuse('EBADF', `${fd} is not open`);
    this.#files.delete(fd);
    if (--shared.descriptors === 0) shared.file.release();
  }

  /** It ends: all descriptors are closed. */
  exit(): void {
    for (const fd of [...this.#files.keys()].reverse()) this.close(fd);
  }

  file(fd: number): OpenFile | undefined {
    return this.#files.get(fd >>> 0)?.file;
  }

  /** The object behind a descriptor: EBADF if it is not open, EINVAL for another kind. */
  get<Kind extends keyof FileKinds>(fd: number, kind: Kind): FileKinds[Kind] {
    return this.fileOf(fd, kind).object;
  }

  fileOf<Kind extends keyof FileKinds>(fd: number, kind: Kind): OpenFile<Kind> {
    const file = this.file(fd) ?? refuse('EBADF', `${fd} is not open`);
    if (file.kind !== kind) refuse('EINVAL', `${fd} is no ${kind}`);
    return file as OpenFile<Kind>;
  }

  capable(capability: Capability): boolean {
    return capable(this.credentials, capability);
  }

  /** Throws KernelError EPERM. */
  need(capability: Capability): void {
    if (!this.capable(capability)) refuse('EPERM', `${capability} is missing`);
  }

  /** The same where CAP_SYS_ADMIN, or a token, will do. */
  bpfCapable(capability: Capability): boolean {
    return tokenCapable(this.credentials, undefined, capability);
  }
}

interface Identity {
  readonly pid: number;
  readonly credentials: Credentials;
}
