/** Every kernel function seen from one place: may a program there call it, and if not, why. */
import type { RawKfuncSet } from '../generated/6.12/kfuncs.ts';
import type { KernelModule } from '../modules.ts';
import { attachTypeName, programTypeName } from '../names.ts';
import type { KernelProfile } from '../profile.ts';
import {
  demandWords,
  type Operation,
  maskWords,
  operationRefusal,
  operationsFor,
} from '../struct-ops.ts';
import { enums } from '../generated/6.12/enums.ts';
import type { CallContract } from './contract.ts';
import {
  definitions,
  hooksOf,
  isRegistered,
  type KfuncDef,
  kfuncFilter,
  kfuncFlags,
  kfuncsByName,
  passesFilter,
} from './kfunc-sets.ts';
import { isKfuncAllowedHere, kfuncContract } from './kfuncs.ts';

/** Where a program is attached, as far as that decides about kernel functions. */
export interface KfuncPlace {
  /** BPF_PROG_TYPE_* */
  readonly type: number;
  /** Expected attach type; 0 where there is none. */
  readonly attachType: number;
  /** It was loaded as a sleepable program, may be, or can not. */
  readonly sleepable: 'yes' | 'possible' | 'no';
  /** struct_ops. */
  readonly operation?: Operation;
}

/**
 * Why a kernel function can not be called, or not just so: 'hook' it is registered for others,
 * 'filter' its set refuses some programs of the type, 'run_time' Linux 6.12 loads the call and
 * refuses it when it runs, 'sleepable' it wants a sleepable program, 'capability' more than the
 * usual ones, 'device' a program loaded for one network device, 'only_in' certain programs.
 */
export type KfuncObstacle =
  | 'hook'
  | 'filter'
  | 'run_time'
  | 'sleepable'
  | 'capability'
  | 'device'
  | 'only_in';

export interface KfuncAccess {
  readonly kfunc: KfuncDef;
  /** Module that must be loaded. */
  readonly module?: string;
  readonly flags: readonly string[];
  readonly programs: readonly string[];
  /** 'if': something must be the case that the place does not say. */
  readonly callable: 'yes' | 'if' | 'no';
  readonly obstacle?: KfuncObstacle;
  /** The obstacle in words. */
  readonly why?: string;
}

/** A set with what brings it. */
interface Entry {
  readonly set: RawKfuncSet;
  readonly kfunc: KfuncDef;
  readonly module: KernelModule | undefined;
}

/** All that can be called, by any program; those in several sets as often. */
function entriesOf({ modules, tables }: KernelProfile): Entry[] {
  const of = (sets: Readonly<Record<string, RawKfuncSet>>, module: KernelModule | undefined) =>
    Object.entries(sets)
      .filter(([, set]) => !set.programs.includes('fmod_ret'))
      .flatMap(([name, set]) => definitions(name, set).map((kfunc) => ({ set, kfunc, module })));
  return [of(tables.kfuncSets, undefined), ...modules.map((it) => of(it.kfuncs, it))].flat();
}

/**
 * Every kernel function of a kernel with its modules and whether a program at `place` may call it,
 * in the order of their names. Without a place, whoever may call them: all are 'yes'.
 *
 * @example
 * kfuncAccess(kernel, { type: constants.BPF_PROG_TYPE_XDP, attachType: 0, sleepable: 'no' })
 *   .filter(({ callable }) => callable === 'yes');
 */
export function kfuncAccess(kernel: KernelProfile, place?: KfuncPlace): KfuncAccess[] {
  const byName = new Map<string, Entry[]>();
  for (const entry of entriesOf(kernel)) {
    const key = `${entry.module?.name ?? ''}:${entry.kfunc.name}`;
    byName.set(key, [...(byName.get(key) ?? []), entry]);
  }
  const rows = [...byName.values()].map((entries) => accessOf(kernel, entries, place));
  return rows.sort((a, b) => (a.kfunc.name < b.kfunc.name ? -1 : 1));
}

type Judgement = Pick<KfuncAccess, 'callable' | 'obstacle' | 'why'>;

