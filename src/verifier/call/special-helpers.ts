/** Helpers whose calls have rules of their own, beside what their contract says. */
import { constants, hasTrampoline, HELPER_COUNT, helperId } from '../../abi/index.ts';
import { AUX_PERCPU_ALLOC_PTR, type VerifierEnv } from '../env.ts';
import { gates } from '../gates.ts';
import { BPF_LOG_LEVEL2 } from '../log/levels.ts';
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
import { pushCallbackCall } from './callbacks.ts';
import { helperCaller, type HelperPrototype } from './contracts.ts';
import { checkReferenceLeak } from './exit.ts';
import type { CallMeta } from './meta.ts';
import { dynptrGetType, dynptrId, dynptrRefObjId } from './special/dynptr.ts';
import { checkSnprintfCall } from './special/snprintf.ts';

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

/**
 * bpf_loop calls its function as often as r1 may say; the walk simulates it until the bound is
 * reached or nothing new comes.
 */
function checkLoop(env: VerifierEnv, insn: number, meta: CallMeta, proto: HelperPrototype): void {
  updateLoopInline(env, insn, meta.subprogno);
  if (!gates.callbackLoops) {
    pushCallbackCall(env, insn, meta.subprogno, proto.callback!);
    return;
  }
  markChainPrecision(env, 1);
  const { frame } = env;
  const umax = regAt(1) + UMAX;
  const isBelow = frame.words[umax + 1] !== 0 || frame.callbackDepth < frame.words[umax]! >>> 0;
  if (isBelow) {
    pushCallbackCall(env, insn, meta.subprogno, proto.callback!);
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

/** bpf_get_func_ip needs to know which function was entered (check_get_func_ip). */
function checkGetFuncIp(env: VerifierEnv, { name, id }: HelperPrototype): void {
  if (env.programType === constants.BPF_PROG_TYPE_KPROBE) return;
  if (env.programType !== constants.BPF_PROG_TYPE_TRACING) {
    env.reject('ENOTSUPP', callMessages.func_ip_program(name, id, env.programType));
  }
  if (!hasTrampoline(helperCaller(env))) {
    env.reject('ENOTSUPP', callMessages.trampoline_only(name, id));
  }
}

/** A table by helper's name as one by id. */
function byId<T>(table: Readonly<Record<string, T>>): readonly (T | undefined)[] {
  const rows: (T | undefined)[] = Array.from({ length: HELPER_COUNT }, () => undefined);
  for (const [name, row] of Object.entries(table)) rows[helperId(name)!] = row;
  return rows;
}

/** What one helper alone asks, before it has its result. */
const checks = byId<SpecialCheck>({
  bpf_tail_call: checkTailCall,
  bpf_get_local_storage: checkLocalStorage,
  bpf_snprintf: checkSnprintfCall,
  bpf_loop: checkLoop,
  bpf_dynptr_from_mem: checkDynptrFromMem,
  bpf_set_retval: checkSetRetval,
  bpf_dynptr_data: takeDynptrData,
  bpf_dynptr_write: checkDynptrWrite,
  bpf_per_cpu_ptr: checkPercpuPtr,
  bpf_this_cpu_ptr: checkPercpuPtr,
});

const lateChecks = byId({ bpf_get_func_ip: checkGetFuncIp });

/** The helper's own check, and the call of its callback; bits for the rest of the call. */
export function checkSpecial(
  env: VerifierEnv,
  insn: number,
  meta: CallMeta,
  proto: HelperPrototype,
): number {
  const check = checks[proto.id];
  if (check) return check(env, insn, meta, proto) ?? 0;
  if (proto.callback) pushCallbackCall(env, insn, meta.subprogno, proto.callback);
  return 0;
}

/** What one helper alone asks when all else is done. */
export function checkLate(env: VerifierEnv, proto: HelperPrototype): void {
  lateChecks[proto.id]?.(env, proto);
}
