/** Kernel functions that programs may call, and which programs may (kernel/bpf/btf.c). */
import * as c from '../generated/6.12/constants.ts';
import { enums } from '../generated/6.12/enums.ts';
import { rawKfuncSets, type RawKfuncSet } from '../generated/6.12/kfuncs.ts';
import { type KernelTables, newestTables } from '../tables.ts';

/** KF_* flags of include/linux/btf.h. */
export const kfuncFlags = {
  ACQUIRE: 1 << 0,
  RELEASE: 1 << 1,
  RET_NULL: 1 << 2,
  /** Takes a reference of what a kptr holds; older kernels only. */
  KPTR_GET: 1 << 3,
  TRUSTED_ARGS: 1 << 4,
  SLEEPABLE: 1 << 5,
  DESTRUCTIVE: 1 << 6,
  RCU: 1 << 7,
  ITER_NEW: 1 << 8,
  ITER_NEXT: 1 << 9,
  ITER_DESTROY: 1 << 10,
  RCU_PROTECTED: 1 << 11,
} as const;

export interface KfuncDef {
  readonly name: string;
  /** Id of its FUNC in the kernel's BTF. */
  readonly id: number;
  /** `kfuncFlags` bits. */
  readonly flags: number;
  /** The kernel's variable that holds the set it is in. */
  readonly set: string;
}

/** Program types that share the kfuncs registered for one of them: hook → program types. */
const HOOKS: readonly (readonly number[])[] = [
  [c.BPF_PROG_TYPE_XDP],
  [c.BPF_PROG_TYPE_SCHED_CLS],
  [c.BPF_PROG_TYPE_SCHED_ACT],
  [c.BPF_PROG_TYPE_STRUCT_OPS],
  [
    c.BPF_PROG_TYPE_TRACING,
    c.BPF_PROG_TYPE_TRACEPOINT,
    c.BPF_PROG_TYPE_PERF_EVENT,
    c.BPF_PROG_TYPE_LSM,
  ],
  [c.BPF_PROG_TYPE_SYSCALL],
  [
    c.BPF_PROG_TYPE_CGROUP_SKB,
    c.BPF_PROG_TYPE_CGROUP_SOCK,
    c.BPF_PROG_TYPE_CGROUP_DEVICE,
    c.BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
    c.BPF_PROG_TYPE_CGROUP_SOCKOPT,
    c.BPF_PROG_TYPE_CGROUP_SYSCTL,
  ],
  [c.BPF_PROG_TYPE_SK_SKB],
  [c.BPF_PROG_TYPE_SOCKET_FILTER],
  [
    c.BPF_PROG_TYPE_LWT_OUT,
    c.BPF_PROG_TYPE_LWT_IN,
    c.BPF_PROG_TYPE_LWT_XMIT,
    c.BPF_PROG_TYPE_LWT_SEG6LOCAL,
  ],
  [c.BPF_PROG_TYPE_NETFILTER],
  [c.BPF_PROG_TYPE_KPROBE],
];

/** Programs that a filter function of the kernel lets through. */
export interface KfuncFilter {
  /** BPF_PROG_TYPE_* numbers. */
  readonly types?: readonly number[];
  /** Expected attach types, by BPF_* name. */
  readonly attach?: readonly (keyof typeof enums.bpf_attach_type)[];
}

const LSM_ONLY: KfuncFilter = { types: [c.BPF_PROG_TYPE_LSM] };

const FILTERS: Readonly<Record<string, KfuncFilter>> = {
  bpf_kprobe_multi_filter: {
    types: [c.BPF_PROG_TYPE_KPROBE],
    attach: ['BPF_TRACE_KPROBE_SESSION'],
  },
  bpf_get_fsverity_digest_filter: LSM_ONLY,
  bpf_fs_kfuncs_filter: LSM_ONLY,
  tracing_iter_filter: { attach: ['BPF_TRACE_ITER'] },
};

/** The filter of a set, if it has one. */
export function kfuncFilter(set: RawKfuncSet): KfuncFilter | undefined {
  return set.filter === undefined ? undefined : FILTERS[set.filter]!;
}

/** The filter lets programs of that type and expected attach type through. */
export function passesFilter(filter: KfuncFilter, type: number, attachType: number): boolean {
  if (filter.types && !filter.types.includes(type)) return false;
  return filter.attach?.some((name) => enums.bpf_attach_type[name] === attachType) ?? true;
}

type Hooks = readonly (readonly number[])[];

function setIsFor(set: RawKfuncSet, type: number, attachType: number, hooks: Hooks): boolean {
  const filter = kfuncFilter(set);
  return (!filter || passesFilter(filter, type, attachType)) && isRegistered(set, type, hooks);
}

