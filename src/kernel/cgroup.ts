/** The contract of cgroups: one hierarchy, of version 2. Types only. */
import type { KernelOwner } from './types.ts';

/**
 * A cgroup: tasks and sockets belong to one, programs are attached to it. `free` is rmdir(2), also
 * of those below: its programs leave when its last socket is closed. Throws KernelError EBUSY for
 * the root and for cgroups with tasks.
 */
export interface KernelCgroup extends KernelOwner {
  /** '/kube/pod1'; '/' is the root. */
  readonly path: string;
  /** What programs know it by: the number of its directory's inode. The root has 1. */
  readonly id: bigint;
  /** How many are above it. */
  readonly level: number;
  readonly parent: KernelCgroup | undefined;
  /** Those right below it, by name. */
  readonly children: ReadonlyMap<string, KernelCgroup>;
  /** Does something as a task of it: sockets that are made meanwhile belong to it. */
  run<Result>(work: () => Result): Result;
  /**
   * A task of it opens or makes a device: programs of type cgroup_device are asked, nothing else
   * happens. Throws KernelError EPERM.
   */
  openDevice(access: DeviceAccess): void;
}

/** What a task wants of a device. */
export interface DeviceAccess {
  readonly kind: 'block' | 'char';
  readonly major: number;
  readonly minor: number;
  readonly wants: readonly ('mknod' | 'read' | 'write')[];
}

/** How programs of one cgroup go with others at the same hook. */
export type CgroupSharing = 'multi' | 'override' | 'none';
