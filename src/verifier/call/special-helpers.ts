/** Helpers whose calls have rules of their own, beside what their contract says. */
import { constants } from '../../abi/index.ts';
import { AUX_PERCPU_ALLOC_PTR, type VerifierEnv } from '../env.ts';
import { typeText } from '../log/print-state.ts';
import { callMessages, referenceMessages } from '../messages/call.ts';
import { dynptrMessages } from '../messages/dynptr.ts';
import { lockMessages } from '../messages/lock.ts';
import { markChainPrecision } from '../precision/backtrack.ts';
import { Rejection } from '../reject.ts';
import {
  BPF_DYNPTR_TYPE_INVALID,
  BPF_DYNPTR_TYPE_SKB,
  BTF,
  BTF_ID,
  MEM_RCU,
  PTR_TO_MAP_VALUE,
  regAt,
  TYPE,
  UMAX,
} from '../state/layout.ts';
import { regIsNull } from '../value/bounds.ts';
import { isDynptr } from './arg-types.ts';
import {
  pushCallbackCall,
  type SetCalleeState,
  setFindVmaCallbackState,
  setLoopCallbackState,
  setMapElemCallbackState,
  setTimerCallbackState,
  setUserRingbufCallbackState,
} from './callbacks.ts';
import type { HelperPrototype } from './contracts.ts';
import { checkReferenceLeak } from './exit.ts';
import { idOf } from './helper-ids.ts';
import type { CallMeta } from './meta.ts';
import { dynptrGetType, dynptrId, dynptrRefObjId } from './special/dynptr.ts';
import { checkSnprintfCall } from './special/snprintf.ts';

/** Details of every path. */
const BPF_LOG_LEVEL2 = 2;

/** Bits a special check returns: pointers into the packet die; the result is a per-CPU object. */
export const CHANGES_PACKET = 1;
export const PERCPU_OBJECT = 2;

type SpecialCheck = (
  env: VerifierEnv,
  insn: number,
  meta: CallMeta,
  proto: HelperPrototype,
  // biome-ignore lint/suspicious/noConfusingVoidType: most have nothing to say
) => number | void;

function checkTailCall(env: VerifierEnv): void {
  const { state } = env;
  if (state.activeLock !== 0) env.reject('EINVAL', lockMessages.tail_call());
  checkNoLeak(env);
  if (state.activeRcuLock) env.reject('EINVAL', lockMessages.tail_call_rcu());
  if (state.activePreemptLock !== 0) env.reject('EINVAL', lockMessages.tail_call_preempt());
}

/** The program a tail call starts knows nothing of this one's references. */
function checkNoLeak(env: VerifierEnv): void {
  try {
    checkReferenceLeak(env, false);
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    env.reject(error.errno, referenceMessages.tail_call_leak());
  }
}

function checkLocalStorage(env: VerifierEnv): void {
  if (!regIsNull(env.regs, regAt(2))) env.reject('EINVAL', callMessages.storage_flags());
  markChainPrecision(env, 2);
}

const callsBack =
  (setState: SetCalleeState): SpecialCheck =>
  (env, insn, meta) =>
    pushCallbackCall(env, insn, meta.subprogno, setState);

/**
 * bpf_loop calls its function as often as r1 may say; the walk simulates it until the bound is
 * reached or nothing new comes.
 */
function checkLoop(env: VerifierEnv, insn: number, meta: CallMeta): void {
  updateLoopInline(env, insn, meta.subprogno);
  markChainPrecision(env, 1);
  const { frame } = env;
  const umax = regAt(1) + UMAX;
  const isBelow = frame.words[umax + 1] !== 0 || frame.callbackDepth < frame.words[umax]! >>> 0;
  if (isBelow) {
    pushCallbackCall(env, insn, meta.subprogno, setLoopCallbackState);
    return;
  }
  frame.callbackDepth = 0;
  if (env.logLevel & BPF_LOG_LEVEL2) {
    env.say(callMessages.loop_limit(env.state.curframe));
  }
}

