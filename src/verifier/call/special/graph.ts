/** Lists and trees of allocated objects, and the lock that protects them. */
import type { VerifierEnv } from '../../env.ts';
import {
  BPF_LIST_HEAD,
  BPF_LIST_NODE,
  BPF_RB_NODE,
  BPF_RB_ROOT,
  btfIndex,
  fieldAt,
  type FieldRecord,
  regRecord,
  type SpecialField,
} from '../../fields/record.ts';
import { btfIdsMatch } from '../../mem/btf-struct-access.ts';
import { fieldTypeName } from '../../fields/names.ts';
import { isAlloc } from '../../mem/pointers.ts';
import { graphMessages } from '../../messages/kfunc.ts';
import { eachReg } from '../../state/each-reg.ts';
import {
  BTF,
  BTF_ID,
  ID,
  MAP,
  MEM_ALLOC,
  MEM_RCU,
  NON_OWN_REF,
  OFF,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_VALUE,
  REF_OBJ_ID,
  regAt,
  TYPE,
  VALUE,
} from '../../state/layout.ts';
import type { FuncState } from '../../state/state.ts';
import { findReference } from '../../state/references.ts';
import { markKnownZero } from '../../value/bounds.ts';
import type { KfuncMeta } from '../kfunc-meta.ts';
import { tnumIsConst } from '../../value/tnum.ts';

const offsetOf = (w: Int32Array, r: number) => (w[r + OFF]! + w[r + VALUE]!) | 0;

/** A register that points to the node of an object in a list or tree (mark_reg_graph_node). */
export function markGraphNode(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  root: SpecialField,
): void {
  markKnownZero(w, r);
  w[r + TYPE] = PTR_TO_BTF_ID | MEM_ALLOC;
  w[r + BTF] = btfIndex(env, root.btf);
  w[r + BTF_ID] = root.valueBtfId;
  w[r + OFF] = root.nodeOffset;
}

/** The pointer may be used while the lock is held, but does not own (ref_set_non_owning). */
export function setNonOwning(env: VerifierEnv, w: Int32Array, r: number): void {
  if (env.state.activeLock === 0) env.reject('EFAULT', graphMessages.no_lock());
  const record = regRecord(env, w, r);
  w[r + TYPE]! |= NON_OWN_REF;
  if (record && record.refcountOff >= 0) w[r + TYPE]! |= MEM_RCU;
}

/**
 * Owning pointers of a reference stop to own; false if the frame does not hold it
 * (ref_convert_owning_non_owning).
 */
export function convertToNonOwning(env: VerifierEnv, refObjId: number): boolean {
  if (refObjId === 0 || findReference(env.frame, refObjId) < 0) return false;
  eachReg(env.state, (w, r) => {
    if (w[r + REF_OBJ_ID] !== refObjId) return;
    w[r + REF_OBJ_ID] = 0;
    setNonOwning(env, w, r);
  });
  return true;
}

/** True if the lock that is held is the one of the object (check_reg_allocation_locked). */
function isLocked(env: VerifierEnv, w: Int32Array, r: number): boolean {
  const { activeLock, activeLockId } = env.state;
  const owner = w[r + TYPE] === PTR_TO_MAP_VALUE ? w[r + MAP]! : -w[r + BTF]!;
  if (activeLock === 0) return false;
  if (activeLock === owner && activeLockId === w[r + ID]) return true;
  if (env.talking) env.say(graphMessages.different_allocation());
  return false;
}

/** The root of a list or tree an argument points to (__process_kf_arg_ptr_to_graph_root). */
export function processGraphRoot(env: VerifierEnv, regno: number, rootType: number): SpecialField {
  const w = env.regs;
  const r = regAt(regno);
  const name = fieldTypeName(rootType);
  if (!tnumIsConst(w, r)) env.reject('EINVAL', graphMessages.variable_offset(regno, name));
  const record = regRecord(env, w, r);
  const field = fieldAt(record, offsetOf(w, r), rootType);
  if (!field) env.reject('EINVAL', graphMessages.not_found(name, offsetOf(w, r)));
  if (!isLocked(env, w, r)) env.reject('EINVAL', lockNeeded(record!, name));
  return field;
}

const lockNeeded = (record: FieldRecord, name: string) =>
  graphMessages.lock_needed(record.spinLockOff, name);

/** The node of a list or tree an argument points to (__process_kf_arg_ptr_to_graph_node). */
export function processGraphNode(
  env: VerifierEnv,
  regno: number,
  nodeType: typeof BPF_LIST_NODE | typeof BPF_RB_NODE,
  meta: KfuncMeta,
): void {
  const w = env.regs;
  const r = regAt(regno);
  const name = fieldTypeName(nodeType);
  if (!tnumIsConst(w, r)) env.reject('EINVAL', graphMessages.variable_offset(regno, name));
  const offset = offsetOf(w, r);
  if (!fieldAt(regRecord(env, w, r), offset, nodeType)) {
    env.reject('EINVAL', graphMessages.not_found(name, offset));
  }
  const root = nodeType === BPF_LIST_NODE ? meta.listHead! : meta.rbtreeRoot!;
  checkNodeType(env, w, r, root, nodeType);
  meta.argBtf = w[r + BTF]!;
  meta.argBtfId = w[r + BTF_ID]!;
  if (offset !== root.nodeOffset) {
    const type = root.btf!.type(root.valueBtfId).name;
    env.reject('EINVAL', graphMessages.wrong_offset(offset, name, root.nodeOffset, type));
  }
}

function checkNodeType(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  root: SpecialField,
  nodeType: number,
): void {
  const btf = env.btfAt(w[r + BTF]!);
  const id = w[r + BTF_ID]!;
  const walkFlexArrays = !isAlloc(w[r + TYPE]!);
  if (btfIdsMatch(env, btf, id, 0, root.btf!, root.valueBtfId, true, walkFlexArrays)) return;
  const rootName = fieldTypeName(nodeType === BPF_LIST_NODE ? BPF_LIST_HEAD : BPF_RB_ROOT);
  const message = graphMessages.wrong_node(
    rootName,
    fieldTypeName(nodeType),
    root.nodeOffset,
    root.btf!.type(root.valueBtfId).name,
    offsetOf(w, r),
    btf.type(id).name,
  );
  env.reject('EINVAL', message);
}

/** A node of the tree in the caller's argument `of`, without owning it. */
export function passTreeNode(
  env: VerifierEnv,
  caller: FuncState,
  callee: FuncState,
  to: number,
  of: number,
): void {
  const root = regAt(of);
  const w = caller.words;
  const field = fieldAt(regRecord(env, w, root), w[root + OFF]!, BPF_RB_ROOT);
  if (!field?.valueBtfId) env.reject('EFAULT');
  markGraphNode(env, callee.words, regAt(to), field);
  setNonOwning(env, callee.words, regAt(to));
}
