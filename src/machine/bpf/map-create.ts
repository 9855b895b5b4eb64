import { constants, mapRules, mapTypeName } from '../../abi/index.ts';
import type { Btf, BtfType } from '../../btf/index.ts';
import { KernelError } from '../../base/index.ts';
import type { MapCreateAttr } from '../../kernel/index.ts';
import type { MapSpec } from '../../object/index.ts';
import { checkMapDefinition } from '../../runtime/index.ts';
import type { Token } from '../../security/index.ts';
import { createMap, factsOf } from '../create-map.ts';
import { refuse } from '../errno.ts';
import type { MachineMap } from '../map.ts';
import type { BtfObject } from '../objects/btf.ts';
import { type Access, accessOf, openMap } from './files.ts';
import type { Process } from './process.ts';
import { checkMapRights, givenToken, tokenFor } from './rights.ts';
import { objectName, refuseDevice, u64 } from './values.ts';

const { BPF_F_TOKEN_FD, BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_WRONLY, BPF_F_ZERO_SEED } = constants;
const ACCESS = BPF_F_RDONLY | BPF_F_WRONLY;
/** What a map of maps says without the map its maps are like. */
const MISSING_INNER = 'EBADF';
const PREFIX = 'bpf_struct_ops_';

/** BPF_MAP_CREATE: a file descriptor. */
export function mapCreate(process: Process, attr: MapCreateAttr): number {
  const { btfKeyTypeId = 0, btfValueTypeId = 0, btfVmlinuxValueTypeId = 0 } = attr;
  if (btfVmlinuxValueTypeId !== 0 && (btfKeyTypeId !== 0 || btfValueTypeId !== 0)) refuse('EINVAL');
  if (btfKeyTypeId !== 0 && btfValueTypeId === 0) refuse('EINVAL', 'has a type for keys only');
  const spec = specOf(process, attr);
  const access = accessOf(spec.flags);
  if (spec.flags & BPF_F_NUMA_NODE && attr.numaNode !== 0) refuse('EINVAL', 'no such memory node');
  const facts = factsOf(spec);
  if (spec.flags & ACCESS & ~facts.flags) refuse('EINVAL', 'takes no such flags');
  if (attr.mapIfindex) refuseDevice(process, attr.mapIfindex);
  checkDefinition(process, spec);
  const given = givenToken(process, attr.mapFlags ?? 0, attr.mapTokenFd);
  const token = tokenFor.map(given, attr.mapType);
  checkMapRights(process, token, attr.mapType);
  return finish(process, attr, spec, access, token);
}

/** map_alloc_check: for some types sizes and flags count before rights. */
function checkDefinition(process: Process, spec: MapSpec): void {
  const { typeId, flags } = spec;
  const facts = factsOf(spec);
  if (flags & facts.flags & BPF_F_ZERO_SEED) process.need('CAP_SYS_ADMIN');
  if (!mapRules(typeId)?.checkedFirst || facts.needsKernelType) return;
  const { name, keySize, valueSize, maxEntries, extra, keyTypeId, valueTypeId } = spec;
  const sizes = { keySize, valueSize, maxEntries, extra, keyTypeId, valueTypeId };
  checkMapDefinition({ name, type: typeId, flags: flags & ~ACCESS, ...sizes }, facts);
}

/** The type makes its storage; then come the name and the types of key and value. */
function finish(
  process: Process,
  attr: MapCreateAttr,
  spec: MapSpec,
  access: Access,
  token: Token | undefined,
): number {
  const typed = (attr.btfValueTypeId ?? 0) !== 0 || (attr.btfVmlinuxValueTypeId ?? 0) !== 0;
  const [btf, btfError] = typed ? typesOf(process, attr) : [];
  const map = allocate(process, attr, spec, btf);
  try {
    objectName(attr.mapName);
    if (btfError) throw btfError;
    if (btf && spec.valueTypeId !== 0) checkTypes(btf, spec);
    const { special } = map.runtimeMap.definition;
    if (special && !process.bpfCapable('CAP_BPF', token)) refuse('EPERM', 'CAP_BPF is missing');
    return openMap(process, map, access);
  } finally {
    map.close();
  }
}

