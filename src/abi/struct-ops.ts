/** Tables of operations that programs may fill (struct bpf_struct_ops), and what holds in each. */
import type { KernelModule, ModuleStructOps, OperationDemand, OperationMasks } from './modules.ts';

/** Those the kernel itself has. */
const KERNEL_TABLES: Readonly<Record<string, ModuleStructOps>> = {
  tcp_congestion_ops: {
    supported: [
      'ssthresh',
      'cong_avoid',
      'set_state',
      'cwnd_event',
      'in_ack_event',
      'pkts_acked',
      'min_tso_segs',
      'cong_control',
      'undo_cwnd',
      'sndbuf_expand',
      'init',
      'release',
    ],
  },
  bpf_dummy_ops: {
    supported: ['test_1', 'test_2', 'test_sleepable'],
    sleepable: ['test_sleepable'],
  },
};

const own = (tables: Readonly<Record<string, ModuleStructOps>>, name: string) =>
  Object.hasOwn(tables, name) ? tables[name] : undefined;

/** A table of the kernel or, with `module`, of that module. */
export function structOpsTable(name: string, module?: KernelModule): ModuleStructOps | undefined {
  return own(module?.structOps ?? KERNEL_TABLES, name);
}

/** The tables of a kernel with these modules: struct name → its facts. */
export function structOpsTables(
  modules: readonly KernelModule[],
): ReadonlyMap<string, ModuleStructOps> {
  const all = [KERNEL_TABLES, ...modules.map(({ structOps }) => structOps)];
  return new Map(all.flatMap((tables) => Object.entries(tables)));
}

/** The program of a member may be a sleepable one. */
export function memberMaySleep({ sleepable }: ModuleStructOps, member: string): boolean {
  return sleepable?.includes(member) ?? true;
}

/** An operation of a table, as kernel functions meet it at run time. */
export interface Operation {
  /** The kernel's struct: 'sched_ext_ops'. */
  readonly table: string;
  readonly member: string;
}

/** Why a kernel function refuses to work when it is called from an operation. */
export interface OperationRefusal {
  /** The table whose masks forbid it. */
  readonly table: string;
  readonly demand: OperationDemand;
  /** What is set in the operation: 0 also where nothing of this table runs. */
  readonly mask: number;
  readonly masks: OperationMasks;
}

const allows = (mask: number, { mask: wanted, unlocked }: OperationDemand): boolean =>
  (mask & wanted) !== 0 || (unlocked === true && mask === 0);

/**
 * What Linux 6.12 finds at run time only (scx_kf_allowed): `kfunc` of `module` is called from
 * `operation` (undefined: from a program or a callback that no operation is waiting for), whose
 * mask forbids it. Undefined: nothing is wrong.
 */
export function operationRefusal(
  kfunc: string,
  module: Pick<KernelModule, 'structOps'> | undefined,
  operation: Operation | undefined,
): OperationRefusal | undefined {
  for (const [table, { masks }] of Object.entries(module?.structOps ?? {})) {
    if (!masks || !Object.hasOwn(masks.kfuncs, kfunc)) continue;
    const mask = operation?.table === table ? (masks.members[operation.member] ?? 0) : 0;
    const demand = masks.kfuncs[kfunc]!;
    return allows(mask, demand) ? undefined : { table, demand, mask, masks };
  }
  return undefined;
}

/** Operations of the table in which the function works. */
export function operationsFor({ masks, demand }: Pick<OperationRefusal, 'masks' | 'demand'>) {
  return Object.keys(masks.members).filter((member) => allows(masks.members[member]!, demand));
}

/** Operations in which a kernel function works that does not in all: 'sched_ext_ops.dispatch'. */
export function operationsThatMay(kfunc: string, modules: readonly KernelModule[]): string[] {
  for (const [table, { masks }] of structOpsTables(modules)) {
    const demand = masks && Object.hasOwn(masks.kfuncs, kfunc) ? masks.kfuncs[kfunc] : undefined;
    if (masks && demand) return operationsFor({ masks, demand }).map((it) => `${table}.${it}`);
  }
  return [];
}

/** What the function wants, in the kernel's words. */
export function demandWords({ demand, masks }: OperationRefusal): string {
  return `${maskWords(demand.mask, masks)}${demand.unlocked ? ' or unlocked' : ''}`;
}

/** The kernel's words for the bits: 'SCX_KF_ENQUEUE|SCX_KF_DISPATCH'; 'unlocked' for none. */
export function maskWords(mask: number, { words }: OperationMasks): string {
  const set = Object.entries(words).filter(([, bit]) => mask & bit);
  return set.length > 0 ? set.map(([word]) => word).join('|') : 'unlocked';
}
