/** What map values and objects own as it is now: read from outside, nothing changes. */
import {
  BPF_KPTR_PERCPU,
  BPF_KPTR_REF,
  BPF_LIST_HEAD,
  BPF_RB_ROOT,
  BPF_TIMER,
  BPF_WORKQUEUE,
  type FieldRecord,
  type OwnedField,
  type OwningValue,
  type SpecialField,
  type TimerState,
  type TreeNode,
} from '../../abi/fields/types.ts';
import type { BtfComposite } from '../../btf/index.ts';
import {
  GLOBALS,
  LIST_FIRST,
  OBJECT_GAP,
  TIMER_DUE,
  TIMER_PLACE,
  TREE_LEFT,
  TREE_RED,
  TREE_RIGHT,
} from '../layout.ts';
import { G_MEM_FLAGS, MEM_F_MODEL, NOTE_SIZE } from '../mem-layout.ts';
import type { Runtime } from '../types.ts';

const KINDS: Readonly<Record<number, OwnedField['kind']>> = {
  [BPF_LIST_HEAD]: 'list',
  [BPF_RB_ROOT]: 'tree',
  [BPF_KPTR_REF]: 'kptr',
  [BPF_KPTR_PERCPU]: 'percpu_kptr',
};
const TIMERS = BPF_TIMER | BPF_WORKQUEUE;
/** Owners inside of owners; types allow a pointer to their own kind. */
const DEPTH = 64;

/** The value of `size` bytes at an address, and what it owns. */
export function readOwner(
  runtime: Runtime,
  at: number,
  size: number,
  record: FieldRecord | undefined,
  depth = 0,
): OwningValue {
  const data = runtime.u8().slice(at, at + size);
  const fields = (record?.fields ?? []).map((field): OwnedField => {
    data.fill(0, field.offset, field.offset + field.size);
    const typeId = field.valueBtfId || field.btfId;
    const timer = field.type & TIMERS ? timerState(runtime, at + field.offset) : undefined;
    if (timer) return { offset: field.offset, kind: 'timer', typeId, objects: [], timer };
    const kind = KINDS[field.type] ?? 'plain';
    const objects = depth < DEPTH ? ownedBy(runtime, at + field.offset, field, depth) : [];
    const owned = { offset: field.offset, kind, typeId, objects };
    return kind === 'tree' ? { ...owned, nodes: shapeOf(runtime, at + field.offset) } : owned;
  });
  return { data, fields };
}

/** Undefined: nobody has initialised it. */
function timerState(runtime: Runtime, field: number): TimerState | undefined {
  const timer = pointer(runtime, field);
  if (timer === 0) return undefined;
  const view = runtime.view();
  const armed = view.getUint32(timer + TIMER_PLACE, true) !== 0;
  return { armed, expires: armed ? view.getBigInt64(timer + TIMER_DUE, true) : undefined };
}

function ownedBy(runtime: Runtime, at: number, field: SpecialField, depth: number): OwningValue[] {
  const { btf, destructor } = field;
  const id = field.valueBtfId || field.btfId;
  if (!btf || id === 0 || destructor !== undefined) return [];
  const { size } = btf.type(id) as BtfComposite;
  const record = runtime.objects.fieldsOf(btf, id);
  return addressesOf(runtime, at, field, size).map((address) =>
    readOwner(runtime, address, size, record, depth + 1),
  );
}

/** Of a per-CPU object: one for each CPU. */
function addressesOf(runtime: Runtime, at: number, field: SpecialField, size: number): number[] {
  const { type, nodeOffset } = field;
  const first = pointer(runtime, at);
  if (first === 0) return [];
  if (type === BPF_KPTR_REF) return [first];
  const nodes: number[] = [];
  if (type === BPF_LIST_HEAD) listNodes(runtime, first, nodes);
  else if (type === BPF_RB_ROOT) treeNodes(runtime, first, nodes);
  else if (type === BPF_KPTR_PERCPU) {
    // With the model of memory there is a note behind each.
    const noted = runtime.u32()[(GLOBALS + G_MEM_FLAGS) >>> 2]! & MEM_F_MODEL;
    const stride = Math.ceil(size / 8) * 8 + OBJECT_GAP + (noted ? NOTE_SIZE : 0);
    return Array.from({ length: runtime.options.cpus }, (_, cpu) => first + cpu * stride);
  }
  return nodes.map((node) => node - nodeOffset);
}

/** Low half of the pointer at an address. */
function pointer(runtime: Runtime, at: number): number {
  return runtime.view().getUint32(at, true);
}

function listNodes(runtime: Runtime, first: number, into: number[]): void {
  for (let node = first; node !== 0; node = pointer(runtime, node + LIST_FIRST)) into.push(node);
}

/** Depth and colour of the nodes of a tree, in order. */
function shapeOf(runtime: Runtime, root: number): TreeNode[] {
  const nodes: TreeNode[] = [];
  const visit = (node: number, depth: number): void => {
    if (node === 0) return;
    visit(pointer(runtime, node + TREE_LEFT), depth + 1);
    nodes.push({ depth, red: pointer(runtime, node + TREE_RED) !== 0 });
    visit(pointer(runtime, node + TREE_RIGHT), depth + 1);
  };
  visit(pointer(runtime, root), 0);
  return nodes;
}

function treeNodes(runtime: Runtime, node: number, into: number[]): void {
  if (node === 0) return;
  treeNodes(runtime, pointer(runtime, node + TREE_LEFT), into);
  into.push(node);
  treeNodes(runtime, pointer(runtime, node + TREE_RIGHT), into);
}
