import type { KernelObject } from '../objects/object.ts';

/** What a pin can hold. */
export type PinKind = 'map' | 'prog' | 'link';

/** A directory of bpffs, or of what is around it. */
export interface Directory {
  readonly kind: 'dir';
  readonly ino: number;
  mode: number;
  /** Undefined: not bpffs, nothing can be pinned in it. */
  readonly mount: Mount | undefined;
  readonly entries: Map<string, Inode>;
}

/** A map, program or link that is pinned. */
export interface Pin {
  readonly kind: PinKind;
  readonly ino: number;
  mode: number;
  readonly object: KernelObject;
  /** Gives up what the pin holds. */
  release(): void;
}

export interface Symlink {
  readonly kind: 'symlink';
  readonly ino: number;
  readonly mode: number;
  readonly target: string;
}

export type Inode = Directory | Pin | Symlink;

/** Options a bpffs was mounted with (Documentation/bpf: delegate_* are for tokens). */
export interface Mount {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bits of enum bpf_cmd, bpf_map_type, bpf_prog_type and bpf_attach_type. */
  readonly delegate: Readonly<Record<'cmds' | 'maps' | 'progs' | 'attachs', bigint>>;
}

export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
/** A directory of bpffs is writable by all, and only owners take files out. */
export const ROOT_MODE = 0o1777;