function allocate(
  process: Process,
  attr: MapCreateAttr,
  spec: MapSpec,
  btf: BtfObject | undefined,
): MachineMap {
  const [inner, innerError] = factsOf(spec).valueIs === 'map' ? innerMap(process, attr) : [];
  try {
    return createMap(process.machine, spec, { inner, btf: btf?.hold(), openByFd: true });
  } catch (error) {
    btf?.drop();
    // Without its inner map the type refuses too: then the reason is that of the inner map.
    const missing = error instanceof KernelError && error.code === MISSING_INNER;
    throw missing && innerError ? innerError : error;
  }
}

/** map_check_btf: sizes, and what each type says of its keys. */
function checkTypes({ btf }: BtfObject, spec: MapSpec): void {
  const { keyTypeId, valueTypeId, keySize, valueSize, typeId } = spec;
  const check = mapRules(typeId)!.checkTypes;
  if (keyTypeId !== 0 && sizeOf(btf, keyTypeId) !== keySize) refuse('EINVAL', 'size of the key');
  if (keyTypeId === 0 && check === undefined) refuse('EINVAL', 'the key has no type');
  if (sizeOf(btf, valueTypeId) !== valueSize) refuse('EINVAL', 'size of the value');
  if (check === 'map_check_no_btf') refuse('ENOTSUPP', 'such maps have no types');
  const key = keyTypeId === 0 ? undefined : btf.resolved(keyTypeId);
  if (check === 'array_map_check_btf') checkIndex(btf, key, spec);
  if (check === 'trie_check_btf' && key?.kind !== 'struct')
    refuse('EINVAL', 'the key is no struct');
}

/** Indexes of arrays are plain integers of 32 bits; a section of globals has none. */
function checkIndex(btf: Btf, key: BtfType | undefined, spec: MapSpec): void {
  if (!key) {
    const section = btf.resolved(spec.valueTypeId).kind === 'datasec' && spec.maxEntries === 1;
    if (!section) refuse('EINVAL', 'the key has no type');
  } else if (key.kind !== 'int' || key.bits !== 32 || key.bitOffset !== 0) {
    refuse('EINVAL', 'the key is no integer of 32 bits');
  }
}

function sizeOf(btf: Btf, id: number): number {
  try {
    return id < btf.count ? btf.sizeOf(id) : -1;
  } catch {
    return -1;
  }
}

function specOf(process: Process, attr: MapCreateAttr): MapSpec {
  const flags = (attr.mapFlags ?? 0) & ~BPF_F_TOKEN_FD;
  const type = mapTypeName(attr.mapType);
  return {
    name: attr.mapName ?? '',
    type: type.startsWith('type ') ? undefined : type,
    typeId: attr.mapType,
    keySize: attr.keySize ?? 0,
    valueSize: attr.valueSize ?? 0,
    maxEntries: attr.maxEntries ?? 0,
    flags,
    extra: u64(attr.mapExtra),
    pinning: 'none',
    keyTypeId: attr.btfKeyTypeId ?? 0,
    valueTypeId: attr.btfValueTypeId ?? 0,
    ...kernelStruct(process, attr),
  };
}

function kernelStruct(
  { machine }: Process,
  { btfVmlinuxValueTypeId = 0 }: MapCreateAttr,
): { kernelStruct?: string } {
  if (btfVmlinuxValueTypeId === 0) return {};
  const btf = machine.settings.rules?.btf();
  const known = btf && btfVmlinuxValueTypeId < btf.count;
  const name = known ? btf.type(btfVmlinuxValueTypeId).name : '';
  return { kernelStruct: name.startsWith(PREFIX) ? name.slice(PREFIX.length) : '?' };
}

type Found<T> = readonly [T | undefined, KernelError | undefined];

function attempt<T>(find: () => T): Found<T> {
  try {
    return [find(), undefined];
  } catch (error) {
    if (error instanceof KernelError) return [undefined, error];
    throw error;
  }
}

function innerMap(process: Process, { innerMapFd = 0 }: MapCreateAttr): Found<MachineMap> {
  return attempt(() => process.get(innerMapFd, 'map'));
}

function typesOf(process: Process, { btfFd = 0 }: MapCreateAttr): Found<BtfObject> {
  return attempt(() => {
    const btf = process.get(btfFd, 'btf');
    return btf.kernel ? refuse('EACCES', 'types of the kernel are no types of maps') : btf;
  });
}
