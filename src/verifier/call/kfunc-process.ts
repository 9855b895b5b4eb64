/** What an argument of a kernel function must be once its kind is known, kind by kind. */
import {
  type ArgKind,
  isKfuncAllowedHere,
  isProjectionOf,
  type KfuncCaller,
} from '../../abi/index.ts';
import type { BtfType } from '../../btf/index.ts';
import { kindText } from '../btf/kind-text.ts';
import { KERNEL_BTF, type VerifierEnv } from '../env.ts';
import {
  BPF_LIST_HEAD,
  BPF_LIST_NODE,
  BPF_RB_NODE,
  BPF_RB_ROOT,
  recordOf,
  regRecord,
} from '../fields/record.ts';
import { typeText } from '../log/print-state.ts';
import { btfIdsMatch } from '../mem/btf-struct-access.ts';
import { checkKfuncMemSizeReg, checkMemReg } from '../mem/helper-memory.ts';
import {
  inSleepable,
  isAlloc,
  isAllocObject,
  isNonOwningRef,
  isRcuReg,
  kernelStructOf,
  TRUSTED_MODIFIERS,
  typeFlags,
} from '../mem/pointers.ts';
import { kfuncMessages } from '../messages/kfunc.ts';
import { Rejection } from '../reject.ts';
import {
  BPF_DYNPTR_TYPE_INVALID,
  BPF_DYNPTR_TYPE_RINGBUF,
  BTF,
  BTF_ID,
  baseType,
  CONST_PTR_TO_DYNPTR,
  DYNPTR_TYPE_SKB_FLAG,
  DYNPTR_TYPE_XDP_FLAG,
  MAP,
  MAP_UID,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RDONLY,
  MEM_UNINIT,
  OFF,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_FUNC,
  PTR_TO_MAP_VALUE,
  REF_OBJ_ID,
  regAt,
  SUBPROGNO,
  TYPE,
  VALUE,
} from '../state/layout.ts';
import { tnumIsConst } from '../value/tnum.ts';
import { regIsNull } from '../value/bounds.ts';
import { ARG_PTR_TO_DYNPTR } from './arg-types.ts';
import type { KfuncMeta } from './kfunc-meta.ts';
import { CallMeta } from './meta.ts';
import { checkConstString } from './special/const-string.ts';
import {
  dynptrGetType,
  dynptrId,
  dynptrRefObjId,
  dynptrTypeFlag,
  processDynptrFunc,
} from './special/dynptr.ts';
import { processGraphNode, processGraphRoot } from './special/graph.ts';
import { inRbtreeLockRequiredCallback } from './special/rbtree-callback.ts';
import { processIterArg } from './special/iterator.ts';

/** What a pointer argument was found to be, as far as it is checked here. */
export type KfuncArgKind =
  | Extract<
      ArgKind,
      | 'ctx'
      | 'allocated_object'
      | 'refcounted_object'
      | 'dynptr'
      | 'iterator'
      | 'list_head'
      | 'list_node'
      | 'rb_root'
      | 'rb_node'
      | 'btf_object'
      | 'mem'
      | 'callback'
      | 'const_string'
      | 'map'
      | 'workqueue'
    >
  /** Memory, and its length in the next argument. */
  | 'mem_and_size'
  | 'null';

/** For checks of memory, which note what they find. */
const scratchMeta = new CallMeta();

const ALLOCATED = PTR_TO_BTF_ID | MEM_ALLOC;

type Process = (env: VerifierEnv, arg: number, meta: KfuncMeta) => void;

const typeOf = (env: VerifierEnv, arg: number) => env.regs[regAt(arg + 1) + TYPE]!;

