import {
  attachTypeId,
  constants,
  enums,
  extensionMapTypes,
  helperId,
  isExtensionMap,
  mapRules,
  mapTypeName,
  programTypeId,
} from '../abi/index.ts';
import type { KernelProfile } from '../abi/profile.ts';
import { KernelError } from '../base/index.ts';
import type { Btf } from '../btf/index.ts';
import type {
  MapRelocation,
  MapSpec,
  ObjectFile,
  ProgramSpec,
  RelocatedProgram,
} from '../object/index.ts';
import { relocateProgram } from '../object/index.ts';
import { INSN_SIZE, CALL } from '../isa/index.ts';
import { btfLoads } from './btf/loadable.ts';
import { attachTarget } from './input-attach.ts';
import type { VerifierBranch, VerifierInput, VerifierMap } from './types.ts';

/** What the loader adds to what stands in the object file. */
export interface InputOptions {
  /** Name of the object (libbpf: of the file, up to the first dot), part of names of data maps. */
  readonly objectName?: string;
  /** The program that an extension replaces, or that a tracing program looks at. */
  readonly target?: VerifierInput;
  /** BPF_F_* flags beside those the section asks for. */
  readonly flags?: number;
  /**
   * The loader may not load BTF (it has no CAP_BPF): program and maps go without. libbpf then also
   * takes the kernel for one that has only the oldest helpers that read memory.
   */
  readonly withoutBtf?: boolean;
  /** The program relocated already, by a kernel that has not all the profile has. */
  readonly relocated?: RelocatedProgram;
}

const programTypes = enums.bpf_prog_type;

/** Programs that see none of the kernel's own structs but by kernel functions and sockets. */
const SLIM_TYPES: readonly number[] = [
  programTypes.BPF_PROG_TYPE_SOCKET_FILTER,
  programTypes.BPF_PROG_TYPE_SCHED_CLS,
  programTypes.BPF_PROG_TYPE_SCHED_ACT,
  programTypes.BPF_PROG_TYPE_XDP,
  programTypes.BPF_PROG_TYPE_CGROUP_SKB,
  programTypes.BPF_PROG_TYPE_CGROUP_SOCK,
  programTypes.BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
  programTypes.BPF_PROG_TYPE_CGROUP_SOCKOPT,
  programTypes.BPF_PROG_TYPE_CGROUP_SYSCTL,
  programTypes.BPF_PROG_TYPE_CGROUP_DEVICE,
  programTypes.BPF_PROG_TYPE_LWT_IN,
  programTypes.BPF_PROG_TYPE_LWT_OUT,
  programTypes.BPF_PROG_TYPE_LWT_XMIT,
  programTypes.BPF_PROG_TYPE_LWT_SEG6LOCAL,
  programTypes.BPF_PROG_TYPE_SOCK_OPS,
  programTypes.BPF_PROG_TYPE_SK_SKB,
  programTypes.BPF_PROG_TYPE_SK_MSG,
  programTypes.BPF_PROG_TYPE_SK_LOOKUP,
  programTypes.BPF_PROG_TYPE_SK_REUSEPORT,
  programTypes.BPF_PROG_TYPE_FLOW_DISSECTOR,
];

const { BPF_F_RDONLY_PROG, BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS, BPF_OBJ_NAME_LEN } = constants;
const PAGE_SIZE = 4096;

/**
 * The program of an object file as BPF_PROG_LOAD would get it from libbpf. Throws `KernelError`
 * where libbpf refuses to load: no such symbol, no such attach target.
 */
export function verifierInput(
  object: ObjectFile,
  program: ProgramSpec,
  profile: KernelProfile,
  options: InputOptions = {},
): VerifierInput {
  const type = program.type === undefined ? undefined : programTypeId(program.type);
  if (type === undefined) {
    throw new KernelError('EINVAL', 22, `section '${program.section}' tells no program type`);
  }
  if (profile.slim && !SLIM_TYPES.includes(type)) {
    const text = `the slim types are not enough for ${program.type} programs: load all of them`;
    throw new KernelError('EOPNOTSUPP', 95, text);
  }
  const { relocations, kconfig, modules, ...relocated } =
    options.relocated ?? relocateProgram(object, program, profile);
  const insns = relocated.insns.slice();
  if (options.withoutBtf) useOldestReads(insns);
  const btf = options.withoutBtf || !(object.btf && btfLoads(object.btf)) ? undefined : object.btf;
  const loader = { object, btf, objectName: options.objectName ?? '' };
  const maps = mapsInUse(loader, relocations, kconfig);
  const staticBranches = branchesOf(loader, program, maps);
  const others = object.maps
    .filter(({ typeId }) => typeId === extensionMapTypes.BPF_MAP_TYPE_INSN_ARRAY)
    .map(({ name, typeId }) => ({ name, type: typeId }));
  numberMaps(insns, relocations, maps);
  for (const { map } of maps.values()) checkMapType(map, profile);
  const expectedAttachType = attachTypeOf(program, type, profile);
  const target = attachTarget(
    { object, program, type, expectedAttachType, profile },
    options.target,
  );
  const flags = (options.flags ?? 0) | flagsOf(program, type);
  return {
    name: program.name,
    type,
    expectedAttachType,
    ...target,
    license: object.license,
    flags,
    insns,
    modules,
    maps: [...maps.values()].map(({ map }) => map),
    ...(others.length > 0 && { otherMaps: others }),
    ...(staticBranches && { staticBranches }),
    btf,
    functionInfo:
      btf && program.described
        ? program.functions.map(({ start, btfId }) => ({ insn: start, typeId: btfId }))
        : [],
    lineInfo: btf ? program.lines : [],
  };
}

