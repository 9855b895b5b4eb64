/** What a kernel function returns (the second half of check_kfunc_call). */
import { kfuncFlags, kfuncId } from '../../abi/index.ts';
import type { Btf, BtfType } from '../../btf/index.ts';
import { kernelContextType } from '../btf/context-type.ts';
import { kindText } from '../btf/kind-text.ts';
import { KERNEL_BTF, PROGRAM_BTF, type VerifierEnv } from '../env.ts';
import { BPF_SPIN_LOCK, hasField, regRecord, structRecord } from '../fields/record.ts';
import { mayAccessPacket } from '../mem/packet.ts';
import { kfuncMessages } from '../messages/kfunc.ts';
import { markInsnZext, markRegRead } from '../prune/liveness.ts';
import {
  BTF,
  BTF_ID,
  DEF_NOT_SUBREG,
  DYNPTR_ID,
  ID,
  LIVE,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_SIZE,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  REF_OBJ_ID,
  REG_LIVE_READ32,
  REG_LIVE_READ64,
  REG_LIVE_WRITTEN,
  regAt,
  SUBREG_DEF,
  TYPE,
} from '../state/layout.ts';
import { markKnownZero, markUnknown } from '../value/bounds.ts';
import { acquireReference } from './effects.ts';
import { isScalarStruct } from './kfunc-arguments.ts';
import { isScalarType, isStructOrUnion } from './kfunc-contract.ts';
import type { KfuncMeta } from './kfunc-meta.ts';
import { dynptrTypeFlag } from './special/dynptr.ts';
import { markGraphNode, setNonOwning } from './special/graph.ts';
import { iteratorFlags } from './special/iterator.ts';

const OBJ_NEW = kfuncId('bpf_obj_new_impl');
const PERCPU_OBJ_NEW = kfuncId('bpf_percpu_obj_new_impl');
const REFCOUNT_ACQUIRE = kfuncId('bpf_refcount_acquire_impl');
const RBTREE_FIRST = kfuncId('bpf_rbtree_first');

/** Bytes of the largest per-CPU object. */
const MAX_PERCPU_SIZE = 512;

const R0 = regAt(0);

/** Marks r0 with the result, and what the call did to reads and widths of its arguments. */
export function markKfuncResult(env: VerifierEnv, meta: KfuncMeta): void {
  const { result } = meta.contract;
  checkAcquires(env, meta);
  if (isScalarType(result)) {
    markUnknown(env, env.regs, R0);
    markResultSize(env, meta.contract.btf.sizeOf(result.id));
  } else if (result.kind === 'ptr') {
    markPointer(env, meta, meta.contract.btf.resolved(result.type));
  }
  for (const [i, param] of meta.contract.params.entries()) {
    markArgumentRead(env, i + 1, param.isPointer ? 8 : param.size);
  }
}

/** mark_btf_func_reg_size for r0. */
function markResultSize(env: VerifierEnv, size: number): void {
  env.regs[R0 + LIVE]! |= REG_LIVE_WRITTEN;
  env.regs[R0 + SUBREG_DEF] = size === 8 ? DEF_NOT_SUBREG : env.insnIdx + 1;
}

/** mark_btf_func_reg_size for an argument. */
function markArgumentRead(env: VerifierEnv, regno: number, size: number): void {
  const r = regAt(regno);
  if (size === 8) markInsnZext(env, env.regs, r);
  markRegRead(env, env.regs, r, size === 8 ? REG_LIVE_READ64 : REG_LIVE_READ32);
}

function checkAcquires(env: VerifierEnv, meta: KfuncMeta): void {
  if (!meta.has(kfuncFlags.ACQUIRE)) return;
  const { result, btf } = meta.contract;
  if (result.kind === 'ptr' && isStructOrUnion(btf.resolved(result.type))) return;
  if (meta.id === OBJ_NEW || meta.id === PERCPU_OBJ_NEW || meta.id === REFCOUNT_ACQUIRE) return;
  env.reject('EINVAL', kfuncMessages.returns_no_object());
}