/** Programs of the type may call what is in the set, but for its filter. */
export function isRegistered(set: RawKfuncSet, type: number, hooks: Hooks = HOOKS): boolean {
  const hook = hooks.find((types) => types.includes(type));
  const registered = set.programs.map(programTypeOf);
  return registered.some((id) => id === c.BPF_PROG_TYPE_UNSPEC || hook?.includes(id));
}
const types = enums.bpf_prog_type;
const programTypeOf = (name: string): number => types[name as keyof typeof types];

const defined = new WeakMap<RawKfuncSet, readonly KfuncDef[]>();

/** What is in a set: the same objects every time. */
export function definitions(name: string, set: RawKfuncSet): readonly KfuncDef[] {
  let defs = defined.get(set);
  if (!defs) {
    defs = Object.entries(set.kfuncs).map(([kfunc, [id, flags]]) => ({
      name: kfunc,
      id,
      flags,
      set: name,
    }));
    defined.set(set, defs);
  }
  return defs;
}

type KfuncSets = Readonly<Record<string, RawKfuncSet>>;

const known = new WeakMap<KfuncSets, Map<number, ReadonlyMap<number, KfuncDef>>>();

/** The same for sets registered by others than the kernel itself. */
export function kfuncsIn(
  sets: KfuncSets,
  programType: number,
  attachType: number,
  hooks: Hooks = HOOKS,
): ReadonlyMap<number, KfuncDef> {
  let tables = known.get(sets);
  if (!tables) known.set(sets, (tables = new Map()));
  const key = programType * 256 + attachType;
  let kfuncs = tables.get(key);
  if (!kfuncs) {
    const open = Object.entries(sets).filter(([, set]) =>
      setIsFor(set, programType, attachType, hooks),
    );
    const rows = open.flatMap(([name, set]) => definitions(name, set));
    tables.set(key, (kfuncs = new Map(rows.map((row) => [row.id, row]))));
  }
  return kfuncs;
}

/**
 * Kfuncs of the kernel itself that programs of a type (of the program it replaces, for EXT) and
 * expected attach type may call: BTF id → definition.
 */
export function kfuncsOf(
  programType: number,
  attachType = 0,
  { kfuncSets, kfuncHooks }: KernelTables = newestTables,
): ReadonlyMap<number, KfuncDef> {
  return kfuncsIn(kfuncSets, programType, attachType, hooksOf(kfuncHooks));
}

const hookNumbers = new WeakMap<readonly (readonly string[])[], Hooks>();

/** Program types that share kernel functions, of a kernel's tables. */
export function hooksOf(names: KernelTables['kfuncHooks']): Hooks {
  if (!names) return HOOKS;
  let hooks = hookNumbers.get(names);
  if (!hooks) hookNumbers.set(names, (hooks = names.map((group) => group.map(programTypeOf))));
  return hooks;
}

const named = new WeakMap<KfuncSets, ReadonlyMap<string, KfuncDef>>();

/** Kfuncs of some sets by name, whoever may call them. */
export function kfuncsByName(sets: KfuncSets): ReadonlyMap<string, KfuncDef> {
  let byName = named.get(sets);
  if (!byName) {
    const rows = Object.entries(sets)
      .filter(([, set]) => !set.programs.includes('fmod_ret'))
      .flatMap(([setName, set]) => definitions(setName, set));
    named.set(sets, (byName = new Map(rows.map((row) => [row.name, row]))));
  }
  return byName;
}

/** A kfunc of the kernel itself by name, whoever may call it. */
export function kfuncByName(name: string, tables = newestTables): KfuncDef | undefined {
  return kfuncsByName(tables.kfuncSets).get(name);
}

/** The names of all kfuncs of the kernel itself. */
export function kfuncNames(): string[] {
  return [...kfuncsByName(rawKfuncSets).keys()];
}

const modifiable = new WeakMap<KfuncSets, ReadonlyMap<number, number>>();

function modifiableIn(sets: KfuncSets): ReadonlyMap<number, number> {
  let flags = modifiable.get(sets);
  if (!flags) {
    const rows = Object.entries(sets)
      .filter(([, set]) => set.programs.includes('fmod_ret'))
      .flatMap(([name, set]) => definitions(name, set));
    modifiable.set(sets, (flags = new Map(rows.map((row) => [row.id, row.flags]))));
  }
  return flags;
}

/**
 * KF_* flags of a function whose return value fmod_ret programs may change because the kernel
 * registered it for that; undefined for others (names that start with `security_` are fine, too).
 */
export function modifyReturnFlags(btfId: number, tables = newestTables): number | undefined {
  return modifiableIn(tables.kfuncSets).get(btfId);
}

/** Function that releases an object of the kernel struct `name` owned by a map value (kptr). */
export function kptrDestructor(
  name: string,
  { kptrDestructors }: KernelTables = newestTables,
): string | undefined {
  return Object.hasOwn(kptrDestructors, name) ? kptrDestructors[name] : undefined;
}
