/**
 * Which element an LRU map gives up (kernel/bpf/bpf_lru_list.c): an approximation with reference
 * bits, in the same order as Linux's as long as one CPU runs.
 *
 * Common LRU: one active and one inactive list for all CPUs; each CPU takes free nodes in batches
 * into a local list and keeps what it inserted on a local pending list. With BPF_F_NO_COMMON_LRU
 * each CPU has lists of its own. Lists are circular and doubly linked; their heads are records with
 * links at the same offsets as a node's. Nodes never used yet are the tail of the free list.
 */
import { LRU_KEY, LRU_REFERENCED, M_COUNT, M_FIELDS, M_FLAGS, M_MAX_ENTRIES } from '../layout';
import { H_END, H_FRESH, H_LRU, H_STRIDE, countChange, nodeFree } from './hash';
import { lockOf, unlinkNode } from './hash-chains';
import { cpu_number } from './instance';
import { lock, unlock } from './lock';
import { cpuCount } from './map';
import { heap_alloc } from './memory';
import { BPF_F_NO_COMMON_LRU } from './uapi';

// Fields of a node (core/hash.ts has next and hash before them).
const L_NEXT: u32 = 8;
const L_PREV: u32 = 12;
const L_TYPE: u32 = 16;
const L_REF: u32 = LRU_REFERENCED;
const L_CPU: u32 = 18;
/** Offset of the address of CPU 0's value, for per-CPU maps. */
export const LRU_HOME: u32 = 20;
export { LRU_KEY };

// What list a node is on. Lists of kinds below PENDING are in a list block, at kind * HEAD.
const ACTIVE: u32 = 0;
const INACTIVE: u32 = 1;
const FREE: u32 = 2;
const LOCAL_FREE: u32 = 3;
const PENDING: u32 = 4;
const HEAD: u32 = 16;

// A list block: three heads, then these. The local block of a CPU: two heads, then the same lock.
const B_ROTATION: u32 = 48;
const B_ACTIVE_COUNT: u32 = 52;
const B_INACTIVE_COUNT: u32 = 56;
const B_LOCK: u32 = 60;
const B_FRESH: u32 = 64;
const B_END: u32 = 68;
const B_STEAL: u32 = 72;
const BLOCK: u32 = 128;

// The state: {flags, nr_scans, target_free, stride} then the block(s).
const S_PERCPU: u32 = 0;
const S_SCANS: u32 = 4;
const S_TARGET: u32 = 8;
const STATE: u32 = 64;

const COMMON_SCANS: u32 = 128;
const PERCPU_SCANS: u32 = 4;

// ---- Lists ------------------------------------------------------------------------------------
// Heads are stored so that head + L_NEXT, head + L_PREV are their links: a "head" is a pseudo node.

/** @inline */
function next(node: u32): u32 {
  return load<u32>(node, L_NEXT);
}

/** @inline */
function prev(node: u32): u32 {
  return load<u32>(node, L_PREV);
}

/** @inline */
function isEmpty(head: u32): bool {
  return next(head) == head;
}

function initHead(head: u32): void {
  store<u32>(head, head, L_NEXT);
  store<u32>(head, head, L_PREV);
}

/** @inline */
function remove(node: u32): void {
  store<u32>(prev(node), next(node), L_NEXT);
  store<u32>(next(node), prev(node), L_PREV);
}

/** @inline */
function addFirst(head: u32, node: u32): void {
  const first = next(head);
  store<u32>(node, first, L_NEXT);
  store<u32>(node, head, L_PREV);
  store<u32>(first, node, L_PREV);
  store<u32>(head, node, L_NEXT);
}

/** @inline */
function typeOf(node: u32): u32 {
  return load<u8>(node, L_TYPE);
}

/** @inline */
function isReferenced(node: u32): bool {
  return load<u8>(node, L_REF) != 0;
}

/** A program looked the element up: it survives the next round. @inline */
export function lruTouch(node: u32): void {
  if (load<u8>(node, L_REF) == 0) store<u8>(node, 1, L_REF);
}

// ---- Blocks -----------------------------------------------------------------------------------

/** @inline */
function stateOf(map: u32): u32 {
  return load<u32>(map, H_LRU);
}

/** The list block of the common LRU, or of a CPU with an LRU of its own. @inline */
function blockOf(state: u32, cpu: u32): u32 {
  return state + STATE + (load<u32>(state, S_PERCPU) != 0 ? cpu * BLOCK : 0);
}