function markPointer(env: VerifierEnv, meta: KfuncMeta, pointee: BtfType): void {
  const special = SPECIAL.get(meta.id);
  if (special) special(env, meta);
  else if (pointee.kind === 'void') markUnknown(env, env.regs, R0);
  else if (pointee.kind === 'struct') markStruct(env, meta, pointee);
  else markMemory(env, meta, pointee);
  const w = env.regs;
  const mayBeNull = returnsNull(meta);
  if (mayBeNull) {
    w[R0 + TYPE]! |= PTR_MAYBE_NULL;
    w[R0 + ID] = env.newId();
  }
  markResultSize(env, 8);
  if (meta.has(kfuncFlags.ACQUIRE)) {
    const id = acquireReference(env, meta.insn);
    if (mayBeNull) w[R0 + ID] = id;
    w[R0 + REF_OBJ_ID] = id;
  } else if (meta.id === RBTREE_FIRST) {
    setNonOwning(env, w, R0);
  }
  if (w[R0 + ID] === 0 && hasField(regRecord(env, w, R0), BPF_SPIN_LOCK)) w[R0 + ID] = env.newId();
}

/** An owner that takes another reference cannot fail (is_kfunc_ret_null). */
function returnsNull(meta: KfuncMeta): boolean {
  if (meta.id === REFCOUNT_ACQUIRE && meta.argOwningRef) return false;
  return meta.has(kfuncFlags.RET_NULL);
}

function markObject(env: VerifierEnv, type: number, btf: number, id: number): void {
  const w = env.regs;
  markKnownZero(w, R0);
  w[R0 + TYPE] = type;
  w[R0 + BTF] = btf;
  w[R0 + BTF_ID] = id;
}

function markStruct(env: VerifierEnv, meta: KfuncMeta, pointee: BtfType): void {
  markObject(env, PTR_TO_BTF_ID, meta.btf, pointee.id);
  if (!meta.has(kfuncFlags.ITER_NEXT)) return;
  const isRcu = iteratorFlags(env, meta) & MEM_RCU;
  env.regs[R0 + TYPE]! |= isRcu ? MEM_RCU : PTR_TRUSTED;
}

function markMemory(env: VerifierEnv, meta: KfuncMeta, pointee: BtfType): void {
  if (meta.returnedSize === 0) {
    const size = sizeOf(meta.contract.btf, pointee);
    if (size !== undefined) {
      meta.returnedSize = size;
      meta.returnedReadOnly = true;
    }
  }
  if (meta.returnedSize === 0) {
    const message = kfuncMessages.pointer_result(meta.name, kindText(pointee), pointee.name);
    env.reject('EINVAL', message);
  }
  const w = env.regs;
  markKnownZero(w, R0);
  w[R0 + TYPE] = PTR_TO_MEM | (meta.returnedReadOnly ? MEM_RDONLY : 0);
  w[R0 + MEM_SIZE] = meta.returnedSize;
  if (meta.refObjId) w[R0 + REF_OBJ_ID] = meta.refObjId;
}

function sizeOf(btf: Btf, type: BtfType): number | undefined {
  if (type.kind === 'func_proto' || type.kind === 'fwd' || type.kind === 'func') return undefined;
  return btf.sizeOf(type.id);
}

type MarkResult = (env: VerifierEnv, meta: KfuncMeta) => void;

