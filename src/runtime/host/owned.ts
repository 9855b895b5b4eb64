/** Lists, trees and kptrs as they are now, read from outside. */
import {
  BPF_KPTR,
  BPF_LIST_HEAD,
  BPF_RB_ROOT,
  type SpecialField,
} from '../../abi/fields/types.ts';
import { LIST_FIRST, TREE_LEFT, TREE_RIGHT } from '../layout.ts';
import type { Runtime } from '../types.ts';

/** Addresses of the objects a field at address `at` owns, in order. */
export function ownedObjects(runtime: Runtime, at: number, field: SpecialField): number[] {
  const { type, nodeOffset } = field;
  const nodes: number[] = [];
  if (type === BPF_LIST_HEAD) listNodes(runtime, at, nodes);
  else if (type === BPF_RB_ROOT) treeNodes(runtime, pointer(runtime, at), nodes);
  else if (type & BPF_KPTR && pointer(runtime, at) !== 0) nodes.push(pointer(runtime, at));
  return nodes.map((node) => node - nodeOffset);
}

/** Low half of the pointer at an address. */
function pointer(runtime: Runtime, at: number): number {
  return runtime.view().getUint32(at, true);
}

function listNodes(runtime: Runtime, head: number, into: number[]): void {
  for (let node = pointer(runtime, head); node !== 0; node = pointer(runtime, node + LIST_FIRST)) {
    into.push(node);
  }
}

function treeNodes(runtime: Runtime, node: number, into: number[]): void {
  if (node === 0) return;
  treeNodes(runtime, pointer(runtime, node + TREE_LEFT), into);
  into.push(node);
  treeNodes(runtime, pointer(runtime, node + TREE_RIGHT), into);
}