/**
 * A CPU's local lists (common LRU): LOCAL_FREE and PENDING at the places of ACTIVE and INACTIVE.
 * @inline
 */
function localOf(state: u32, cpu: u32): u32 {
  return state + STATE + (cpu + 1) * BLOCK;
}

/** @inline */
function localFree(local: u32): u32 {
  return local - L_NEXT;
}

/** @inline */
function localPending(local: u32): u32 {
  return local + HEAD - L_NEXT;
}

/** @inline */
function listOf(block: u32, kind: u32): u32 {
  return block + kind * HEAD - L_NEXT;
}

/** -1, 0 or 1 more in the count of a list (only active and inactive are counted). @inline */
function count(block: u32, kind: u32, by: u32): void {
  if (kind > INACTIVE) return;
  const at = block + B_ACTIVE_COUNT + kind * 4;
  store<u32>(at, load<u32>(at) + by);
}

function initBlock(block: u32): void {
  initHead(listOf(block, ACTIVE));
  initHead(listOf(block, INACTIVE));
  initHead(listOf(block, FREE));
  store<u32>(block, listOf(block, INACTIVE), B_ROTATION);
}

/** Makes the lists over the table's nodes. Returns false when there is no memory. */
export function lruCreate(map: u32): bool {
  const cpus = cpuCount();
  const state = heap_alloc(STATE + (cpus + 1) * BLOCK, 64);
  if (state == 0) return false;
  store<u32>(map, state, H_LRU);
  const entries = load<u32>(map, M_MAX_ENTRIES);
  if (load<u32>(map, M_FLAGS) & BPF_F_NO_COMMON_LRU) {
    store<u32>(state, 1, S_PERCPU);
    store<u32>(state, PERCPU_SCANS, S_SCANS);
    splitNodes(map, state, entries / cpus);
    return true;
  }
  const share = entries / cpus / 2;
  store<u32>(state, COMMON_SCANS, S_SCANS);
  store<u32>(state, share < 1 ? 1 : share > COMMON_SCANS ? COMMON_SCANS : share, S_TARGET);
  const block = blockOf(state, 0);
  initBlock(block);
  store<u32>(block, load<u32>(map, H_FRESH), B_FRESH);
  store<u32>(block, load<u32>(map, H_END), B_END);
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    const local = localOf(state, cpu);
    initHead(localFree(local));
    initHead(localPending(local));
    store<u32>(local, cpu, B_STEAL);
  }
  return true;
}

/** Every CPU gets `each` nodes of its own. */
function splitNodes(map: u32, state: u32, each: u32): void {
  const cpus = cpuCount();
  const size = each * load<u32>(map, H_STRIDE);
  let fresh = load<u32>(map, H_FRESH);
  for (let cpu: u32 = 0; cpu < cpus; cpu++) {
    const block = blockOf(state, cpu);
    initBlock(block);
    store<u32>(block, fresh, B_FRESH);
    fresh += size;
    store<u32>(block, fresh, B_END);
  }
}

// ---- Moves ------------------------------------------------------------------------------------

/** A node that leaves its place must not stay the place where rotation goes on. @inline */
function leave(block: u32, node: u32): void {
  if (load<u32>(block, B_ROTATION) == node) store<u32>(block, prev(node), B_ROTATION);
  remove(node);
}

/** To the front of a list of the same block, reference bit cleared. */
function move(block: u32, node: u32, kind: u32): void {
  count(block, typeOf(node), -1);
  count(block, kind, 1);
  store<u8>(node, kind, L_TYPE);
  store<u8>(node, 0, L_REF);
  leave(block, node);
  addFirst(listOf(block, kind), node);
}

/** From a list of the block to a free list (its own, or a CPU's). */
function moveToFree(block: u32, node: u32, head: u32, kind: u32): void {
  leave(block, node);
  count(block, typeOf(node), -1);
  store<u8>(node, kind, L_TYPE);
  addFirst(head, node);
}

/** A free node of the block, off every list, or 0. */
function takeFree(map: u32, block: u32): u32 {
  const head = listOf(block, FREE);
  const first = next(head);
  if (first != head) {
    leave(block, first);
    return first;
  }
  const fresh = load<u32>(block, B_FRESH);
  if (fresh >= load<u32>(block, B_END)) return 0;
  store<u32>(block, fresh + load<u32>(map, H_STRIDE), B_FRESH);
  return fresh;
}