/** May the call become a loop of the program? (update_loop_inline_state) */
function updateLoopInline(env: VerifierEnv, insn: number, subprogno: number): void {
  const { loopInline, loopCallback } = env.aux;
  const known = loopInline[insn]!;
  if (known < 0) return;
  const fits = isFlagZero(env) && (known === 0 || loopCallback[insn] === subprogno);
  if (known === 0) loopCallback[insn] = subprogno;
  loopInline[insn] = fits ? 1 : -1;
}

function isFlagZero(env: VerifierEnv): boolean {
  const isNull = regIsNull(env.regs, regAt(4));
  if (isNull) markChainPrecision(env, 4);
  return isNull;
}

function checkDynptrFromMem(env: VerifierEnv): void {
  const type = env.regs[regAt(1) + TYPE]!;
  if (type !== PTR_TO_MAP_VALUE) env.reject('EACCES', dynptrMessages.data(typeText(type)));
}

function checkSetRetval(env: VerifierEnv): void {
  const isLsm =
    env.programType === constants.BPF_PROG_TYPE_LSM &&
    env.expectedAttachType === constants.BPF_LSM_CGROUP;
  if (!isLsm || env.attachProto === 0) return;
  const hook = env.btfAt(env.attachBtf).type(env.attachProto);
  if (hook.kind === 'func_proto' && hook.returns === 0) {
    env.reject('EINVAL', callMessages.lsm_void_retval());
  }
}

/** Record of the register that holds the call's dynptr. */
function dynptrArg(proto: HelperPrototype): number {
  return regAt(proto.argTypes.findIndex(isDynptr) + 1);
}

function takeDynptrData(
  env: VerifierEnv,
  _insn: number,
  meta: CallMeta,
  proto: HelperPrototype,
): void {
  const r = dynptrArg(proto);
  meta.dynptrId = dynptrId(env, env.regs, r);
  meta.refObjId = dynptrRefObjId(env, env.regs, r);
}

/** Writing to a dynptr of a packet may move the packet. */
function checkDynptrWrite(
  env: VerifierEnv,
  _insn: number,
  _meta: CallMeta,
  proto: HelperPrototype,
): number {
  const type = dynptrGetType(env, env.regs, dynptrArg(proto));
  if (type === BPF_DYNPTR_TYPE_INVALID) env.reject('EFAULT');
  return type === BPF_DYNPTR_TYPE_SKB ? CHANGES_PACKET : 0;
}

function checkPercpuPtr(env: VerifierEnv, insn: number): number {
  const r = regAt(1);
  const w = env.regs;
  if (!(w[r + TYPE]! & MEM_RCU)) return 0;
  const { kind } = env.btfAt(w[r + BTF]!).type(w[r + BTF_ID]!);
  if (kind !== 'struct' && kind !== 'union') env.reject('EFAULT', callMessages.percpu_btf_id());
  env.aux.flags[insn]! |= AUX_PERCPU_ALLOC_PTR;
  return PERCPU_OBJECT;
}

/** By helper id. */
export const specialChecks: ReadonlyMap<number, SpecialCheck> = new Map<number, SpecialCheck>(
  Object.entries({
    tail_call: checkTailCall,
    get_local_storage: checkLocalStorage,
    for_each_map_elem: callsBack(setMapElemCallbackState),
    timer_set_callback: callsBack(setTimerCallbackState),
    find_vma: callsBack(setFindVmaCallbackState),
    snprintf: checkSnprintfCall,
    loop: checkLoop,
    dynptr_from_mem: checkDynptrFromMem,
    set_retval: checkSetRetval,
    dynptr_data: takeDynptrData,
    dynptr_write: checkDynptrWrite,
    per_cpu_ptr: checkPercpuPtr,
    this_cpu_ptr: checkPercpuPtr,
    user_ringbuf_drain: callsBack(setUserRingbufCallbackState),
  }).map(([name, check]) => [idOf(name), check]),
);