const PROCESSES: Readonly<Record<Exclude<KfuncArgKind, 'null'>, Process>> = {
  ctx: processContext,
  allocated_object: processAllocated,
  refcounted_object: processRefcounted,
  dynptr: processDynptr,
  iterator: processIterator,
  list_head: (env, arg, meta) => {
    meta.listHead = processRoot(env, arg, BPF_LIST_HEAD);
  },
  rb_root: (env, arg, meta) => {
    meta.rbtreeRoot = processRoot(env, arg, BPF_RB_ROOT);
  },
  list_node: (env, arg, meta) => {
    requireOwned(env, arg);
    processGraphNode(env, arg + 1, BPF_LIST_NODE, meta);
  },
  rb_node: (env, arg, meta) => {
    if (meta.contract.args[arg]!.borrowed) requireRemovable(env, arg);
    else requireOwned(env, arg);
    processGraphNode(env, arg + 1, BPF_RB_NODE, meta);
  },
  map: (env, arg, meta) => {
    const kernel = env.btfAt(KERNEL_BTF);
    processBtf(env, arg, meta, kernel.type(kernel.find('struct', 'bpf_map')!));
  },
  btf_object: (env, arg, meta) => processBtf(env, arg, meta, meta.proto.params[arg]!.pointee),
  mem: processMemory,
  mem_and_size: processSizedMemory,
  callback: (env, arg, meta) => {
    if (typeOf(env, arg) !== PTR_TO_FUNC) {
      env.reject('EINVAL', kfuncMessages.not_function_pointer(arg));
    }
    meta.subprogno = env.regs[regAt(arg + 1) + SUBPROGNO]!;
  },
  const_string: (env, arg) => {
    if (typeOf(env, arg) !== PTR_TO_MAP_VALUE) env.reject('EINVAL', kfuncMessages.not_string(arg));
    checkConstString(env, arg + 1);
  },
  workqueue: processWorkqueue,
};

/** The second half of check_kfunc_args for one pointer. */
export function processKfuncArg(
  env: VerifierEnv,
  arg: number,
  kind: KfuncArgKind,
  meta: KfuncMeta,
): void {
  if (kind !== 'null') PROCESSES[kind](env, arg, meta);
}

function processContext(env: VerifierEnv, arg: number): void {
  const type = typeOf(env, arg);
  if (type !== PTR_TO_CTX) env.reject('EINVAL', kfuncMessages.not_context(arg, typeText(type)));
}

function processAllocated(env: VerifierEnv, arg: number, meta: KfuncMeta): void {
  const w = env.regs;
  const r = regAt(arg + 1);
  const type = w[r + TYPE]!;
  const { percpu } = meta.contract.args[arg]!;
  if (type === ALLOCATED) {
    if (percpu !== false) env.reject('EINVAL', kfuncMessages.for_drop(arg));
  } else if (type === (ALLOCATED | MEM_PERCPU)) {
    if (percpu !== true) env.reject('EINVAL', kfuncMessages.for_percpu_drop(arg));
  } else {
    env.reject('EINVAL', kfuncMessages.not_allocated(arg));
  }
  if (w[r + REF_OBJ_ID] === 0) env.reject('EINVAL', kfuncMessages.not_referenced());
  meta.argBtf = w[r + BTF]!;
  meta.argBtfId = w[r + BTF_ID]!;
}

function processRefcounted(env: VerifierEnv, arg: number, meta: KfuncMeta): void {
  const w = env.regs;
  const r = regAt(arg + 1);
  const type = w[r + TYPE]!;
  if (!isAllocObject(type)) env.reject('EINVAL', kfuncMessages.not_refcounted_object(arg));
  if (!isNonOwningRef(type) && w[r + REF_OBJ_ID] !== 0) meta.argOwningRef = true;
  if ((regRecord(env, w, r)?.refcountOff ?? -1) < 0) {
    env.reject('EINVAL', kfuncMessages.no_refcount(arg));
  }
  meta.argBtf = w[r + BTF]!;
  meta.argBtfId = w[r + BTF_ID]!;
}