function accessOf(kernel: KernelProfile, entries: Entry[], place: KfuncPlace | undefined) {
  const hooks = hooksOf(kernel.tables.kfuncHooks);
  const here = place && entries.find(({ set }) => isRegistered(set, place.type, hooks));
  const { kfunc, module } = here ?? entries[0]!;
  const programs = [...new Set(entries.flatMap(({ set }) => programWords(set)))];
  const judgement: Judgement = !place
    ? { callable: 'yes' }
    : !here
      ? no('hook', `registered for ${programs.join(', ')}`)
      : judge(kernel, here, place);
  const flags = kfuncFlagWords(kfunc.flags);
  return { kfunc, ...(module && { module: module.name }), flags, programs, ...judgement };
}

const no = (obstacle: KfuncObstacle, why: string): Judgement => ({ callable: 'no', obstacle, why });

function judge(kernel: KernelProfile, { set, kfunc, module }: Entry, place: KfuncPlace): Judgement {
  const filter = kfuncFilter(set);
  if (filter && !passesFilter(filter, place.type, place.attachType)) {
    return no('filter', `its filter lets only ${filterWords(filter)} through`);
  }
  const refusal = operationRefusal(kfunc.name, module, place.operation);
  if (refusal) {
    return no(
      'run_time',
      `wants ${demandWords(refusal)}, here is ${maskWords(refusal.mask, refusal.masks)}; ` +
        `in ${operationsFor(refusal).join(', ')} of ${refusal.table}`,
    );
  }
  const btf = module?.btf() ?? kernel.btf();
  return conditions(kfuncContract(btf, kfunc, module?.name), place);
}

function conditions(contract: CallContract, place: KfuncPlace): Judgement {
  const asks = (obstacle: KfuncObstacle, why: string): Judgement => ({
    callable: 'if',
    obstacle,
    why,
  });
  if (contract.maySleep && place.sleepable !== 'yes') {
    const why = 'it may sleep: only in sleepable programs';
    return place.sleepable === 'no' ? no('sleepable', why) : asks('sleepable', why);
  }
  const { type: programType, attachType } = place;
  const caller = { programType, attachType, sleepable: place.sleepable === 'yes' };
  if (!isKfuncAllowedHere(contract, caller)) {
    const why = `only in ${contract.onlyIn}`;
    return place.sleepable === 'possible' ? asks('only_in', why) : no('only_in', why);
  }
  const { operations } = contract;
  const here = place.operation && `${place.operation.table}.${place.operation.member}`;
  if (operations && here && !operations.includes(here)) {
    return no('filter', `only in ${operations.join(', ')}`);
  }
  if (contract.destructive) return asks('capability', 'destructive: needs CAP_SYS_BOOT');
  if (contract.deviceBound) return asks('device', 'the program must be loaded for one device');
  return { callable: 'yes' };
}

/** Program types a set is registered for, in bpftool's words. */
function programWords({ programs }: RawKfuncSet): string[] {
  const types: Readonly<Record<string, number>> = enums.bpf_prog_type;
  return programs.map((name) => (types[name] === 0 ? 'all' : programTypeName(types[name]!)));
}

function filterWords({ types, attach }: NonNullable<ReturnType<typeof kfuncFilter>>): string {
  const attachNumbers = enums.bpf_attach_type;
  return [
    ...(types ?? []).map(programTypeName),
    ...(attach ?? []).map((name) => attachTypeName(attachNumbers[name])),
  ].join('/');
}

/** KF_* flags without KF_, in lower case: 'acquire', 'ret_null'. */
export function kfuncFlagWords(flags: number): string[] {
  return Object.entries(kfuncFlags)
    .filter(([, bit]) => flags & bit)
    .map(([word]) => word.toLowerCase());
}

/** The contract of a kernel function by its id in the BTF of the kernel or of a module. */
export function kfuncById(
  kernel: KernelProfile,
  id: number,
  moduleName?: string,
): CallContract | undefined {
  const module = kernel.modules.find(({ name }) => name === moduleName);
  const byName = kfuncsByName(module ? module.kfuncs : kernel.tables.kfuncSets);
  const btf = module?.btf() ?? kernel.btf();
  const def = id < btf.count ? byName.get(btf.type(id).name) : undefined;
  return def?.id === id ? kfuncContract(btf, def, module?.name) : undefined;
}