/** What libbpf calls instead when it cannot load a tracing program to see what the kernel has. */
const OLDEST_READS: ReadonlyMap<number | undefined, number> = new Map([
  [helperId('probe_read_kernel'), helperId('probe_read')!],
  [helperId('probe_read_user'), helperId('probe_read')!],
  [helperId('probe_read_kernel_str'), helperId('probe_read_str')!],
  [helperId('probe_read_user_str'), helperId('probe_read_str')!],
]);

function useOldestReads(insns: Uint8Array): void {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  for (let at = 0; at < insns.length; at += INSN_SIZE) {
    if (insns[at] !== CALL || insns[at + 1] !== 0) continue;
    const helper = OLDEST_READS.get(view.getInt32(at + 4, true));
    if (helper !== undefined) view.setInt32(at + 4, helper, true);
  }
}

function flagsOf({ flags }: ProgramSpec, type: number): number {
  const sleepable = flags.includes('sleepable') ? BPF_F_SLEEPABLE : 0;
  const frags = type === enums.bpf_prog_type.BPF_PROG_TYPE_XDP && flags.includes('frags');
  return sleepable | (frags ? BPF_F_XDP_HAS_FRAGS : 0);
}

/** libbpf's attach type of the section, with the defaults of bpf_prog_load_fixup_attach_type. */
function attachTypeOf(
  { section, attachType }: ProgramSpec,
  type: number,
  { tables }: KernelProfile,
): number {
  const { bpf_attach_type: attach, bpf_prog_type: programs } = enums;
  // Many at once, where the kernel can.
  const hasMulti = tables.counts.attachTypes > attach.BPF_TRACE_UPROBE_MULTI;
  if (/^\??usdt/.test(section) && hasMulti) return attach.BPF_TRACE_UPROBE_MULTI;
  const given = attachType === undefined ? 0 : (attachTypeId(attachType) ?? 0);
  if (given !== 0) return given;
  if (type === programs.BPF_PROG_TYPE_CGROUP_SOCK) return attach.BPF_CGROUP_INET_SOCK_CREATE;
  if (type === programs.BPF_PROG_TYPE_SK_REUSEPORT) return attach.BPF_SK_REUSEPORT_SELECT;
  return 0;
}

interface UsedMap {
  readonly index: number;
  readonly map: VerifierMap;
}

/** What the maps of an object are created from. */
interface Loader {
  readonly object: ObjectFile;
  readonly btf: Btf | undefined;
  readonly objectName: string;
}

/** BPF_MAP_CREATE of a type that the kernel has not got. */
function checkMapType({ name, type }: VerifierMap, { tables, release }: KernelProfile): void {
  if (type < tables.counts.mapTypes || isExtensionMap(type)) return;
  const words = `map '${name}': Linux ${release} has no maps of type ${mapTypeName(type)}`;
  throw new KernelError('EINVAL', 22, words);
}

/** The static branches; their keys are maps that the program uses. */
function branchesOf(
  loader: Loader,
  program: ProgramSpec,
  maps: Map<string, UsedMap>,
): VerifierBranch[] | undefined {
  return program.staticBranches?.map(({ insn, target, inverse, key }) => {
    if (!maps.has(key)) maps.set(key, useMap(loader, key, maps.size));
    return { insn, target, inverse, map: maps.get(key)!.index };
  });
}

/** Maps by name in the order the instructions name them first, as the kernel lists them. */
function mapsInUse(
  loader: Loader,
  relocations: readonly MapRelocation[],
  kconfig: MapSpec | undefined,
): Map<string, UsedMap> {
  const used = new Map<string, UsedMap>();
  for (const { map: name } of relocations.toSorted((a, b) => a.insn - b.insn)) {
    if (used.has(name)) continue;
    used.set(name, useMap(loader, name, used.size, kconfig));
  }
  return used;
}

function useMap(loader: Loader, name: string, index: number, kconfig?: MapSpec): UsedMap {
  const { maps } = loader.object;
  const spec = name === kconfig?.name ? kconfig : maps.find((each) => each.name === name);
  if (!spec) throw new KernelError('ENOENT', 2, `there is no map '${name}'`);
  return { index, map: definitionOf(loader, spec) };
}