function processDynptr(env: VerifierEnv, arg: number, meta: KfuncMeta): void {
  const regno = arg + 1;
  const r = regAt(regno);
  const { uninit, dynptr, sameAs } = meta.contract.args[arg]!;
  let argType = ARG_PTR_TO_DYNPTR | (uninit ? MEM_UNINIT : 0);
  if (env.regs[r + TYPE] === CONST_PTR_TO_DYNPTR) argType |= MEM_RDONLY;
  let cloneRefObjId = 0;
  if (dynptr === 'skb') argType |= DYNPTR_TYPE_SKB_FLAG;
  else if (dynptr === 'xdp') argType |= DYNPTR_TYPE_XDP_FLAG;
  else if (sameAs !== undefined) {
    if (meta.dynptrType === BPF_DYNPTR_TYPE_INVALID) {
      env.reject('EFAULT', kfuncMessages.no_clone_type());
    }
    argType |= dynptrTypeFlag(meta.dynptrType);
    cloneRefObjId = meta.dynptrRefObjId;
    if (meta.dynptrType === BPF_DYNPTR_TYPE_RINGBUF && cloneRefObjId === 0) {
      env.reject('EFAULT', kfuncMessages.no_clone_reference());
    }
  }
  processDynptrFunc(env, regno, meta.insn, argType, cloneRefObjId);
  if (uninit) return;
  meta.dynptrId = dynptrId(env, env.regs, r);
  meta.dynptrType = dynptrGetType(env, env.regs, r);
  meta.dynptrRefObjId = dynptrRefObjId(env, env.regs, r);
}

function processIterator(env: VerifierEnv, arg: number, meta: KfuncMeta): void {
  const { contract } = meta;
  if (contract.onlyIn && !isKfuncAllowedHere(contract, callerOf(env))) {
    env.reject('EINVAL', kfuncMessages.css_task());
  }
  processIterArg(env, arg + 1, meta);
}

const callerOf = (env: VerifierEnv): KfuncCaller => ({
  programType: env.programType,
  attachType: env.expectedAttachType,
  sleepable: inSleepable(env),
});

function processRoot(env: VerifierEnv, arg: number, type: number) {
  const r = regAt(arg + 1);
  const regType = typeOf(env, arg);
  if (regType !== PTR_TO_MAP_VALUE && regType !== ALLOCATED) {
    env.reject('EINVAL', kfuncMessages.not_root_memory(arg));
  }
  if (regType === ALLOCATED && env.regs[r + REF_OBJ_ID] === 0) {
    env.reject('EINVAL', kfuncMessages.not_referenced());
  }
  return processGraphRoot(env, arg + 1, type);
}

function requireOwned(env: VerifierEnv, arg: number): void {
  if (typeOf(env, arg) !== ALLOCATED) env.reject('EINVAL', kfuncMessages.not_allocated(arg));
  if (env.regs[regAt(arg + 1) + REF_OBJ_ID] === 0) {
    env.reject('EINVAL', kfuncMessages.not_referenced());
  }
}

function requireRemovable(env: VerifierEnv, arg: number): void {
  const isOwned = env.regs[regAt(arg + 1) + REF_OBJ_ID] !== 0;
  if (!isNonOwningRef(typeOf(env, arg)) || isOwned) {
    env.reject('EINVAL', kfuncMessages.remove_owning());
  }
  if (inRbtreeLockRequiredCallback(env)) env.reject('EINVAL', kfuncMessages.remove_in_callback());
}

/** Suffix of types that are the same to the compiler but not to the kernel. */
const NO_CAST_SUFFIX = '___init';

const isNoCastAlias = (a: string, b: string) =>
  a === b + NO_CAST_SUFFIX || b === a + NO_CAST_SUFFIX;

/** The call takes over the reference in this argument. */
export function releases(env: VerifierEnv, arg: number, { contract, proto }: KfuncMeta): boolean {
  const wanted = contract.release || (proto.releasesEach && contract.args[arg]!.release);
  return wanted === true && env.regs[regAt(arg + 1) + REF_OBJ_ID] !== 0;
}

