import type { Directory } from '../bpffs/inode.ts';
import type { KernelNamespace } from '../../kernel/index.ts';
import type { Cgroup } from '../cgroup/cgroup.ts';
import { refuse } from '../errno.ts';
import type { Machine } from '../machine.ts';
import type { MachineMap } from '../map.ts';
import type { BtfObject } from '../objects/btf.ts';
import type { MachineLink } from '../objects/link.ts';
import type { MachineProgram } from '../program.ts';
import type { RuntimeOwner } from '../../runtime/index.ts';
import {
  type Capability,
  type Credentials,
  nsCapable,
  rootOf,
  type Token,
  tokenCapable,
} from '../../security/index.ts';
import type { FsContext } from './mounting.ts';

/** What a file descriptor can stand for. */
export interface FileKinds {
  map: MachineMap;
  prog: MachineProgram;
  link: MachineLink;
  btf: BtfObject;
  dir: Directory;
  /** A directory opened with O_PATH: a place, and for most commands not open at all. */
  path: Directory;
  /** A task, inode, socket or cgroup. */
  owner: RuntimeOwner;
  /** A network namespace (/proc/PID/ns/net). */
  netns: KernelNamespace;
  /** Somebody wants runs counted. */
  stats: Machine;
  token: Token;
  /** A file system that is being set up. */
  fscontext: FsContext;
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
  /** Changes as with setuid(2), capset(2) and unshare(2). */
  credentials: Credentials;
  /** Where relative paths begin. */
  cwd: Directory;
  /** Name of its network namespace; '' is the machine's own. */
  namespace = '';
  readonly #files = new Map<number, Shared>();

  constructor(machine: Machine, { pid = 1, credentials }: Partial<Identity> = {}) {
    this.machine = machine;
    this.pid = pid;
    this.credentials = credentials ?? rootOf(machine.users.first);
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

  /** open(2) of /proc/PID/ns/net: a descriptor for a network namespace. */
  openNamespace(object: KernelNamespace): number {
    return this.open({ kind: 'netns', object, read: true, write: false, release() {} });
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

  /** What is open; not what is open with O_PATH. */
  file(fd: number): OpenFile | undefined {
    const file = this.#files.get(fd >>> 0)?.file;
    return file?.kind === 'path' ? undefined : file;
  }

  /** A directory as a place: EBADF if it is not open, ENOTDIR. */
  place(fd: number): Directory {
    const { file } = this.#files.get(fd >>> 0) ?? refuse('EBADF', `${fd} is not open`);
    if (file.kind === 'dir' || file.kind === 'path') return file.object as Directory;
    return refuse('ENOTDIR', `${fd} is no directory`);
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

  /** A descriptor of `from` is handed over, as by SCM_RIGHTS. Throws KernelError. */
  receive(from: Process, fd: number): number {
    const shared = from.#files.get(fd >>> 0) ?? refuse('EBADF', `${fd} is not open`);
    return this.#install(shared);
  }

  /**
   * openat(2) of a directory: a descriptor for BPF_TOKEN_CREATE and path_fd. `from`: the descriptor
   * of the directory a relative path begins in. Throws KernelError.
   */
  openDirectory(path: string, from?: number): number {
    const start = from === undefined ? this.cwd : this.place(from);
    const object = this.machine.files.find(path, start, this.credentials);
    if (object.kind !== 'dir') refuse('ENOTDIR', `'${path}' is no directory`);
    return this.open({ kind: 'dir', object, read: true, write: false, release() {} });
  }

  /** capable(): in the first user namespace. */
  capable(capability: Capability): boolean {
    return nsCapable(this.credentials, this.machine.users.first, capability);
  }

  /** Throws KernelError EPERM. */
  need(capability: Capability): void {
    if (!this.capable(capability)) refuse('EPERM', `${capability} is missing`);
  }

  /** The same where CAP_SYS_ADMIN will do, in the namespace of the token if there is one. */
  bpfCapable(capability: Capability, token?: Token): boolean {
    return tokenCapable(this.credentials, this.machine.users.first, token, capability);
  }

  /** BPF_F_TOKEN_FD: EBADF for a descriptor that is not open, EINVAL for one of something else. */
  token(fd: number): Token {
    return this.get(fd, 'token');
  }
}

interface Identity {
  readonly pid: number;
  readonly credentials: Credentials;
}
