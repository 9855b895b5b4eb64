/**
 * Owners: the kernel objects that values of local storage belong to (tasks, inodes, sockets,
 * cgroups). A record here stands for one; bpf(2) names it by a number, programs by the address of
 * the object itself. When it dies, its storage dies with it.
 *
 *   u32 magic, kind, number, first element of storage, address of the object, next with the same
 *   hash of the number, next with the same hash of the address, number of the parent (of a cgroup),
 *   u64 id (of a cgroup)
 */
import {
  GLOBALS,
  G_OWNERS,
  G_OWNER_ID,
  G_OWNER_LOCK,
  OWNER_CGROUP,
  OWNER_CGROUP_ID,
  OWNER_ID,
  OWNER_OBJECT,
} from '../layout';
import { lock, unlock } from './lock';
import { heap_alloc, heap_free } from './memory';

const MAGIC: u32 = 0x52454e57;
const KIND: u32 = 4;
export const OWNER_STORAGE: u32 = 12;
const NEXT_NUMBER: u32 = 20;
const NEXT_OBJECT: u32 = 24;
const PARENT: u32 = 28;
const SIZE: u32 = 48;
/** Bytes of an object that nobody else made. */
const OBJECT_SIZE: u32 = 256;

/** Heads of chains: by number, then by object. */
const CHAINS: u32 = 1024;
/** 1 is the root cgroup's, and 0 nobody's. */
const FIRST_NUMBER: u32 = 2;

function table(): u32 {
  let at = load<u32>(GLOBALS, G_OWNERS);
  if (at != 0) return at;
  at = heap_alloc(CHAINS * 8, 64);
  store<u32>(GLOBALS, at, G_OWNERS);
  store<u32>(GLOBALS, FIRST_NUMBER, G_OWNER_ID);
  return at;
}

/** @inline */
function chainOfNumber(at: u32, number: u32): u32 {
  return at + ((number & (CHAINS - 1)) << 2);
}

/** @inline */
function chainOfObject(at: u32, object: u32): u32 {
  return at + ((CHAINS + ((object >> 3) & (CHAINS - 1))) << 2);
}

/** @inline */
export function ownersLock(): void {
  lock(GLOBALS + G_OWNER_LOCK);
}

/** @inline */
export function ownersUnlock(): void {
  unlock(GLOBALS + G_OWNER_LOCK);
}

/** A new owner of that kind; `object` 0: it gets one of its own. Returns 0 without memory. */
export function ownerNew(kind: u32, object: u32, parent: u32): u32 {
  const owner = heap_alloc(SIZE + (object == 0 ? OBJECT_SIZE : 0), 16);
  if (owner == 0) return 0;
  const address = object == 0 ? owner + SIZE : object;
  ownersLock();
  const at = table();
  if (at == 0) {
    ownersUnlock();
    heap_free(owner);
    return 0;
  }
  const number = load<u32>(GLOBALS, G_OWNER_ID);
  store<u32>(GLOBALS, number + 1, G_OWNER_ID);
  store<u32>(owner, MAGIC);
  store<u32>(owner, kind, KIND);
  store<u32>(owner, number, OWNER_ID);
  store<u32>(owner, address, OWNER_OBJECT);
  store<u32>(owner, parent, PARENT);
  store<u32>(owner, load<u32>(chainOfNumber(at, number)), NEXT_NUMBER);
  store<u32>(chainOfNumber(at, number), owner);
  store<u32>(owner, load<u32>(chainOfObject(at, address)), NEXT_OBJECT);
  store<u32>(chainOfObject(at, address), owner);
  ownersUnlock();
  return owner;
}

/** Takes an owner without storage out of the tables and frees it. */
export function ownerRemove(owner: u32): void {
  ownersLock();
  const at = table();
  unchain(chainOfNumber(at, load<u32>(owner, OWNER_ID)), owner, NEXT_NUMBER);
  unchain(chainOfObject(at, load<u32>(owner, OWNER_OBJECT)), owner, NEXT_OBJECT);
  store<u32>(owner, 0);
  ownersUnlock();
  heap_free(owner);
}

function unchain(head: u32, owner: u32, link: u32): void {
  let at = head;
  while (load<u32>(at) != 0 && load<u32>(at) != owner) at = load<u32>(at) + link;
  if (load<u32>(at) == owner) store<u32>(at, load<u32>(owner + link));
}

/** The owner bpf(2) means by a number, or 0. */
export function ownerByNumber(number: u32, kind: u32): u32 {
  const at = load<u32>(GLOBALS, G_OWNERS);
  let owner: u32 = at == 0 ? 0 : load<u32>(chainOfNumber(at, number));
  while (owner != 0) {
    if (load<u32>(owner, OWNER_ID) == number && load<u32>(owner, KIND) == kind) return owner;
    owner = load<u32>(owner, NEXT_NUMBER);
  }
  return 0;
}

/** The owner a program means by a pointer to the object, or 0. */
export function ownerByObject(object: u32, kind: u32): u32 {
  const at = load<u32>(GLOBALS, G_OWNERS);
  let owner: u32 = at == 0 ? 0 : load<u32>(chainOfObject(at, object));
  while (owner != 0) {
    if (load<u32>(owner, OWNER_OBJECT) == object && load<u32>(owner, KIND) == kind) return owner;
    owner = load<u32>(owner, NEXT_OBJECT);
  }
  return 0;
}

/** Whether a cgroup is `ancestor` or somewhere below it. */
export function isBelow(cgroup: u32, ancestor: u32): bool {
  while (cgroup != 0 && cgroup != ancestor) {
    cgroup = ownerByNumber(load<u32>(cgroup, PARENT), OWNER_CGROUP);
  }
  return cgroup != 0;
}

/** The root's id; it has no owner before somebody asks for one. */
const ROOT_ID: u64 = 1;

/** Id of the cgroup with that number among the owners; 0 is the root. */
export function cgroupId(number: u32): u64 {
  const owner: u32 = number == 0 ? 0 : ownerByNumber(number, OWNER_CGROUP);
  if (owner == 0) return ROOT_ID;
  const id = load<u64>(owner, OWNER_CGROUP_ID);
  return id == 0 ? number : id;
}

/** Number of the ancestor of a cgroup at a level (0: the root, its own: itself), or -1. */
function ancestor(number: u32, level: i32): i32 {
  let depth: i32 = 0;
  let at = number;
  while (at != 0) {
    const owner = ownerByNumber(at, OWNER_CGROUP);
    const above: u32 = owner == 0 ? 0 : load<u32>(owner, PARENT);
    if (above == 0) break;
    at = above;
    depth++;
  }
  if (level < 0 || level > depth) return -1;
  at = number;
  for (; depth > level; depth--) at = load<u32>(ownerByNumber(at, OWNER_CGROUP), PARENT);
  return <i32>at;
}

/** Id of the ancestor at a level, or 0 (cgroup_ancestor). */
export function ancestorId(number: u32, level: u64): u64 {
  const found = ancestor(number, <i32>level);
  return found < 0 ? 0 : cgroupId(<u32>found);
}