/** A pointer to a struct (process_kf_arg_ptr_to_btf_id). */
function processBtf(env: VerifierEnv, arg: number, meta: KfuncMeta, wanted: BtfType): void {
  const w = env.regs;
  const r = regAt(arg + 1);
  const type = w[r + TYPE]!;
  const base = baseType(type);
  const known = kernelStructOf(env, type);
  const isUnsafe = (typeFlags(type) & ~TRUSTED_MODIFIERS) !== 0 && !isRcuReg(w, r);
  if ((base !== PTR_TO_BTF_ID || isUnsafe) && known === undefined) {
    const expected = typeText(base | (typeFlags(type) & TRUSTED_MODIFIERS));
    env.reject('EINVAL', kfuncMessages.not_btf_pointer(arg, typeText(type), expected));
  }
  const isObject = base === PTR_TO_BTF_ID;
  const btf = env.btfAt(isObject ? w[r + BTF]! : KERNEL_BTF);
  const id = isObject ? w[r + BTF_ID]! : known!;
  const released = releases(env, arg, meta);
  const strict = released || isNoCastAlias(btf.type(id).name, wanted.name);
  const found = btf.resolved(id);
  const own = meta.proto.btf;
  const walk = !isAlloc(type);
  if (btfIdsMatch(env, btf, found.id, w[r + OFF]!, own, wanted.id, strict, walk)) return;
  if (isProjectionOf(wanted.name, found.name)) return;
  const [kind, foundKind] = [kindText(wanted), kindText(found)];
  env.reject(
    'EINVAL',
    kfuncMessages.wrong_struct(meta.name, arg, kind, wanted.name, foundKind, found.name),
  );
}

function processMemory(env: VerifierEnv, arg: number, meta: KfuncMeta): void {
  const { pointee } = meta.proto.params[arg]!;
  if (pointee.kind === 'void' || pointee.kind === 'fwd' || pointee.kind === 'func_proto') {
    env.reject('EINVAL', kfuncMessages.no_size(arg, kindText(pointee), pointee.name));
  }
  const size = meta.proto.btf.sizeOf(pointee.id);
  checkMemReg(env, env.regs, regAt(arg + 1), arg + 1, size);
}

function processSizedMemory(env: VerifierEnv, arg: number, meta: KfuncMeta): void {
  const { optional } = meta.contract.args[arg]!;
  const sizeRegno = arg + 2;
  if (!regIsNull(env.regs, regAt(arg + 1)) || !optional) {
    try {
      checkKfuncMemSizeReg(env, sizeRegno, scratchMeta);
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      env.reject(error.errno, kfuncMessages.bad_memory(arg));
    }
  }
  if (!meta.contract.args[arg + 1]!.constant) return;
  const w = env.regs;
  const r = regAt(sizeRegno);
  if (meta.constantFound) env.reject('EFAULT', kfuncMessages.two_constants());
  if (!tnumIsConst(w, r)) {
    env.reject('EINVAL', kfuncMessages.not_constant(sizeRegno));
  }
  meta.constantFound = true;
  meta.constantLow = w[r + VALUE]!;
  meta.constantHigh = w[r + VALUE + 1]!;
}

/** process_wq_func */
function processWorkqueue(env: VerifierEnv, arg: number, meta: KfuncMeta): void {
  const w = env.regs;
  const r = regAt(arg + 1);
  if (w[r + TYPE] !== PTR_TO_MAP_VALUE) env.reject('EINVAL', kfuncMessages.not_map_value(arg));
  const expected = recordOf(env, env.maps[w[r + MAP]! - 1]!)?.wqOff ?? -1;
  const offset = (w[r + OFF]! + w[r + VALUE]!) | 0;
  if (offset !== expected) {
    env.reject('EINVAL', kfuncMessages.workqueue_offset(offset, expected));
  }
  meta.map = w[r + MAP]!;
  meta.mapUid = w[r + MAP_UID]!;
}
