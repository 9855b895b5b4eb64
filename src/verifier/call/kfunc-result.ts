/** What a kernel function returns (the second half of check_kfunc_call). */
import { isScalarType, isStructOrUnion, type ReturnKind } from '../../abi/index.ts';
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
import { isNumbers } from './kfunc-arguments.ts';
import type { KfuncMeta } from './kfunc-meta.ts';
import { dynptrTypeFlag } from './special/dynptr.ts';
import { markGraphNode, setNonOwning } from './special/graph.ts';
import { iteratorFlags } from './special/iterator.ts';

/** Bytes of the largest per-CPU object. */
const MAX_PERCPU_SIZE = 512;

const R0 = regAt(0);

/** Marks r0 with the result, and what the call did to reads and widths of its arguments. */
export function markKfuncResult(env: VerifierEnv, meta: KfuncMeta): void {
  const { result, btf, params } = meta.proto;
  checkAcquires(env, meta);
  if (isScalarType(result)) {
    markUnknown(env, env.regs, R0);
    markResultSize(env, btf.sizeOf(result.id));
  } else if (result.kind === 'ptr') {
    markPointer(env, meta, btf.resolved(result.type));
  }
  for (let i = 0; i < params.length; i++) {
    markArgumentRead(env, i + 1, params[i]!.isPointer ? 8 : params[i]!.size);
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
  const { acquire, kind } = meta.contract.returns;
  if (!acquire || kind === 'new_object' || kind === 'same_object') return;
  const { result, btf } = meta.proto;
  if (result.kind === 'ptr' && isStructOrUnion(btf.resolved(result.type))) return;
  env.reject('EINVAL', kfuncMessages.returns_no_object());
}

function markPointer(env: VerifierEnv, meta: KfuncMeta, pointee: BtfType): void {
  const { returns } = meta.contract;
  const special = SPECIAL[returns.kind];
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
  if (returns.acquire) {
    const id = acquireReference(env, meta.insn);
    if (mayBeNull) w[R0 + ID] = id;
    w[R0 + REF_OBJ_ID] = id;
  } else if (returns.borrowed) {
    setNonOwning(env, w, R0);
  }
  if (w[R0 + ID] === 0 && hasField(regRecord(env, w, R0), BPF_SPIN_LOCK)) w[R0 + ID] = env.newId();
}

/** An owner that takes another reference cannot fail (is_kfunc_ret_null). */
function returnsNull(meta: KfuncMeta): boolean {
  const { kind, nullable } = meta.contract.returns;
  return nullable === true && !(kind === 'same_object' && meta.argOwningRef);
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
  if (meta.contract.iterator !== 'next') return;
  const isRcu = iteratorFlags(env, meta) & MEM_RCU;
  env.regs[R0 + TYPE]! |= isRcu ? MEM_RCU : PTR_TRUSTED;
}

function markMemory(env: VerifierEnv, meta: KfuncMeta, pointee: BtfType): void {
  const { size, sizeFrom, access } = meta.contract.returns;
  if (meta.returnedSize === 0 && size !== undefined) {
    meta.returnedSize = size;
    // A length of 0 in the argument leaves the size to the type, and that memory is read only.
    meta.returnedReadOnly = sizeFrom !== undefined || access === 'read';
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

type MarkResult = (env: VerifierEnv, meta: KfuncMeta) => void;

/** Results whose type is not in the prototype. */
const SPECIAL: Readonly<Partial<Record<ReturnKind, MarkResult>>> = {
  new_object: markNewObject,
  same_object: (env, meta) =>
    markObject(env, PTR_TO_BTF_ID | MEM_ALLOC, meta.argBtf, meta.argBtfId),
  graph_node: (env, meta) => markGraphNode(env, env.regs, R0, (meta.listHead ?? meta.rbtreeRoot)!),
  kernel_context: markKernelContext,
  cast_object: markCast,
  dynptr_slice: markSlice,
};

function markNewObject(env: VerifierEnv, meta: KfuncMeta): void {
  const isPerCpu = meta.contract.returns.percpu === true;
  if (meta.constantHigh !== 0) env.reject('EINVAL', kfuncMessages.type_id_range());
  const { btf } = env.input;
  if (!btf) env.reject('EINVAL', kfuncMessages.no_program_btf());
  const id = meta.constantLow >>> 0;
  const type = id < btf.count ? btf.type(id) : undefined;
  if (type?.kind !== 'struct') env.reject('EINVAL', kfuncMessages.type_id_struct());
  if (isPerCpu) checkPerCpuObject(env, btf, type);
  env.aux.objects.set(meta.insn, { btf, id, offset: 0 });
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
  if (!isNumbers(env, btf, type)) env.reject('EINVAL', kfuncMessages.percpu_scalars());
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

function markSlice(env: VerifierEnv, meta: KfuncMeta): void {
  const readOnly = meta.contract.returns.access === 'read';
  const w = env.regs;
  markKnownZero(w, R0);
  w[R0 + MEM_SIZE] = meta.constantLow;
  w[R0 + TYPE] = PTR_TO_MEM | dynptrTypeFlag(meta.dynptrType) | (readOnly ? MEM_RDONLY : 0);
  if (!readOnly && !mayAccessPacket(env, undefined, 'write')) {
    env.reject('EINVAL', kfuncMessages.no_packet_write());
  }
  w[R0 + DYNPTR_ID] = meta.dynptrId;
}
