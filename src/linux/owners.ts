/** Owners of local storage that this process makes: a task, a socket, an inode, a cgroup. */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { succeed } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';
import type { KernelOwner, OwnerKind } from '../kernel/index.ts';
import { LinuxCgroup } from './cgroup.ts';
import { SYSCALL } from './libc.ts';
import { closeFd, type System } from './system.ts';

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
let cgroups = 0;

/**
 * A process that sleeps, a UDP socket, a file in the folder for temporary ones, a cgroup (below
 * `parent`). Its `number` is the file descriptor that maps take as a key. Throws KernelError.
 */
export function makeOwner(system: System, kind: OwnerKind, parent?: KernelOwner): KernelOwner {
  switch (kind) {
    case 'cgroup': {
      const above = parent instanceof LinuxCgroup ? parent.path : '';
      return new LinuxCgroup(`${above}/beeyard-${process.pid}-${++cgroups}`);
    }
    case 'socket': {
      const call = system.libc.call(SYSCALL.socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      const fd = succeed(call, 'no socket was made');
      return new LinuxOwner(kind, fd, () => closeFd(system, fd));
    }
    case 'inode':
      return fileOwner();
    case 'task':
      return taskOwner(system);
    default:
      throw new KernelError('EOPNOTSUPP', 95, `Linux makes its own owners of kind ${String(kind)}`);
  }
}

function fileOwner(): KernelOwner {
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-inode-'));
  const fd = openSync(join(folder, 'file'), 'w');
  return new LinuxOwner('inode', fd, () => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
}

function taskOwner(system: System): KernelOwner {
  const child = spawn('sleep', ['infinity'], { stdio: 'ignore' });
  if (child.pid === undefined) throw new KernelError('EAGAIN', 11, 'no process was made');
  child.unref();
  const call = system.libc.call(SYSCALL.pidfdOpen, child.pid, 0);
  const fd = succeed(call, `no file descriptor of process ${child.pid}`);
  return new LinuxOwner('task', fd, () => {
    child.kill('SIGKILL');
    closeFd(system, fd);
  });
}

class LinuxOwner implements KernelOwner {
  readonly kind: OwnerKind;
  readonly number: number;
  readonly #end: () => void;
  #alive = true;

  constructor(kind: OwnerKind, fd: number, end: () => void) {
    this.kind = kind;
    this.number = fd;
    this.#end = end;
  }

  get alive(): boolean {
    return this.#alive;
  }

  free(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#end();
  }

  [Symbol.dispose](): void {
    this.free();
  }
}
