/**
 * Lists of objects (bpf_list_head, bpf_list_node). Links are pointers as programs hold them; the
 * ends are 0. A node says which list it is on, so that it cannot be on two.
 */
import { LIST_FIRST, LIST_LAST, LIST_OWNER } from '../layout';
import { objectAt, objectDrop } from './objects';

/** Offsets in a node: those of a head, so that a head stands for the node before the first. */
const NEXT = LIST_FIRST;
const PREVIOUS = LIST_LAST;

/** Puts a node that is on no list between two neighbours; 0 is the head's side. */
function link(head: u32, node: u64, previous: u64, next: u64): void {
  store<u64>(<u32>node, next, NEXT);
  store<u64>(<u32>node, previous, PREVIOUS);
  store<u32>(<u32>node, head, LIST_OWNER);
  store<u64>(previous == 0 ? head : <u32>previous, node, NEXT);
  store<u64>(next == 0 ? head : <u32>next, node, PREVIOUS);
}

/** False if the node is on a list, or is no part of an object. */
export function listPush(head: u32, node: u64, first: bool): bool {
  if (objectAt(node) == 0 || load<u32>(<u32>node, LIST_OWNER) != 0) return false;
  if (first) link(head, node, 0, load<u64>(head, LIST_FIRST));
  else link(head, node, load<u64>(head, LIST_LAST), 0);
  return true;
}

/** Takes a node off one end; 0 if the list is empty. */
export function listPop(head: u32, first: bool): u64 {
  const node = load<u64>(head + (first ? LIST_FIRST : LIST_LAST));
  if (objectAt(node) == 0 || load<u32>(<u32>node, LIST_OWNER) != head) return 0;
  const next = load<u64>(<u32>node, NEXT);
  const previous = load<u64>(<u32>node, PREVIOUS);
  store<u64>(previous == 0 ? head : <u32>previous, next, NEXT);
  store<u64>(next == 0 ? head : <u32>next, previous, PREVIOUS);
  memory.fill(<u32>node, 0, 24);
  return node;
}

/** Drops every object from `node` on; their list is no more. */
export function listClear(node: u64): void {
  while (objectAt(node) != 0) {
    const next = load<u64>(<u32>node, NEXT);
    memory.fill(<u32>node, 0, 24);
    objectDrop(node);
    node = next;
  }
}
