/** Who may call what a contract describes: program types, and struct_ops tables by member. */
import * as c from '../generated/6.12/constants.ts';
import { rawKfuncSets, type RawKfuncSet } from '../generated/6.12/kfuncs.ts';
import type { KernelModule } from '../modules.ts';
import { helperName, programTypeName } from '../names.ts';
import { canBeSleepable, programTypeNumbers } from '../program-rules.ts';
import type { CallContract, CallScope } from './contract.ts';
import { closedMembers, structOpsSelectors } from './helper-choice.ts';
import { availabilityRow, helperAvailability, helperRow } from './helpers.ts';
import { isRegistered, kfuncFilter } from './kfunc-sets.ts';

/** Types whose programs the user can ask for by name; EXT has the rules of its target. */
const TYPES = programTypeNumbers.filter((type) => type !== c.BPF_PROG_TYPE_EXT);

/** Expected attach types by which a program type can be loaded as sleepable. */
const SLEEPABLE_ATTACH = [0, c.BPF_TRACE_FENTRY, c.BPF_LSM_MAC];

const maySleep = (type: number): boolean =>
  SLEEPABLE_ATTACH.some((attach) => canBeSleepable(type, attach));

type Row = Omit<CallScope, 'type' | 'sleepable'>;

/**
 * The programs that may call it, in the order of their types' numbers; helpers and kfuncs only: a
 * program's own functions are for whoever has them. `modules`: those that are loaded.
 */
export function callScope(
  contract: CallContract,
  modules: readonly KernelModule[],
): readonly CallScope[] {
  return TYPES.flatMap((type) => {
    if (contract.maySleep && !maySleep(type)) return [];
    const sleepable = contract.maySleep ? { sleepable: true } : {};
    const rows = rowsOf(contract, type, modules);
    return rows.map((row) => ({ type: programTypeName(type), ...row, ...sleepable }));
  });
}

function rowsOf(contract: CallContract, type: number, modules: readonly KernelModule[]): Row[] {
  if (contract.callee === 'kfunc') return kfuncRows(contract, type, modules);
  if (contract.callee !== 'helper') return [];
  if (type === c.BPF_PROG_TYPE_STRUCT_OPS) return structOpsRows(contract, modules);
  const available = helperAvailability(type, contract.id!);
  if (!available) return [];
  const { contract: _, ...row } = available;
  return [row];
}

function structOpsRows(contract: CallContract, modules: readonly KernelModule[]): Row[] {
  const tables = new Map(Object.entries(structOpsSelectors));
  for (const { structOps } of modules) {
    for (const [struct, { helpers }] of Object.entries(structOps)) {
      if (helpers !== undefined) tables.set(struct, helpers);
    }
  }
  return [...tables].flatMap(([structOps, selector]) => {
    const raw = helperRow(selector, contract.id!);
    const { contract: _, ...row } = (raw && availabilityRow(contract.id!, raw)) ?? {};
    if (!raw) return [];
    const exceptMembers = closedMembers(selector, helperName(contract.id!)!);
    return [{ ...row, structOps, ...(exceptMembers && { exceptMembers }) }];
  });
}

function kfuncRows(contract: CallContract, type: number, modules: readonly KernelModule[]): Row[] {
  const module = modules.find(({ name }) => name === contract.module);
  const sets: readonly RawKfuncSet[] = Object.values(module ? module.kfuncs : rawKfuncSets);
  const open = sets.filter((set) => holds(set, contract) && isRegistered(set, type));
  const filters = open.map(kfuncFilter).filter((filter) => filter?.types?.includes(type) ?? true);
  if (filters.length === 0) return [];
  const capability = contract.destructive ? { capability: 'CAP_SYS_BOOT' } : {};
  // A set without a filter is open to all.
  const attach = filters.every((filter) => filter?.attach) && {
    attach: filters.flatMap((filter) => filter!.attach!),
  };
  return [{ ...capability, ...attach }];
}

function holds({ kfuncs }: RawKfuncSet, { name, id }: CallContract): boolean {
  return Object.hasOwn(kfuncs, name) && kfuncs[name]![0] === id;
}
