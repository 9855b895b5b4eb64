/**
 * Special fields: parts of a map value or of an allocated object that only certain calls may touch
 * (spin locks, timers, kptrs, lists, …). Mirrors struct btf_record and its users.
 */
import { constants, type KernelGates } from '../../abi/index.ts';
import type { Btf, BtfType } from '../../btf/index.ts';
import { btfIndex } from '../btf/modules.ts';
import type { VerifierEnv } from '../env.ts';
import { isAllocObject } from '../mem/pointers.ts';
import { BTF, BTF_ID, MAP, PTR_TO_MAP_VALUE, TYPE } from '../state/layout.ts';
import type { KernelProfile, VerifierMap } from '../types.ts';
import { kptrResolver } from '../../abi/fields/kptr.ts';
import { ALLOC_FIELDS, FieldError, findKptr, parseFields } from '../../abi/fields/parse.ts';
import { mapFieldsOf, pointerTagsOf, uptrError } from '../../abi/fields/uptr.ts';
import { gates } from '../gates.ts';
import {
  BPF_KPTR,
  BPF_LIST_HEAD,
  BPF_RB_ROOT,
  BPF_REFCOUNT,
  BPF_SPIN_LOCK,
  BPF_TIMER,
  BPF_UPTR,
  BPF_WORKQUEUE,
  type FieldRecord,
  type SpecialField,
  STRUCT_FIELDS,
} from '../../abi/fields/types.ts';

export * from '../../abi/fields/types.ts';

/** What map values had before programs could own objects. */
const OLDER_MAP_FIELDS = BPF_SPIN_LOCK | BPF_TIMER | BPF_KPTR;
const tags = () => pointerTagsOf(gates);

interface Parsed {
  readonly record: FieldRecord | undefined;
  readonly errno: string;
}

const NOTHING: Parsed = { record: undefined, errno: '' };

function parse(profile: KernelProfile, btf: Btf, id: number, mask: number, size: number): Parsed {
  try {
    const record = parseFields(btf, id, mask, size, kptrResolver(profile), tags());
    return { record, errno: '' };
  } catch (error) {
    if (error instanceof FieldError) return { record: undefined, errno: error.errno };
    throw error;
  }
}

/** By kernel: they know different fields. */
const mapRecords = new WeakMap<KernelGates, WeakMap<VerifierMap, Parsed>>();

function parsedMap(profile: KernelProfile, map: VerifierMap): Parsed {
  let records = mapRecords.get(profile.gates);
  if (!records) mapRecords.set(profile.gates, (records = new WeakMap()));
  let parsed = records.get(map);
  if (!parsed) {
    const { btf, valueTypeId } = map;
    parsed = btf && valueTypeId ? parseMap(profile, map, btf, valueTypeId) : NOTHING;
    records.set(map, parsed);
  }
  return parsed;
}

/** A value whose fields break a rule has none: only the map's type can refuse fields. */
function parseMap(profile: KernelProfile, map: VerifierMap, btf: Btf, typeId: number): Parsed {
  const type = btf.resolved(typeId);
  if (type.kind !== 'struct' && type.kind !== 'datasec') return NOTHING;
  const mask = profile.gates.trustedPointers ? mapFieldsOf(profile.gates) : OLDER_MAP_FIELDS;
  const { record } = parse(profile, btf, type.id, mask, map.valueSize);
  if (!record) return NOTHING;
  const errno = mapTypeError(map, record.mask) || uptrError(record);
  return errno ? { record: undefined, errno } : { record, errno };
}

const HASHES = [constants.BPF_MAP_TYPE_HASH, constants.BPF_MAP_TYPE_LRU_HASH];
const PLAIN = [...HASHES, constants.BPF_MAP_TYPE_ARRAY];
const STORAGES = [
  constants.BPF_MAP_TYPE_SK_STORAGE,
  constants.BPF_MAP_TYPE_INODE_STORAGE,
  constants.BPF_MAP_TYPE_TASK_STORAGE,
  constants.BPF_MAP_TYPE_CGRP_STORAGE,
];
const LOCKABLE = [
  constants.BPF_MAP_TYPE_HASH,
  constants.BPF_MAP_TYPE_ARRAY,
  constants.BPF_MAP_TYPE_CGROUP_STORAGE,
  ...STORAGES,
];
const COUNTABLE = [
  ...PLAIN,
  constants.BPF_MAP_TYPE_PERCPU_HASH,
  constants.BPF_MAP_TYPE_LRU_PERCPU_HASH,
  constants.BPF_MAP_TYPE_PERCPU_ARRAY,
  ...STORAGES,
];
/** Which map types take which fields (map_check_btf). */
const MAP_TYPES: readonly (readonly [number, readonly number[]])[] = [
  [BPF_SPIN_LOCK, LOCKABLE],
  [BPF_TIMER | BPF_WORKQUEUE, PLAIN],
  [BPF_KPTR | BPF_REFCOUNT, COUNTABLE],
  [BPF_LIST_HEAD | BPF_RB_ROOT, PLAIN],
  [BPF_UPTR, [constants.BPF_MAP_TYPE_TASK_STORAGE]],
];

