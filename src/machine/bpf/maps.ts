import { constants } from '../../abi/index.ts';
import type {
  MapDeleteElemAttr,
  MapElemAttr,
  MapFreezeAttr,
  MapGetNextKeyAttr,
} from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import { type MachineMap, PROGRAM_AT } from '../map.ts';
import { fitsOwner, ownerOf } from '../objects/program-array.ts';
import type { OpenFile, Process } from './process.ts';
import { flagsOf, u64, userBytes, userKey } from './values.ts';

const BPF_F_LOCK = BigInt(constants.BPF_F_LOCK);
const { BPF_EXIST } = constants;
const S32_MAX = 0x7fff_ffff;

export function mapLookupElem(process: Process, attr: MapElemAttr): number {
  const flags = u64(attr.flags);
  if (flags & ~BPF_F_LOCK) refuse('EINVAL', 'flags');
  const file = process.fileOf(attr.mapFd, 'map');
  const map = readable(file);
  checkLock(map, flags);
  const key = elementKey(process, map, attr.key);
  const size = map.userValueSize;
  // Some types (bloom_filter) look up what the caller put into the value.
  const asks = map.facts.keySize === 0 && map.facts.valueIs === undefined;
  const value = new Uint8Array(size);
  if (asks) value.set(attr.value?.subarray(0, size) ?? []);
  const result = map.runtimeMap.lookup(key, value, flagsOf(flags));
  if (result === 0) userBytes(attr.value, size).set(value);
  return result;
}

export function mapUpdateElem(process: Process, attr: MapElemAttr): number {
  const map = writable(process.fileOf(attr.mapFd, 'map'));
  const flags = u64(attr.flags);
  if (flags & BPF_F_LOCK) checkLock(map, flags);
  const key = userKey(attr.key, map.spec.keySize);
  const value = userBytes(attr.value, map.userValueSize);
  return updateElement(process, map, key, value, flagsOf(flags));
}

/** An element whose key or value may be file descriptors. */
export function updateElement(
  process: Process,
  map: MachineMap,
  key: Uint8Array,
  value: Uint8Array,
  flags: number,
): number {
  const { valueIs, keyIs } = map.facts;
  if (keyIs) return map.update(ownerKey(process, map, key), value, flags);
  if (map.namesProgram) return map.update(key, targetValue(process, value), flags);
  if (valueIs === undefined) return map.update(key, value, flags);
  if (valueIs === 'socket') return putSocket(process, map, key, value, flags);
  checkSlot(map, key, flags);
  const fd = new DataView(value.buffer, value.byteOffset).getUint32(0, true);
  if (valueIs === 'map') return map.setObject(key, process.get(fd, 'map'), flags);
  if (valueIs === 'program') return putProgram(process, map, key, fd, flags);
  const file = process.file(fd) ?? refuse('EBADF', `${fd} is not open`);
  const isOwner = file.kind === 'owner' && file.object !== undefined;
  if (!isOwner || valueIs === 'perf_event') refuse(WRONG_FILE[valueIs] ?? 'EBADF');
  return map.setObject(key, (file as OpenFile<'owner'>).object, flags);
}

/** No program has this id. */
const NO_PROGRAM = 0x7fffffff;

/** A value with the program's id in place of its descriptor; 0 where that is not above 0. */
function targetValue(process: Process, value: Uint8Array): Uint8Array {
  const bytes = value.slice();
  const view = new DataView(bytes.buffer);
  const fd = view.getInt32(PROGRAM_AT, true);
  const file = fd > 0 ? process.file(fd) : undefined;
  const program = file?.kind === 'prog' ? (file as OpenFile<'prog'>).object : undefined;
  view.setInt32(PROGRAM_AT, fd <= 0 ? 0 : (program?.id ?? NO_PROGRAM), true);
  return bytes;
}

/** What a file of another kind is as a value. */
const WRONG_FILE: Readonly<Record<string, string>> = { xsk: 'ENOTSOCK' };

/** sock_map_update_elem_sys, bpf_fd_reuseport_array_update_elem: these look at the place first. */
function putSocket(
  process: Process,
  map: MachineMap,
  key: Uint8Array,
  value: Uint8Array,
  flags: number,
): number {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const fd = value.length === 8 ? Number(view.getBigUint64(0, true)) : view.getUint32(0, true);
  if (!map.programs) {
    const index = new DataView(key.buffer, key.byteOffset).getUint32(0, true);
    if (flags > BPF_EXIST) refuse('EINVAL', 'flags');
    if (index >= map.spec.maxEntries) refuse('E2BIG', `there is no slot ${index}`);
  }
  if (fd > S32_MAX && (map.programs || value.length === 8)) refuse('EINVAL', 'no descriptor');
  const file = process.file(fd) ?? refuse('EBADF', `${fd} is not open`);
  const owner = file.kind === 'owner' ? (file as OpenFile<'owner'>).object : undefined;
  if (owner?.kind !== 'socket') refuse('ENOTSOCK', `${fd} is no socket`);
  return map.setObject(key, owner, flags);
}

