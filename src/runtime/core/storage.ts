/**
 * Local storage (kernel/bpf/bpf_local_storage.c): values that belong to a map and to an owner, and
 * go with whichever goes first. An element is on the lists of both:
 *
 *   u32 next of the owner, map, owner, next of the map, previous of the map, cell of those who look
 *   at the value live or 0, u64 the value
 */
import { CELL_DELETED, CELL_MAP_FREED, CELL_OWNER_DIED } from '../../abi/live-cell';
import { FIELDS_COUNT, M_FIELDS, M_SPIN_LOCK, OWNER_ID, OWNER_OBJECT } from '../layout';
import { copyLocked, copyValue, copyValueOut } from './copy';
import { EBADF, EINVAL, ENOENT, ENOMEM, ENOTSUPP, EOPNOTSUPP } from './errno';
import { valueFree } from './fields';
import { existsCheck } from './hash';
import { cellEnd, cellMove, cellNew } from './live';
import { heap_alloc, heap_free } from './memory';
import {
  OWNER_STORAGE,
  ownerByNumber,
  ownerByObject,
  ownerNew,
  ownerRemove,
  ownersLock,
  ownersUnlock,
} from './owner';
import { SLAB_END, slabGive, slabInit, slabRelease, slabTake } from './slab';
import { BPF_EXIST, BPF_F_LOCK } from './uapi';
import { hasUptr, uptrsMove, uptrsPin, uptrsUnpin } from './user-pages';

/** u32: the map's first element. */
const ELEMENTS = SLAB_END;
const E_MAP: u32 = 4;
const E_OWNER: u32 = 8;
const E_NEXT: u32 = 12;
const E_PREVIOUS: u32 = 16;
const E_CELL: u32 = 20;
const E_VALUE: u32 = 24;
const E_SIZE: u32 = 32;

const CREATE: u64 = 1;

export function storageCreate(map: u32): i32 {
  slabInit(map, false);
  return 0;
}

/** The values go with the map; owners no longer have them. */
export function storageRelease(map: u32): void {
  ownersLock();
  while (load<u32>(map, ELEMENTS) != 0) end(load<u32>(map, ELEMENTS), CELL_MAP_FREED);
  ownersUnlock();
  slabRelease(map);
}

/** The owner's element in the map, or 0. */
function find(map: u32, owner: u32): u32 {
  let element = load<u32>(owner, OWNER_STORAGE);
  while (element != 0 && load<u32>(element, E_MAP) != map) element = load<u32>(element);
  return element;
}

/** A new element with the value at `from` (0: zeros), first on both lists; 0 without memory. */
function add(map: u32, owner: u32, from: u32): u32 {
  const element = heap_alloc(E_SIZE, 16);
  const value: u64 = element == 0 ? 0 : slabTake(map);
  if (value == 0) {
    heap_free(element);
    return 0;
  }
  if (from != 0) copyValue(map, <u32>value, from);
  store<u32>(element, load<u32>(owner, OWNER_STORAGE));
  store<u32>(owner, element, OWNER_STORAGE);
  store<u32>(element, map, E_MAP);
  store<u32>(element, owner, E_OWNER);
  const next = load<u32>(map, ELEMENTS);
  store<u32>(element, next, E_NEXT);
  if (next != 0) store<u32>(next, element, E_PREVIOUS);
  store<u32>(map, element, ELEMENTS);
  store<u64>(element, value, E_VALUE);
  return element;
}

function remove(element: u32): void {
  const map = load<u32>(element, E_MAP);
  let at = load<u32>(element, E_OWNER) + OWNER_STORAGE;
  while (load<u32>(at) != element) at = load<u32>(at);
  store<u32>(at, load<u32>(element));
  const next = load<u32>(element, E_NEXT);
  const previous = load<u32>(element, E_PREVIOUS);
  if (next != 0) store<u32>(next, previous, E_PREVIOUS);
  if (previous != 0) store<u32>(previous, next, E_NEXT);
  else store<u32>(map, next, ELEMENTS);
  valueFree(map, <u32>load<u64>(element, E_VALUE));
  slabGive(map, load<u64>(element, E_VALUE));
  heap_free(element);
}

/** Removes an element, and tells those who look at its value why. */
function end(element: u32, why: u32): void {
  cellEnd(load<u32>(element, E_CELL), why);
  remove(element);
}

/** A new element in the place of another: who looks at the value sees the new one. */
function replace(old: u32, element: u32): void {
  const cell = load<u32>(old, E_CELL);
  store<u32>(element, cell, E_CELL);
  cellMove(cell, <u32>load<u64>(element, E_VALUE));
  remove(old);
}

/** Sets the owner's value: a new one takes the old one's place, except with BPF_F_LOCK. */
function put(map: u32, owner: u32, value: u32, flags: u64): i64 {
  if ((flags & ~BPF_F_LOCK) > BPF_EXIST) return EINVAL;
  if (flags & BPF_F_LOCK && load<u32>(map, M_SPIN_LOCK) == 0) return EINVAL;
  const old = find(map, owner);
  const error = existsCheck(old, flags & ~BPF_F_LOCK);
  if (error != 0) return error;
  if (old != 0 && flags & BPF_F_LOCK) {
    copyLocked(map, <u32>load<u64>(old, E_VALUE), value);
    return 0;
  }
  const element = add(map, owner, value);
  if (element == 0) return ENOMEM;
  const fields = load<u32>(map, M_FIELDS);
  if (fields != 0) uptrsMove(fields, <u32>load<u64>(element, E_VALUE), value);
  if (old != 0) replace(old, element);
  return 0;
}

