/** What a helper returns, in r0. */
import { mapRules } from '../../abi/index.ts';
import { KERNEL_BTF, type VerifierEnv } from '../env.ts';
import { gates } from '../gates.ts';
import {
  BPF_KPTR_PERCPU,
  BPF_SPIN_LOCK,
  hasField,
  kptrTarget,
  recordOf,
  type SpecialField,
} from '../fields/record.ts';
import { callMessages, mapCallMessages } from '../messages/call.ts';
import {
  BTF,
  BTF_ID,
  baseType,
  DEF_NOT_SUBREG,
  DYNPTR_ID,
  ID,
  MAP,
  MAP_UID,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_SIZE,
  NOT_INIT,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_TCP_SOCK,
  REF_OBJ_ID,
  regAt,
  S32_MAX,
  S32_MIN,
  SMAX,
  SMIN,
  SUBREG_DEF,
  TYPE,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
} from '../state/layout.ts';
import { markKnownZero, markUnknown, sanityCheckBounds, syncBounds } from '../value/bounds.ts';
import * as arg from './arg-types.ts';
import type { HelperPrototype } from './contracts.ts';
import { acquireReference } from './effects.ts';
import type { CallMeta } from './meta.ts';

const R0 = regAt(0);
const MAX_ERRNO = 4095;

/**
 * Sets r0 to what the call returns, with its reference and its range. `percpuObject`: the result is
 * this CPU's part of an object the program allocated.
 */
export function setResult(
  env: VerifierEnv,
  insn: number,
  proto: HelperPrototype,
  meta: CallMeta,
  percpuObject: boolean,
): void {
  const w = env.regs;
  w[R0 + SUBREG_DEF] = DEF_NOT_SUBREG;
  setType(env, proto, meta, percpuObject);
  if (w[R0 + TYPE]! & PTR_MAYBE_NULL) w[R0 + ID] = env.newId();
  setReference(env, insn, proto, meta);
  if (proto.retType === arg.RET_INTEGER) refineRange(env, proto, meta);
}

function setType(
  env: VerifierEnv,
  proto: HelperPrototype,
  meta: CallMeta,
  percpuObject: boolean,
): void {
  const w = env.regs;
  const base = baseType(proto.retType);
  const flags = proto.retType & ~base;
  if (base === arg.RET_INTEGER) {
    markUnknown(env, w, R0);
    return;
  }
  if (base === arg.RET_VOID) {
    w[R0 + TYPE] = NOT_INIT;
    return;
  }
  markKnownZero(w, R0);
  switch (base) {
    case arg.RET_PTR_TO_MAP_VALUE:
      return setMapValue(env, meta, flags);
    case arg.RET_PTR_TO_SOCKET:
      w[R0 + TYPE] = PTR_TO_SOCKET | flags;
      return;
    case arg.RET_PTR_TO_SOCK_COMMON:
      w[R0 + TYPE] = PTR_TO_SOCK_COMMON | flags;
      return;
    case arg.RET_PTR_TO_TCP_SOCK:
      w[R0 + TYPE] = PTR_TO_TCP_SOCK | flags;
      return;
    case arg.RET_PTR_TO_MEM:
      w[R0 + TYPE] = PTR_TO_MEM | flags;
      w[R0 + MEM_SIZE] = meta.memSize;
      return;
    case arg.RET_PTR_TO_MEM_OR_BTF_ID:
      return setPercpu(env, meta, flags, percpuObject);
    default:
      setBtfPointer(env, proto, meta, flags);
  }
}

function setMapValue(env: VerifierEnv, meta: CallMeta, flags: number): void {
  const w = env.regs;
  const map = env.maps[meta.map - 1];
  if (!map) env.reject('EINVAL', mapCallMessages.misconfigured());
  w[R0 + MAP] = meta.map;
  w[R0 + MAP_UID] = meta.mapUid;
  w[R0 + TYPE] = PTR_TO_MAP_VALUE | flags;
  // Two calls may return different values: their locks are different ones.
  if (!(flags & PTR_MAYBE_NULL) && hasField(recordOf(env, map), BPF_SPIN_LOCK)) {
    w[R0 + ID] = env.newId();
  }
}