/** Takes an element out of the hash table; false if it is not in it (being inserted elsewhere). */
function evict(map: u32, node: u32): bool {
  const hash = load<u32>(node, 4);
  const word = lockOf(map, hash);
  lock(word);
  const found = unlinkNode(map, node, hash);
  unlock(word);
  if (!found) return false;
  if (load<u32>(map, M_FIELDS) != 0) nodeFree(map, node);
  countChange(map, -1);
  return true;
}

// ---- Aging ------------------------------------------------------------------------------------

/** Oldest active nodes: referenced ones get another round, the others become inactive. */
function rotateActive(block: u32, scans: u32): void {
  const head = listOf(block, ACTIVE);
  const stop = next(head);
  let node = prev(head);
  for (let i: u32 = 0; node != head && i < scans; i++) {
    const before = prev(node);
    move(block, node, isReferenced(node) ? ACTIVE : INACTIVE);
    if (node == stop) return;
    node = before;
  }
}

/** Goes on where it stopped: referenced inactive nodes become active. */
function rotateInactive(block: u32, scans: u32): void {
  const head = listOf(block, INACTIVE);
  if (isEmpty(head)) return;
  const start = load<u32>(block, B_ROTATION);
  let last = next(start);
  if (last == head) last = next(last);
  let node = start;
  let after = head;
  for (let i: u32 = 0; i < scans; ) {
    if (node == head) {
      node = prev(node);
      continue;
    }
    after = prev(node);
    const done = node == last;
    if (isReferenced(node)) move(block, node, ACTIVE);
    if (done) break;
    node = after;
    i++;
  }
  store<u32>(block, after, B_ROTATION);
}

function rotate(state: u32, block: u32): void {
  const scans = load<u32>(state, S_SCANS);
  if (load<u32>(block, B_INACTIVE_COUNT) < load<u32>(block, B_ACTIVE_COUNT)) {
    rotateActive(block, scans);
  }
  rotateInactive(block, scans);
}

/** Frees up to `wanted` unreferenced nodes from the old end of the inactive list. */
function shrinkInactive(map: u32, block: u32, wanted: u32, to: u32, kind: u32): u32 {
  const head = listOf(block, INACTIVE);
  const scans = load<u32>(stateOf(map), S_SCANS);
  let freed: u32 = 0;
  let node = prev(head);
  for (let i: u32 = 0; node != head && i < scans; i++) {
    const before = prev(node);
    if (isReferenced(node)) {
      move(block, node, ACTIVE);
    } else if (evict(map, node)) {
      moveToFree(block, node, to, kind);
      if (++freed == wanted) break;
    }
    node = before;
  }
  return freed;
}

/** Makes room; when every node is referenced, the oldest one goes all the same. */
function shrink(map: u32, block: u32, wanted: u32, to: u32, kind: u32): void {
  if (shrinkInactive(map, block, wanted, to, kind) != 0) return;
  const inactive = listOf(block, INACTIVE);
  const head = isEmpty(inactive) ? listOf(block, ACTIVE) : inactive;
  for (let node = prev(head); node != head; node = prev(node)) {
    if (evict(map, node)) {
      moveToFree(block, node, to, kind);
      return;
    }
  }
}

// ---- Common LRU -------------------------------------------------------------------------------

/** What this CPU inserted joins the lists, oldest first. */
function flushPending(block: u32, local: u32): void {
  const head = localPending(local);
  let node = prev(head);
  while (node != head) {
    const before = prev(node);
    const kind = isReferenced(node) ? ACTIVE : INACTIVE;
    count(block, kind, 1);
    store<u8>(node, kind, L_TYPE);
    store<u8>(node, 0, L_REF);
    remove(node);
    addFirst(listOf(block, kind), node);
    node = before;
  }
}

/** Fills this CPU's free list, by aging and evicting if need be. */
function refill(map: u32, state: u32, local: u32): void {
  const block = blockOf(state, 0);
  const target = load<u32>(state, S_TARGET);
  lock(block + B_LOCK);
  flushPending(block, local);
  rotate(state, block);
  let got: u32 = 0;
  while (got < target) {
    const node = takeFree(map, block);
    if (node == 0) break;
    store<u8>(node, LOCAL_FREE, L_TYPE);
    addFirst(localFree(local), node);
    got++;
  }
  if (got < target) shrink(map, block, target - got, localFree(local), LOCAL_FREE);
  unlock(block + B_LOCK);
}

/** @inline */
function takeLocalFree(local: u32): u32 {
  const head = localFree(local);
  const node = next(head);
  if (node == head) return 0;
  remove(node);
  return node;
}

