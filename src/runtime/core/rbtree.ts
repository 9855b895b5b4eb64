/**
 * Red-black trees of objects (bpf_rb_root, bpf_rb_node), ordered by a callback of the program.
 * Links are pointers as programs hold them. A node says which tree it is in.
 */
import { TREE_LEFT, TREE_OWNER, TREE_PARENT, TREE_RED, TREE_RIGHT } from '../layout';
import { objectAt, objectDrop } from './objects';

/** The root's only word: pointer to the node on top. */
const TOP: usize = 0;

/** @inline */
function left(node: u64): u64 {
  return load<u64>(<u32>node, TREE_LEFT);
}

/** @inline */
function right(node: u64): u64 {
  return load<u64>(<u32>node, TREE_RIGHT);
}

/** @inline */
function parent(node: u64): u64 {
  return load<u64>(<u32>node, TREE_PARENT);
}

/** Absent nodes are black. @inline */
function isRed(node: u64): bool {
  return node != 0 && load<u32>(<u32>node, TREE_RED) != 0;
}

/** @inline */
function setRed(node: u64, red: bool): void {
  store<u32>(<u32>node, red ? 1 : 0, TREE_RED);
}

/** `to` hangs where `from` hung. */
function replace(root: u32, from: u64, to: u64): void {
  const above = parent(from);
  if (above == 0) store<u64>(root, to, TOP);
  else if (left(above) == from) store<u64>(<u32>above, to, TREE_LEFT);
  else store<u64>(<u32>above, to, TREE_RIGHT);
  if (to != 0) store<u64>(<u32>to, above, TREE_PARENT);
}

/** The child on the other side of `side` takes the place of `node`, which goes down on `side`. */
function rotate(root: u32, node: u64, side: u32): void {
  const other: u32 = TREE_RIGHT - side;
  const child = load<u64>(<u32>node + other);
  const inner = load<u64>(<u32>child + side);
  replace(root, node, child);
  store<u64>(<u32>node + other, inner);
  if (inner != 0) store<u64>(<u32>inner, node, TREE_PARENT);
  store<u64>(<u32>child + side, node);
  store<u64>(<u32>node, child, TREE_PARENT);
}

/**
 * Adds a node behind those it is not less than; `less` is the callback's slot in the table. False
 * if it is in a tree, or is no part of an object.
 */
export function treeAdd(root: u32, node: u64, less: u32): bool {
  if (objectAt(node) == 0 || load<u32>(<u32>node, TREE_OWNER) != 0) return false;
  let above: u64 = 0;
  let link = root + <u32>TOP;
  for (let at = load<u64>(link); objectAt(at) != 0; at = load<u64>(link)) {
    above = at;
    const before = call_indirect<u64>(less, node, at, <u64>0, <u64>0, <u64>0) != 0;
    link = <u32>at + (before ? TREE_LEFT : TREE_RIGHT);
  }
  store<u64>(link, node);
  store<u64>(<u32>node, 0, TREE_LEFT);
  store<u64>(<u32>node, 0, TREE_RIGHT);
  store<u64>(<u32>node, above, TREE_PARENT);
  store<u32>(<u32>node, root, TREE_OWNER);
  setRed(node, true);
  balanceAdded(root, node);
  return true;
}

function balanceAdded(root: u32, node: u64): void {
  while (isRed(parent(node))) {
    const above = parent(node);
    const top = parent(above);
    const side: u32 = left(top) == above ? TREE_LEFT : TREE_RIGHT;
    const uncle = load<u64>(<u32>top + (TREE_RIGHT - side));
    if (isRed(uncle)) {
      setRed(above, false);
      setRed(uncle, false);
      setRed(top, true);
      node = top;
      continue;
    }
    const inner = load<u64>(<u32>above + (TREE_RIGHT - side)) == node;
    if (inner) rotate(root, above, side);
    setRed(inner ? node : above, false);
    setRed(top, true);
    rotate(root, top, TREE_RIGHT - side);
    break;
  }
  setRed(load<u64>(root, TOP), false);
}

/** The node with nothing before it; 0 if the tree is empty. */
export function treeFirst(root: u32): u64 {
  let node = load<u64>(root, TOP);
  if (objectAt(node) == 0) return 0;
  while (left(node) != 0) node = left(node);
  return node;
}

/** Takes a node out; false if it is not in this tree. */
export function treeRemove(root: u32, node: u64): bool {
  if (objectAt(node) == 0 || load<u32>(<u32>node, TREE_OWNER) != root) return false;
  if (left(node) != 0 && right(node) != 0) takeNext(root, node);
  else takeOut(root, node, left(node) != 0 ? left(node) : right(node));
  memory.fill(<u32>node, 0, 32);
  return true;
}

/** A node with one child at most: the child takes its place. */
function takeOut(root: u32, node: u64, child: u64): void {
  const above = parent(node);
  replace(root, node, child);
  if (!isRed(node)) balanceRemoved(root, child, above);
}

/** A node with two children: the next one in order takes its place and colour. */
function takeNext(root: u32, node: u64): void {
  let next = right(node);
  while (left(next) != 0) next = left(next);
  const child = right(next);
  const wasRed = isRed(next);
  let above = parent(next);
  if (above == node) {
    above = next;
  } else {
    replace(root, next, child);
    store<u64>(<u32>next, right(node), TREE_RIGHT);
    store<u64>(<u32>right(node), next, TREE_PARENT);
  }
  replace(root, node, next);
  store<u64>(<u32>next, left(node), TREE_LEFT);
  store<u64>(<u32>left(node), next, TREE_PARENT);
  setRed(next, isRed(node));
  if (!wasRed) balanceRemoved(root, child, above);
}

/** One black node is missing on the way to `node` (which may be absent) below `above`. */
function balanceRemoved(root: u32, node: u64, above: u64): void {
  while (above != 0 && !isRed(node)) {
    const side: u32 = left(above) == node ? TREE_LEFT : TREE_RIGHT;
    const other: u32 = TREE_RIGHT - side;
    let sibling = load<u64>(<u32>above + other);
    if (isRed(sibling)) {
      setRed(sibling, false);
      setRed(above, true);
      rotate(root, above, side);
      sibling = load<u64>(<u32>above + other);
    }
    const near = load<u64>(<u32>sibling + side);
    const far = load<u64>(<u32>sibling + other);
    if (!isRed(near) && !isRed(far)) {
      setRed(sibling, true);
      node = above;
      above = parent(node);
      continue;
    }
    if (!isRed(far)) {
      setRed(near, false);
      setRed(sibling, true);
      rotate(root, sibling, other);
      sibling = load<u64>(<u32>above + other);
    }
    setRed(sibling, isRed(above));
    setRed(above, false);
    setRed(load<u64>(<u32>sibling + other), false);
    rotate(root, above, side);
    return;
  }
  if (node != 0) setRed(node, false);
}

/** Drops every object of a tree that is no more, children first. */
export function treeClear(node: u64): void {
  while (objectAt(node) != 0) {
    const child = left(node) != 0 ? left(node) : right(node);
    if (child != 0) {
      node = child;
      continue;
    }
    const above = parent(node);
    if (above != 0) {
      store<u64>(<u32>above + (left(above) == node ? TREE_LEFT : TREE_RIGHT), 0);
    }
    memory.fill(<u32>node, 0, 32);
    objectDrop(node);
    node = above;
  }
}