/** A per-CPU variable: a struct of the kernel, or plain memory. */
function setPercpu(env: VerifierEnv, meta: CallMeta, flags: number, ownObject: boolean): void {
  const w = env.regs;
  const btf = env.btfAt(meta.retBtf);
  const type = btf.resolved(meta.retBtfId);
  if (type.kind !== 'struct' && type.kind !== 'union') {
    const size = sizeOrReject(env, meta);
    w[R0 + TYPE] = PTR_TO_MEM | flags;
    w[R0 + MEM_SIZE] = size;
    return;
  }
  w[R0 + TYPE] = ownObject
    ? PTR_TO_BTF_ID | MEM_ALLOC | MEM_RCU
    : PTR_TO_BTF_ID | (flags & ~MEM_RDONLY);
  w[R0 + BTF] = meta.retBtf;
  w[R0 + BTF_ID] = meta.retBtfId;
}

function sizeOrReject(env: VerifierEnv, meta: CallMeta): number {
  const btf = env.btfAt(meta.retBtf);
  const type = btf.resolved(meta.retBtfId);
  const sized = type.kind !== 'func' && type.kind !== 'func_proto' && type.kind !== 'fwd';
  if (sized && type.kind !== 'void') return btf.sizeOf(type.id);
  return env.reject('EINVAL', callMessages.unresolved_size(type.name, -22));
}

function setBtfPointer(
  env: VerifierEnv,
  proto: HelperPrototype,
  meta: CallMeta,
  flags: number,
): void {
  const w = env.regs;
  w[R0 + TYPE] = PTR_TO_BTF_ID | flags;
  if (meta.kptrField) {
    setKptr(env, meta.kptrField);
    return;
  }
  if (proto.retBtfId === 0) {
    const words = callMessages.return_btf_id(baseType(proto.retType), proto.name, proto.id);
    env.reject('EINVAL', words);
  }
  w[R0 + BTF] = KERNEL_BTF;
  w[R0 + BTF_ID] = proto.retBtfId;
}

/** What was in the kptr before. */
function setKptr(env: VerifierEnv, field: SpecialField): void {
  const w = env.regs;
  const { btf, btfId } = kptrTarget(env, field);
  if (field.btf !== undefined) {
    w[R0 + TYPE]! |= MEM_ALLOC | (field.type === BPF_KPTR_PERCPU ? MEM_PERCPU : 0);
  }
  w[R0 + BTF] = btf;
  w[R0 + BTF_ID] = btfId;
}

function setReference(
  env: VerifierEnv,
  insn: number,
  { acquires, keepsReference, returnsSlice }: HelperPrototype,
  meta: CallMeta,
): void {
  const w = env.regs;
  if (returnsSlice) w[R0 + DYNPTR_ID] = meta.dynptrId;
  if (returnsSlice || keepsReference) {
    w[R0 + REF_OBJ_ID] = meta.refObjId;
  } else if (acquires === true || (acquires && holdsSockets(env, meta))) {
    w[R0 + ID] = w[R0 + REF_OBJ_ID] = acquireReference(env, insn);
  }
}

/** Looking up a socket takes a reference on it. */
function holdsSockets(env: VerifierEnv, meta: CallMeta): boolean {
  const map = env.maps[meta.map - 1];
  return map !== undefined && mapRules(map.type)?.lookup === 'socket';
}

/** Results that are known to be in a range (do_refine_retval_range). */
function refineRange(env: VerifierEnv, proto: HelperPrototype, meta: CallMeta): void {
  const w = env.regs;
  if (proto.returnsLength) {
    w[R0 + SMAX] = meta.sizeMaxLow;
    w[R0 + SMAX + 1] = meta.sizeMaxHigh;
    w[R0 + S32_MAX] = meta.sizeMaxLow;
    w[R0 + SMIN] = -MAX_ERRNO;
    w[R0 + SMIN + 1] = -1;
    w[R0 + S32_MIN] = -MAX_ERRNO;
    syncBounds(w, R0);
  } else if (proto.returnsCpu && gates.cpuNumberRange) {
    setRange(w, env.profile.cpus - 1);
    syncBounds(w, R0);
  }
  sanityCheckBounds(env, w, R0, 'retval');
}

/** r0 is 0 to `max`, in every view. */
function setRange(w: Int32Array, max: number): void {
  for (const at of [UMIN, UMIN + 1, SMIN, SMIN + 1, U32_MIN, S32_MIN]) w[R0 + at] = 0;
  for (const at of [UMAX, SMAX, U32_MAX, S32_MAX]) w[R0 + at] = max;
  w[R0 + UMAX + 1] = w[R0 + SMAX + 1] = 0;
}
