/** Storage of cgroups that programs are attached to (kernel/bpf/local_storage.c). */
import type { Runtime } from '../../runtime/index.ts';
import { refuse } from '../errno.ts';
import type { MachineMap } from '../map.ts';
import type { MachineProgram } from '../program.ts';

type Numeric = (...args: (number | bigint)[]) => number;

/** An element of a map for one cgroup (struct bpf_cgroup_storage). */
export interface Storage {
  readonly map: MachineMap;
  readonly element: number;
}

/** Of one attached program: at most one shared and one per CPU. */
export type Storages = readonly Storage[];

export const NO_STORAGES: Storages = [];

/** The maps of a program whose elements belong to cgroups. */
export function storageMaps({ maps }: MachineProgram): readonly MachineMap[] {
  return maps.filter(({ facts }) => facts.perAttachment);
}

/** Elements for a program at a cgroup; those that are there are used. Throws KernelError ENOMEM. */
export function linkStorages(
  runtime: Runtime,
  program: MachineProgram,
  id: bigint,
  attachType: number,
): Storages {
  const maps = storageMaps(program);
  if (maps.length === 0) return NO_STORAGES;
  const link = runtime.exports['cgroup_storage_link'] as Numeric;
  return maps.map((map) => {
    const element = link(map.runtimeMap.address, id, attachType) >>> 0;
    if (element === 0) refuse('ENOMEM', `no memory for an element of map '${map.spec.name}'`);
    return { map, element };
  });
}

/** The cgroup has gone: nobody finds its values any more. */
export function unlinkStorage(runtime: Runtime, { map, element }: Storage): void {
  if (!map.alive) return;
  (runtime.exports['cgroup_storage_unlink'] as Numeric)(map.runtimeMap.address, element);
}

/** bpf_get_local_storage gives these from now on; `on` false: nothing. */
export function enterStorages(runtime: Runtime, storages: Storages, on: boolean): void {
  for (const { map, element } of storages) {
    const { address, prefix } = map.runtimeMap;
    (runtime.exports[`${prefix}_enter`] as Numeric)(address, on ? element : 0);
  }
}
