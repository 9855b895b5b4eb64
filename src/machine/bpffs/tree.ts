import { type Credentials, rootOf, type UserNamespace } from '../../security/index.ts';
import { refuse } from '../errno.ts';
import {
  type Directory,
  type Inode,
  type Mount,
  type MountOptions,
  type Ownership,
  type Pin,
  ROOT_MODE,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  type Symlink,
} from './inode.ts';
import { defaultOptions, setMountOptions } from './mount-options.ts';
import { MAY_EXEC, permits } from './permission.ts';

/** Where programs and maps are pinned unless somebody says otherwise. */
export const BPFFS = '/sys/fs/bpf';

const ROOT_OWNS: Ownership = { uid: 0, gid: 0, mode: 0o755 };
const NAME_MAX = 255;
const PATH_MAX = 4096;
const MOST_LINKS = 40;

/** A place for a new entry. */
export interface Place {
  readonly parent: Directory;
  readonly name: string;
}

/**
 * The paths of a machine: bpffs, and as much of other directories as leads there. Errors are those
 * of path lookup in Linux (fs/namei.c) and of bpffs (kernel/bpf/inode.c).
 */
export class FileTree {
  readonly root: Directory;
  readonly #first: UserNamespace;
  #inodes = 1;

  /** `first`: the user namespace of the default bpffs. */
  constructor(first: UserNamespace) {
    this.#first = first;
    this.root = this.#directory(undefined, ROOT_OWNS);
    for (const path of ['/sys', '/sys/fs', '/tmp', '/proc', '/dev', '/run']) this.mkdir(path);
    this.mount(BPFFS);
  }

  /**
   * A new bpffs over a directory, which is made if it has to be; root sets it up, and it is that of
   * root of `userns` (default: the first one). Throws KernelError.
   */
  mount(path: string, text = '', userns: UserNamespace = this.#first): Mount {
    const first = this.#first;
    const options = defaultOptions(rootOf(userns));
    setMountOptions(options, text, { credentials: rootOf(first), userns, first });
    const mount = this.newMount(options, userns);
    this.attach(path, mount);
    return mount;
  }

  /** A bpffs that is nowhere yet. */
  newMount(options: MountOptions, userns: UserNamespace): Mount {
    const mount = { ...options, path: undefined, userns } as {
      -readonly [K in keyof Mount]: Mount[K];
    };
    mount.root = this.#directory(mount, options);
    return mount;
  }

  /** move_mount(2): puts a bpffs over a directory, which is made if it has to be. */
  attach(path: string, mount: Mount): void {
    this.#makeParents(path);
    const { parent, name } = this.#parentOf(path);
    if (mount.path !== undefined) this.#detach(mount.path);
    mount.path = path;
    parent.entries.set(name, mount.root);
  }

  #detach(path: string): void {
    const { parent, name } = this.#parentOf(path);
    parent.entries.set(name, this.#directory(parent.mount, ROOT_OWNS));
  }

  /** All that are somewhere, in the order of their paths. */
  *mounts(directory: Directory = this.root): IterableIterator<Mount> {
    if (directory.mount?.root === directory) yield directory.mount;
    for (const inode of directory.entries.values()) {
      if (inode.kind === 'dir') yield* this.mounts(inode);
    }
  }

  /**
   * What is at a path. Throws KernelError ENOENT, ENOTDIR, EPERM, ELOOP, ENAMETOOLONG, and EACCES
   * where `who` may not search a directory.
   */
  find(path: string, from: Directory = this.root, who?: Credentials): Inode {
    return this.#walk(path, from, who, 0);
  }