/** Puts the maps' indexes where a loader puts their file descriptors. */
function numberMaps(
  insns: Uint8Array,
  relocations: readonly MapRelocation[],
  used: ReadonlyMap<string, UsedMap>,
): void {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  for (const { insn, map } of relocations) {
    view.setInt32(insn * INSN_SIZE + 4, used.get(map)!.index, true);
  }
}

const definitions = new WeakMap<MapSpec, Map<string, VerifierMap>>();

/** One definition per map and object name: programs of an object share their maps. */
function definitionOf({ btf, objectName }: Loader, spec: MapSpec): VerifierMap {
  let known = definitions.get(spec);
  if (!known) definitions.set(spec, (known = new Map()));
  const key = `${btf ? 'typed' : 'plain'} ${objectName}`;
  let map = known.get(key);
  if (!map) known.set(key, (map = defineMap(btf, spec, objectName)));
  return map;
}

const types = enums.bpf_map_type;

/** Maps that libbpf creates without telling the types of their keys and values. */
const WITHOUT_BTF: readonly number[] = [
  types.BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  types.BPF_MAP_TYPE_CGROUP_ARRAY,
  types.BPF_MAP_TYPE_STACK_TRACE,
  types.BPF_MAP_TYPE_ARRAY_OF_MAPS,
  types.BPF_MAP_TYPE_HASH_OF_MAPS,
  types.BPF_MAP_TYPE_DEVMAP,
  types.BPF_MAP_TYPE_DEVMAP_HASH,
  types.BPF_MAP_TYPE_CPUMAP,
  types.BPF_MAP_TYPE_XSKMAP,
  types.BPF_MAP_TYPE_SOCKMAP,
  types.BPF_MAP_TYPE_SOCKHASH,
  types.BPF_MAP_TYPE_QUEUE,
  types.BPF_MAP_TYPE_STACK,
  types.BPF_MAP_TYPE_ARENA,
];

/** A map as BPF_MAP_CREATE gets it from libbpf: see `VerifierInput.maps`. */
export const mapDefinition = (btf: Btf | undefined, spec: MapSpec, objectName = ''): VerifierMap =>
  defineMap(btf, spec, objectName);

function defineMap(btf: Btf | undefined, spec: MapSpec, objectName: string): VerifierMap {
  const typed = btf !== undefined && !WITHOUT_BTF.includes(spec.typeId) && hasTypes(spec);
  const frozen = spec.dataSection !== undefined && (spec.flags & BPF_F_RDONLY_PROG) !== 0;
  return {
    name: kernelName(spec, objectName),
    type: spec.typeId,
    keySize: spec.keySize,
    valueSize: spec.valueSize,
    maxEntries: entriesOf(spec),
    flags: spec.flags | (mapRules(spec.typeId)?.addedFlags ?? 0),
    extra: spec.extra,
    btf: typed ? btf : undefined,
    keyTypeId: typed ? spec.keyTypeId : 0,
    valueTypeId: typed ? spec.valueTypeId : 0,
    // The kernel's template of inner maps has no name.
    ...(spec.inner && { inner: { ...defineMap(btf, spec.inner, objectName), name: '' } }),
    ...(frozen && { constantValue: spec.initialValue ?? new Uint8Array(spec.valueSize) }),
  };
}

const hasTypes = ({ keyTypeId, valueTypeId }: MapSpec): boolean =>
  keyTypeId !== 0 || valueTypeId !== 0;

/** The sizes libbpf sees to: whole pages of a ring buffer, a slot per CPU (here: one). */
function entriesOf({ typeId, maxEntries }: MapSpec): number {
  const ring = typeId === types.BPF_MAP_TYPE_RINGBUF || typeId === types.BPF_MAP_TYPE_USER_RINGBUF;
  if (ring && maxEntries > 0) {
    let size = PAGE_SIZE;
    while (size < maxEntries) size *= 2;
    return size;
  }
  return typeId === types.BPF_MAP_TYPE_PERF_EVENT_ARRAY && maxEntries === 0 ? 1 : maxEntries;
}

/**
 * The name BPF_MAP_CREATE gets: at most 15 characters; data sections have the object's name in
 * front, as much of it as fits, unless the section's own has a second dot (internal_map_name).
 */
function kernelName({ name, dataSection }: MapSpec, objectName: string): string {
  if (dataSection === undefined) return name.slice(0, BPF_OBJ_NAME_LEN - 1);
  const suffix = Math.min(Math.max(7, name.length), BPF_OBJ_NAME_LEN - 1);
  const custom = name.indexOf('.', 1) >= 0;
  const prefix = custom ? '' : objectName.slice(0, BPF_OBJ_NAME_LEN - 1 - suffix);
  return (prefix + name.slice(0, suffix)).replace(/[^A-Za-z0-9_.]/g, '_');
}