/** Functions whose result's type is not in their prototype. */
const SPECIAL: ReadonlyMap<number, MarkResult> = new Map<number, MarkResult>([
  [OBJ_NEW, markNewObject],
  [PERCPU_OBJ_NEW, markNewObject],
  [
    REFCOUNT_ACQUIRE,
    (env, meta) => markObject(env, PTR_TO_BTF_ID | MEM_ALLOC, meta.argBtf, meta.argBtfId),
  ],
  [kfuncId('bpf_list_pop_front'), (env, meta) => markGraphNode(env, env.regs, R0, meta.listHead!)],
  [kfuncId('bpf_list_pop_back'), (env, meta) => markGraphNode(env, env.regs, R0, meta.listHead!)],
  [kfuncId('bpf_rbtree_remove'), (env, meta) => markGraphNode(env, env.regs, R0, meta.rbtreeRoot!)],
  [RBTREE_FIRST, (env, meta) => markGraphNode(env, env.regs, R0, meta.rbtreeRoot!)],
  [kfuncId('bpf_cast_to_kern_ctx'), markKernelContext],
  [kfuncId('bpf_rdonly_cast'), markCast],
  [kfuncId('bpf_dynptr_slice'), (env, meta) => markSlice(env, meta, true)],
  [kfuncId('bpf_dynptr_slice_rdwr'), (env, meta) => markSlice(env, meta, false)],
]);

function markNewObject(env: VerifierEnv, meta: KfuncMeta): void {
  const isPerCpu = meta.id === PERCPU_OBJ_NEW;
  if (meta.constantHigh !== 0) env.reject('EINVAL', kfuncMessages.type_id_range());
  const { btf } = env.input;
  if (!btf) env.reject('EINVAL', kfuncMessages.no_program_btf());
  const id = meta.constantLow >>> 0;
  const type = id < btf.count ? btf.type(id) : undefined;
  if (type?.kind !== 'struct') env.reject('EINVAL', kfuncMessages.type_id_struct());
  if (isPerCpu) checkPerCpuObject(env, btf, type);
  const flags = MEM_ALLOC | (isPerCpu ? MEM_PERCPU : 0);
  markObject(env, PTR_TO_BTF_ID | flags, PROGRAM_BTF, id);
}

function checkPerCpuObject(
  env: VerifierEnv,
  btf: Btf,
  type: Extract<BtfType, { kind: 'struct' | 'union' }>,
): void {
  if (type.size > MAX_PERCPU_SIZE) {
    env.reject('EINVAL', kfuncMessages.percpu_size(type.size, MAX_PERCPU_SIZE));
  }
  if (!isScalarStruct(env, btf, type, 0)) env.reject('EINVAL', kfuncMessages.percpu_scalars());
  if (structRecord(env, btf, type.id)) env.reject('EINVAL', kfuncMessages.percpu_fields());
}

function markKernelContext(env: VerifierEnv): void {
  const type = kernelContextType(env.profile.btf(), env.programType);
  if (!isStructOrUnion(type)) env.reject('EINVAL', kfuncMessages.context_struct(type.id));
  markObject(env, PTR_TO_BTF_ID | PTR_TRUSTED, KERNEL_BTF, type.id);
}

function markCast(env: VerifierEnv, meta: KfuncMeta): void {
  const btf = env.profile.btf();
  // The kernel, too, takes the low half of the constant for the id.
  const id = meta.constantLow >>> 0;
  const type = id < btf.count ? btf.type(id) : undefined;
  if (!type || !isStructOrUnion(type)) env.reject('EINVAL', kfuncMessages.cast_struct());
  markObject(env, PTR_TO_BTF_ID | PTR_UNTRUSTED, KERNEL_BTF, id);
}

function markSlice(env: VerifierEnv, meta: KfuncMeta, readOnly: boolean): void {
  const w = env.regs;
  markKnownZero(w, R0);
  w[R0 + MEM_SIZE] = meta.constantLow;
  w[R0 + TYPE] = PTR_TO_MEM | dynptrTypeFlag(meta.dynptrType) | (readOnly ? MEM_RDONLY : 0);
  if (!readOnly && !mayAccessPacket(env, undefined, 'write')) {
    env.reject('EINVAL', kfuncMessages.no_packet_write());
  }
  w[R0 + DYNPTR_ID] = meta.dynptrId;
}