// ---- bpf(2): the key is the owner's number ------------------------------------------------------

export function storageSysLookup(map: u32, key: u32, out: u32, kind: u32): i32 {
  const owner = ownerByNumber(load<u32>(key), kind);
  if (owner == 0) return <i32>EBADF;
  const element = find(map, owner);
  if (element == 0) return <i32>ENOENT;
  copyValueOut(map, out, <u32>load<u64>(element, E_VALUE));
  return 0;
}

/** What uptrs point to is pinned first, and let go of when nothing comes of the update. */
export function storageSysUpdate(map: u32, key: u32, value: u32, flags: u32, kind: u32): i32 {
  const fields = load<u32>(map, M_FIELDS);
  const pinned = fields == 0 ? 0 : uptrsPin(fields, value);
  if (pinned != 0) return <i32>pinned;
  const error = updateOf(map, key, value, flags, kind);
  if (error != 0 && fields != 0) uptrsUnpin(fields, value, load<u32>(fields, FIELDS_COUNT));
  return <i32>error;
}

function updateOf(map: u32, key: u32, value: u32, flags: u32, kind: u32): i64 {
  const fields = load<u32>(map, M_FIELDS);
  if (flags & <u32>BPF_F_LOCK && fields != 0 && hasUptr(fields)) return EOPNOTSUPP;
  const owner = ownerByNumber(load<u32>(key), kind);
  if (owner == 0) return EBADF;
  ownersLock();
  const error = put(map, owner, value, flags);
  ownersUnlock();
  return error;
}

export function storageSysDelete(map: u32, key: u32, kind: u32): i32 {
  const owner = ownerByNumber(load<u32>(key), kind);
  return owner == 0 ? <i32>EBADF : <i32>deleteOf(map, owner);
}

function deleteOf(map: u32, owner: u32): i64 {
  ownersLock();
  const element = find(map, owner);
  if (element != 0) end(element, CELL_DELETED);
  ownersUnlock();
  return element == 0 ? ENOENT : 0;
}

/** Nothing tells the owners one after the other. */
export function storageNextKey(): i32 {
  return <i32>ENOTSUPP;
}

/** Address of the owner's value, for views from outside; 0 if there is none. */
export function storage_value(map: u32, owner: u32): u32 {
  const element = find(map, owner);
  return element == 0 ? 0 : <u32>load<u64>(element, E_VALUE);
}

/** Cell of the owner's value, which it gets if it has none; 0: no value, or no memory. */
export function storage_cell(map: u32, owner: u32): u32 {
  ownersLock();
  const element = find(map, owner);
  let cell: u32 = element == 0 ? 0 : load<u32>(element, E_CELL);
  if (element != 0 && cell == 0) {
    cell = cellNew(<u32>load<u64>(element, E_VALUE));
    store<u32>(element, cell, E_CELL);
  }
  ownersUnlock();
  return cell;
}

/** The map's element after this one (0: its first), or 0. */
export function storage_next(map: u32, element: u32): u32 {
  return element == 0 ? load<u32>(map, ELEMENTS) : load<u32>(element, E_NEXT);
}

/** Number of an element's owner. */
export function storage_owner(element: u32): u32 {
  return load<u32>(load<u32>(element, E_OWNER), OWNER_ID);
}

// ---- Programs: a pointer to the owner -----------------------------------------------------------

/** bpf_*_storage_get: pointer to the owner's value or 0; with the create flag it is made. */
export function storageGet(map: u32, object: u64, value: u64, flags: u64, kind: u32): u64 {
  if (flags & ~CREATE || object == 0) return 0;
  const owner = ownerByObject(<u32>object, kind);
  if (owner == 0) return 0;
  ownersLock();
  let element = find(map, owner);
  if (element == 0 && flags & CREATE) element = add(map, owner, <u32>value);
  ownersUnlock();
  return element == 0 ? 0 : load<u64>(element, E_VALUE);
}

export function storageDelete(map: u32, object: u64, kind: u32): i64 {
  if (object == 0) return EINVAL;
  const owner = ownerByObject(<u32>object, kind);
  return owner == 0 ? ENOENT : deleteOf(map, owner);
}

// ---- Owners -----------------------------------------------------------------------------------

/**
 * Address of a new owner of that kind, or 0; `object` 0: it gets an object of its own. `parent`:
 * number of the cgroup above a cgroup, or 0.
 */
export function owner_new(kind: u32, object: u32, parent: u32): u32 {
  return ownerNew(kind, object, parent);
}

/** The owner dies, and all that is stored with it. */
export function owner_free(owner: u32): void {
  ownersLock();
  while (load<u32>(owner, OWNER_STORAGE) != 0) {
    end(load<u32>(owner, OWNER_STORAGE), CELL_OWNER_DIED);
  }
  ownersUnlock();
  ownerRemove(owner);
}

/** Address of the kernel object that programs know the owner by. */
export function owner_object(owner: u32): u32 {
  return load<u32>(owner, OWNER_OBJECT);
}