/** The oldest pending node that is not referenced; failing that, the oldest one. */
function takePending(map: u32, local: u32): u32 {
  const head = localPending(local);
  for (let force = 0; force < 2; force++) {
    for (let node = prev(head); node != head; node = prev(node)) {
      if ((force != 0 || !isReferenced(node)) && evict(map, node)) {
        remove(node);
        return node;
      }
    }
  }
  return 0;
}

/** @inline */
function addPending(local: u32, node: u32, hash: u32): void {
  store<u32>(node, hash, 4);
  store<u16>(node, cpu_number, L_CPU);
  store<u8>(node, PENDING, L_TYPE);
  store<u8>(node, 0, L_REF);
  addFirst(localPending(local), node);
}

/** From the local lists of all CPUs in turn, beginning where the last theft ended. */
function steal(map: u32, state: u32, local: u32): u32 {
  const cpus = cpuCount();
  const first = load<u32>(local, B_STEAL);
  let cpu = first;
  let node: u32 = 0;
  do {
    const victim = localOf(state, cpu);
    lock(victim + B_LOCK);
    node = takeLocalFree(victim);
    if (node == 0) node = takePending(map, victim);
    unlock(victim + B_LOCK);
    cpu = cpu + 1 == cpus ? 0 : cpu + 1;
  } while (node == 0 && cpu != first);
  store<u32>(local, cpu, B_STEAL);
  return node;
}

function takeCommon(map: u32, state: u32, hash: u32): u32 {
  const local = localOf(state, cpu_number);
  lock(local + B_LOCK);
  let node = takeLocalFree(local);
  if (node == 0) {
    refill(map, state, local);
    node = takeLocalFree(local);
  }
  if (node != 0) addPending(local, node, hash);
  unlock(local + B_LOCK);
  if (node != 0) return node;
  node = steal(map, state, local);
  if (node == 0) return 0;
  lock(local + B_LOCK);
  addPending(local, node, hash);
  unlock(local + B_LOCK);
  return node;
}

function giveCommon(state: u32, node: u32): void {
  if (typeOf(node) == PENDING) {
    const local = localOf(state, load<u16>(node, L_CPU));
    lock(local + B_LOCK);
    const still = typeOf(node) == PENDING;
    if (still) {
      store<u8>(node, LOCAL_FREE, L_TYPE);
      store<u8>(node, 0, L_REF);
      remove(node);
      addFirst(localFree(local), node);
    }
    unlock(local + B_LOCK);
    if (still) return;
  }
  const block = blockOf(state, 0);
  lock(block + B_LOCK);
  move(block, node, FREE);
  unlock(block + B_LOCK);
}

// ---- Per-CPU LRU --------------------------------------------------------------------------------

function takeOwn(map: u32, state: u32, hash: u32): u32 {
  const block = blockOf(state, cpu_number);
  lock(block + B_LOCK);
  rotate(state, block);
  let node = takeFree(map, block);
  if (node == 0) {
    shrink(map, block, PERCPU_SCANS, listOf(block, FREE), FREE);
    node = takeFree(map, block);
  }
  if (node != 0) {
    store<u32>(node, hash, 4);
    store<u16>(node, cpu_number, L_CPU);
    store<u8>(node, INACTIVE, L_TYPE);
    store<u8>(node, 0, L_REF);
    count(block, INACTIVE, 1);
    addFirst(listOf(block, INACTIVE), node);
  }
  unlock(block + B_LOCK);
  return node;
}

function giveOwn(state: u32, node: u32): void {
  const block = blockOf(state, load<u16>(node, L_CPU));
  lock(block + B_LOCK);
  move(block, node, FREE);
  unlock(block + B_LOCK);
}

// ---- For the maps -------------------------------------------------------------------------------

/** A node for a new element with this hash; evicts one when the map is full. 0 if it cannot. */
export function lruTake(map: u32, hash: u32): u32 {
  const state = stateOf(map);
  const node =
    load<u32>(state, S_PERCPU) != 0 ? takeOwn(map, state, hash) : takeCommon(map, state, hash);
  if (node != 0) countChange(map, 1);
  return node;
}

/** Gives a node back that is in no chain any more (or never was). */
export function lruGive(map: u32, node: u32): void {
  const state = stateOf(map);
  if (load<u32>(map, M_FIELDS) != 0) nodeFree(map, node);
  countChange(map, -1);
  if (load<u32>(state, S_PERCPU) != 0) giveOwn(state, node);
  else giveCommon(state, node);
}
