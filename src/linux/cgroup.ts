/** Cgroups of this computer: directories of the hierarchy of version 2. */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { KernelError } from '../base/index.ts';
import type { KernelCgroup } from '../kernel/index.ts';

/** Where it is mounted: alone, or beside those of version 1. */
function rootFolder(): string {
  for (const folder of ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']) {
    if (existsSync(join(folder, 'cgroup.procs'))) return folder;
  }
  throw new KernelError('ENOENT', 2, 'cgroups of version 2 are not mounted');
}

/** The folder of '/kube/pod1', which is there. Throws KernelError ENOENT. */
export function existingCgroup(path: string): string {
  const folder = join(rootFolder(), normalize(`/${path}`));
  if (existsSync(folder)) return folder;
  throw new KernelError('ENOENT', 2, `there is no cgroup ${path}`);
}

/** Paths of a cgroup and all those below, parents first. */
export function cgroupsBelow(path: string): string[] {
  const below = readdirSync(existingCgroup(path), { withFileTypes: true })
    .filter((one) => one.isDirectory())
    .flatMap(({ name }) => cgroupsBelow(join(path, name)));
  return [normalize(`/${path}`), ...below];
}

/** The folder of '/kube/pod1'; it is made if it is not there. Throws KernelError ENOENT. */
export function cgroupFolder(path: string): string {
  const folder = join(rootFolder(), normalize(`/${path}`));
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** A directory of cgroups. Its `number` is a file descriptor, open as long as it is held. */
export class LinuxCgroup implements KernelCgroup {
  readonly kind = 'cgroup';
  readonly path: string;
  readonly number: number;
  readonly #folder: string;

  constructor(path: string) {
    this.path = normalize(`/${path}`).replace(/(.)\/$/, '$1');
    this.#folder = cgroupFolder(this.path);
    this.number = openSync(this.#folder, 'r');
  }

  get id(): bigint {
    return statSync(this.#folder, { bigint: true }).ino;
  }

  get level(): number {
    return this.path === '/' ? 0 : this.path.split('/').length - 1;
  }

  get parent(): KernelCgroup | undefined {
    return this.path === '/' ? undefined : new LinuxCgroup(dirname(this.path));
  }

  get children(): ReadonlyMap<string, KernelCgroup> {
    const folders = readdirSync(this.#folder, { withFileTypes: true });
    const names = folders.filter((one) => one.isDirectory()).map(({ name }) => name);
    return new Map(names.map((name) => [name, new LinuxCgroup(join(this.path, name))]));
  }

  get alive(): boolean {
    return existsSync(this.#folder);
  }

  /** This process is in it meanwhile, and goes back to where it was. */
  run<Result>(work: () => Result): Result {
    const before = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
    enter(this.#folder);
    try {
      return work();
    } finally {
      enter(join(rootFolder(), before));
    }
  }

  openDevice(): void {
    throw new KernelError('EOPNOTSUPP', 95, 'devices of Linux are opened by open(2)');
  }

  free(): void {
    closeSync(this.number);
    if (this.path !== '/') rmdirSync(this.#folder);
  }

  [Symbol.dispose](): void {
    this.free();
  }
}

const enter = (folder: string): void =>
  writeFileSync(join(folder, 'cgroup.procs'), `${process.pid}`);