function mapTypeError(map: VerifierMap, mask: number): string {
  if (map.flags & (constants.BPF_F_RDONLY_PROG | constants.BPF_F_WRONLY_PROG)) return 'EACCES';
  const refused = MAP_TYPES.some(([types, maps]) => mask & types && !maps.includes(map.type));
  return refused ? 'EOPNOTSUPP' : '';
}

/** Special fields of a map's value, or undefined if it has none (map->record). */
export function recordOf(env: VerifierEnv, map: VerifierMap): FieldRecord | undefined {
  return parsedMap(env.profile, map).record;
}

/** Errno name of BPF_MAP_CREATE because of the value's special fields, or ''. */
export function mapFieldsError(profile: KernelProfile, map: VerifierMap): string {
  return parsedMap(profile, map).errno;
}

const structRecords = new WeakMap<Btf, ReadonlyMap<number, FieldRecord>>();

/** Special fields of a struct that programs may allocate (btf_find_struct_meta). */
export function structRecord(env: VerifierEnv, btf: Btf, typeId: number): FieldRecord | undefined {
  if (!env.profile.gates.trustedPointers) return undefined;
  let records = structRecords.get(btf);
  if (!records) structRecords.set(btf, (records = collectStructs(env.profile, btf)));
  return records.get(typeId);
}

/** Structs with a special member; the kernel's own have none (btf_parse_struct_metas). */
function collectStructs(profile: KernelProfile, btf: Btf): ReadonlyMap<number, FieldRecord> {
  const records = new Map<number, FieldRecord>();
  if (btf === profile.btf()) return records;
  const special = specialTypes(btf);
  for (const type of special.size === 0 ? [] : btf.types) {
    if (type.kind !== 'struct' || !type.members.some((member) => special.has(member.type))) {
      continue;
    }
    const { record } = parse(profile, btf, type.id, STRUCT_FIELDS, type.size);
    if (record) records.set(type.id, record);
  }
  return records;
}

function specialTypes(btf: Btf): ReadonlySet<number> {
  const ids = ALLOC_FIELDS.map((name) => btf.find('struct', name)).filter((id) => id !== undefined);
  const special = new Set<number>(ids);
  for (const type of btf.types) if (isKptr(btf, type)) special.add(type.id);
  return special;
}

function isKptr(btf: Btf, type: BtfType): boolean {
  try {
    return findKptr(btf, type, tags()) !== undefined;
  } catch (error) {
    if (error instanceof FieldError) return false;
    throw error;
  }
}

/** Special fields of what a register points to (reg_btf_record). */
export function regRecord(env: VerifierEnv, w: Int32Array, r: number): FieldRecord | undefined {
  const type = w[r + TYPE]!;
  if (type === PTR_TO_MAP_VALUE) return recordOf(env, env.maps[w[r + MAP]! - 1]!);
  if (!isAllocObject(type)) return undefined;
  return structRecord(env, env.btfAt(w[r + BTF]!), w[r + BTF_ID]!);
}

/** True if the record (which may be missing) has a field of one of these types. */
export function hasField(record: FieldRecord | undefined, types: number): boolean {
  return record !== undefined && (record.mask & types) !== 0;
}

/** The field of one of these types at `offset` (btf_record_find). */
export function fieldAt(
  record: FieldRecord | undefined,
  offset: number,
  types: number,
): SpecialField | undefined {
  if (!hasField(record, types)) return undefined;
  return record!.fields.find((field) => field.offset === offset && (field.type & types) !== 0);
}

/** Words of a register that points to what a kptr holds: BTF (index plus 1) and type id. */
export function kptrTarget(env: VerifierEnv, field: SpecialField): { btf: number; btfId: number } {
  return { btf: btfIndex(env, field.btf), btfId: field.btfId };
}

export { btfIndex };