  /** The place for a new entry: EEXIST if something is there. */
  placeFor(path: string, from: Directory = this.root, directory = false, who?: Credentials): Place {
    const { parent, name } = this.#parentOf(path, from, who);
    if (who && !permits(who, parent, MAY_EXEC)) refuse('EACCES', 'the directory is closed');
    if (name === '' || name === '.' || name === '..') refuse('EEXIST');
    if (this.#lookup(parent, name)) refuse('EEXIST', `'${path}' is there already`);
    if (path.endsWith('/') && !directory) refuse('ENOENT');
    return { parent, name };
  }

  /** Puts a pin there; the place is in a bpffs, or it is EPERM. */
  addPin({ parent, name }: Place, pin: Omit<Pin, 'ino' | 'mode'>): void {
    if (!parent.mount) refuse('EPERM', 'pins are for bpffs only');
    parent.entries.set(name, { ...pin, ino: this.#inodes++, mode: S_IFREG | 0o600 });
  }

  mkdir(path: string, mode = 0o755): Directory {
    const { parent, name } = this.placeFor(path, this.root, true);
    const made = this.#directory(parent.mount, { ...ROOT_OWNS, mode });
    parent.entries.set(name, made);
    return made;
  }

  /** chown(2) and chmod(2). */
  chown(path: string, { uid, gid, mode }: Readonly<Ownership>): void {
    Object.assign(this.find(path), { uid, gid, mode });
  }

  symlink(target: string, path: string): Symlink {
    const { parent, name } = this.placeFor(path);
    const own = { ...ROOT_OWNS, mode: S_IFLNK | 0o777 };
    const made: Symlink = { kind: 'symlink', ino: this.#inodes++, ...own, target };
    parent.entries.set(name, made);
    return made;
  }

  /** Takes a pin (or symbolic link) away: EISDIR for directories. */
  unlink(path: string): void {
    const { parent, name } = this.#parentOf(path);
    const inode = this.#lookup(parent, name) ?? refuse('ENOENT', `nothing is at '${path}'`);
    if (inode.kind === 'dir') refuse('EISDIR');
    parent.entries.delete(name);
    if ('release' in inode) inode.release();
  }

  rmdir(path: string): void {
    const { parent, name } = this.#parentOf(path);
    if (name === '.') refuse('EINVAL');
    if (name === '' || name === '..') refuse(name === '' ? 'EBUSY' : 'ENOTEMPTY');
    const inode = this.#lookup(parent, name) ?? refuse('ENOENT', `nothing is at '${path}'`);
    if (inode.kind !== 'dir') refuse('ENOTDIR');
    if (inode.mount && inode.mount !== parent.mount) refuse('EBUSY', 'a bpffs is mounted there');
    if (inode.entries.size > 0) refuse('ENOTEMPTY');
    parent.entries.delete(name);
  }

  /** Within one bpffs; a pin in the new place is replaced. */
  rename(from: string, to: string): void {
    const source = this.#parentOf(from);
    const target = this.#parentOf(to);
    if (source.parent.mount !== target.parent.mount) refuse('EXDEV');
    const moved = this.#lookup(source.parent, source.name) ?? refuse('ENOENT');
    const there = this.#lookup(target.parent, target.name);
    if (moved === there) return;
    if (moved.kind === 'dir' && isBelow(target.parent, moved)) refuse('EINVAL');
    if (there?.kind === 'dir' && moved.kind !== 'dir') refuse('EISDIR');
    if (there && there.kind !== 'dir' && moved.kind === 'dir') refuse('ENOTDIR');
    if (there?.kind === 'dir' && there.entries.size > 0) refuse('ENOTEMPTY');
    source.parent.entries.delete(source.name);
    target.parent.entries.set(target.name, moved);
    if (there && 'release' in there) there.release();
  }

  /** Names in a directory, in the order they were made. */
  readdir(path: string): string[] {
    const inode = this.find(path);
    return inode.kind === 'dir' ? [...inode.entries.keys()] : refuse('ENOTDIR');
  }

  /** Directories up to the last part of a path, as loaders make them. */
  #makeParents(path: string): void {
    const parts = path.split('/').filter((part) => part !== '');
    for (let i = 1; i < parts.length; i++) {
      const parent = `/${parts.slice(0, i).join('/')}`;
      const { parent: above, name } = this.#parentOf(parent);
      if (!this.#lookup(above, name)) this.mkdir(parent);
    }
  }

  /** The same for pins: directories that are missing are made. */
  makeParents(path: string): void {
    this.#makeParents(path);
  }

  #directory(mount: Mount | undefined, { uid, gid, mode }: Ownership): Directory {
    return {
      kind: 'dir',
      ino: this.#inodes++,
      uid,
      gid,
      mode: S_IFDIR | (mode & (ROOT_MODE | 0o6000)),
      mount,
      entries: new Map(),
    };
  }

  #parentOf(path: string, from: Directory = this.root, who?: Credentials): Place {
    checkPath(path);
    const trimmed = path.replace(/\/+$/, '');
    const slash = trimmed.lastIndexOf('/');
    const head = slash < 0 ? '' : trimmed.slice(0, slash + 1);
    const parent = head === '' ? from : this.#walk(head, from, who, 0);
    if (parent.kind !== 'dir') refuse('ENOTDIR');
    return { parent, name: trimmed.slice(slash + 1) };
  }

  #walk(path: string, from: Directory, who: Credentials | undefined, links: number): Inode {
    checkPath(path);
    if (links > MOST_LINKS) refuse('ELOOP');
    const above: Directory[] = path.startsWith('/') ? [this.root] : this.#wayTo(from);
    // A bpffs that is nowhere has nothing above it.
    if (above.length === 0) above.push(from);
    let inode: Inode = above.at(-1)!;
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    for (const part of parts) {
      if (inode.kind !== 'dir') refuse('ENOTDIR');
      if (who && !permits(who, inode, MAY_EXEC)) refuse('EACCES', 'a directory is closed');
      if (part === '..') {
        if (above.length > 1) above.pop();
        inode = above.at(-1)!;
        continue;
      }
      inode = this.#lookup(inode, part) ?? refuse('ENOENT', `nothing is at '${path}'`);
      if (inode.kind === 'symlink') {
        inode = this.#walk(inode.target, above.at(-1)!, who, links + 1);
      }
      if (inode.kind === 'dir') above.push(inode);
    }
    if (path.endsWith('/') && inode.kind !== 'dir') refuse('ENOTDIR');
    return inode;
  }

  /** The directories from the root to one. */
  #wayTo(wanted: Directory, from: Directory = this.root): Directory[] {
    if (wanted === from) return [from];
    for (const each of from.entries.values()) {
      const rest = each.kind === 'dir' ? this.#wayTo(wanted, each) : [];
      if (rest.length > 0) return [from, ...rest];
    }
    return [];
  }

  /** Names with a dot are bpffs's own. */
  #lookup(parent: Directory, name: string): Inode | undefined {
    if (name.length > NAME_MAX) refuse('ENAMETOOLONG');
    const known = parent.entries.get(name);
    if (!known && parent.mount && name.includes('.'))
      refuse('EPERM', 'names with dots are reserved');
    return known;
  }
}

function checkPath(path: string): void {
  if (path === '') refuse('ENOENT', 'the path is empty');
  if (path.length >= PATH_MAX) refuse('ENAMETOOLONG');
}

function isBelow(inode: Directory, top: Directory): boolean {
  if (inode === top) return true;
  for (const each of top.entries.values()) {
    if (each.kind === 'dir' && isBelow(inode, each)) return true;
  }
  return false;
}
