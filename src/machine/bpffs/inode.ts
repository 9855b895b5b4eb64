import type { Delegation, UserNamespace } from '../../security/index.ts';
import type { KernelObject } from '../objects/object.ts';

/** What a pin can hold. */
export type PinKind = 'map' | 'prog' | 'link';

/** Whose an inode is, and who may do what with it. */
export interface Ownership {
  /** Of the first user namespace. */
  uid: number;
  gid: number;
  mode: number;
}

/** A directory of bpffs, or of what is around it. */
export interface Directory extends Ownership {
  readonly kind: 'dir';
  readonly ino: number;
  /** Undefined: not bpffs, nothing can be pinned in it. */
  readonly mount: Mount | undefined;
  readonly entries: Map<string, Inode>;
}

/** A map, program or link that is pinned. */
export interface Pin extends Ownership {
  readonly kind: PinKind;
  readonly ino: number;
  readonly object: KernelObject;
  /** Gives up what the pin holds. */
  release(): void;
}

export interface Symlink extends Ownership {
  readonly kind: 'symlink';
  readonly ino: number;
  readonly target: string;
}

export type Inode = Directory | Pin | Symlink;

/** Options of a bpffs (struct bpf_mount_opts). */
export interface MountOptions extends Ownership {
  /** What tokens made of it allow. */
  delegate: Delegation;
}

/** An instance of bpffs (its super block). */
export interface Mount extends Readonly<MountOptions> {
  /** Where it is; undefined: only a file descriptor has it. */
  path: string | undefined;
  /** Whose capabilities count in it. */
  readonly userns: UserNamespace;
  readonly root: Directory;
}

export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
/** A directory of bpffs is writable by all, and only owners take files out. */
export const ROOT_MODE = 0o1777;
