import { enums } from '../../abi/index.ts';

/**
 * What the passes ask of program and map types. Data in the form of the tables of `abi`: rows by
 * type, never a switch in the passes.
 */
const programs = enums.bpf_prog_type;
const maps = enums.bpf_map_type;

/** Programs with a function prototype of the kernel, or of another program, to go by. */
export const BTF_ATTACHED_TYPES: ReadonlySet<number> = new Set([
  programs.BPF_PROG_TYPE_TRACING,
  programs.BPF_PROG_TYPE_LSM,
  programs.BPF_PROG_TYPE_EXT,
]);

/** Programs the kernel gives a stack of their own when they are large (bpf_enable_priv_stack). */
export const PRIVATE_STACK_TYPES: ReadonlySet<number> = new Set([
  programs.BPF_PROG_TYPE_KPROBE,
  programs.BPF_PROG_TYPE_TRACEPOINT,
  programs.BPF_PROG_TYPE_PERF_EVENT,
  programs.BPF_PROG_TYPE_RAW_TRACEPOINT,
]);

/** One of each may be used by a program. */
export const CGROUP_STORAGE_MAPS: ReadonlySet<number> = new Set([
  maps.BPF_MAP_TYPE_CGROUP_STORAGE,
  maps.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
]);

export const STRUCT_OPS_MAP: number = maps.BPF_MAP_TYPE_STRUCT_OPS;
export const ARENA_MAP: number = maps.BPF_MAP_TYPE_ARENA;
export const ARRAY_MAP: number = maps.BPF_MAP_TYPE_ARRAY;

/** Licences under which a program may use what the kernel exports to GPL code only. */
const GPL_LICENSES: ReadonlySet<string> = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
]);

/** Mirrors license_is_gpl_compatible. */
export function isGplCompatible(license: string): boolean {
  return GPL_LICENSES.has(license);
}