/** Slots that ask whether something is there already; others take BPF_ANY alone. */
const ASKS_WHAT_IS_THERE: ReadonlySet<string | undefined> = new Set(['socket', 'xsk']);

/** Arrays of objects look at flags and index before they look at the descriptor. */
function checkSlot({ spec, facts }: MachineMap, key: Uint8Array, flags: number): void {
  if (facts.hashed || typeof facts.keySize !== 'number') return;
  const most = ASKS_WHAT_IS_THERE.has(facts.valueIs) ? constants.BPF_EXIST : 0;
  if (flags > most) refuse('EINVAL', 'flags');
  const index = new DataView(key.buffer, key.byteOffset).getUint32(0, true);
  if (index >= spec.maxEntries) refuse('E2BIG', `there is no slot ${index}`);
}

function putProgram(
  process: Process,
  map: MachineMap,
  key: Uint8Array,
  fd: number,
  flags: number,
): number {
  const program = process.get(fd, 'prog');
  if (!fitsOwner(map.owner, program)) refuse('EINVAL', 'the array is of programs of another kind');
  const result = map.setObject(key, program, flags);
  if (result === 0) map.owner ??= ownerOf(program);
  return result;
}

export function mapDeleteElem(process: Process, attr: MapDeleteElemAttr): number {
  const map = writable(process.fileOf(attr.mapFd, 'map'));
  return map.delete(elementKey(process, map, attr.key));
}

export function mapGetNextKey(process: Process, attr: MapGetNextKeyAttr): number {
  const map = readable(process.fileOf(attr.mapFd, 'map'));
  const { keySize } = map.spec;
  const key = attr.key && userKey(attr.key, keySize);
  const next = new Uint8Array(keySize);
  const result = map.nextKey(key, next);
  if (result === 0) userBytes(attr.nextKey, keySize).set(next);
  return result;
}

export function mapLookupAndDeleteElem(process: Process, attr: MapElemAttr): number {
  const flags = u64(attr.flags);
  if (flags & ~BPF_F_LOCK) refuse('EINVAL', 'flags');
  const file = process.fileOf(attr.mapFd, 'map');
  if (!file.read) refuse('EPERM', 'the descriptor is for writing only');
  const map = writable(file);
  if (flags !== 0n && map.facts.keySize === 0) refuse('EINVAL', 'flags');
  checkLock(map, flags);
  const key = userKey(attr.key, map.spec.keySize);
  const value = new Uint8Array(map.userValueSize);
  const result = map.lookupAndDelete(key, value, flagsOf(flags));
  if (result === 0) userBytes(attr.value, value.length).set(value);
  return result;
}

export function mapFreeze(process: Process, { mapFd }: MapFreezeAttr): number {
  const { object: map, write } = process.fileOf(mapFd, 'map');
  if (map.facts.neverFrozen || map.runtimeMap.definition.special) refuse('ENOTSUPP');
  if (!write) refuse('EPERM', 'the descriptor is for reading only');
  return map.freeze();
}

export function readable({ object, read }: OpenFile<'map'>): MachineMap {
  return read ? object : refuse('EPERM', 'the descriptor is for writing only');
}

/** A map that is frozen is written by programs only. */
export function writable({ object, write }: OpenFile<'map'>): MachineMap {
  return write && !object.frozen ? object : refuse('EPERM', 'the map may not be written');
}

/** BPF_F_LOCK is for values with a lock. */
export function checkLock(map: MachineMap, flags: bigint): void {
  const { special, spinLock = special?.spinLockOff ?? -1 } = map.runtimeMap.definition;
  if (flags & BPF_F_LOCK && spinLock < 0) refuse('EINVAL', 'values have no lock');
}

function elementKey(process: Process, map: MachineMap, key: Uint8Array | undefined): Uint8Array {
  const bytes = userKey(key, map.spec.keySize);
  return map.facts.keyIs ? ownerKey(process, map, bytes) : bytes;
}

/** A descriptor of a task, inode, socket or cgroup, as the number its storage is found by. */
function ownerKey(process: Process, { facts }: MachineMap, key: Uint8Array): Uint8Array {
  const file = process.file(new DataView(key.buffer, key.byteOffset).getUint32(0, true));
  if (!file) refuse('EBADF', 'the descriptor is not open');
  const owner = file.kind === 'owner' ? (file as OpenFile<'owner'>).object : undefined;
  if (!owner || owner.kind !== facts.keyIs) refuse(facts.keyIs === 'socket' ? 'ENOTSOCK' : 'EBADF');
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, owner.number, true);
  return number;
}
