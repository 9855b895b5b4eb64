import { kfuncFlags, kfuncId } from '../../abi/index.ts';
import { btfWord, calledBtf, moduleAt } from '../btf/modules.ts';
import type { VerifierEnv } from '../env.ts';
import { inSleepable } from '../mem/pointers.ts';
import { kfuncMessages } from '../messages/kfunc.ts';
import { Rejection } from '../reject.ts';
import { CALLER_SAVED_REGS, REF_OBJ_ID, regAt } from '../state/layout.ts';
import { markNotInit } from '../value/bounds.ts';
import { checkReturnCode } from '../walk/return-code.ts';
import { pushCallbackCall, type SetCalleeState, setTimerCallbackState } from './callbacks.ts';
import { releaseReference } from './effects.ts';
import { checkKfuncArgs } from './kfunc-arguments.ts';
import { calledKfunc } from './kfunc-contract.ts';
import { KfuncMeta } from './kfunc-meta.ts';
import { markKfuncResult } from './kfunc-result.ts';
import { convertToNonOwning, setRbtreeAddCallbackState } from './special/graph.ts';
import { processIterNext } from './special/iterator.ts';
import { enterOrLeaveRegion } from './special/regions.ts';

const THROW = kfuncId('bpf_throw');
const SESSION_COOKIE = kfuncId('bpf_session_cookie');
/** Functions that call back, and what their callbacks get. */
const CALLBACKS: ReadonlyMap<number, SetCalleeState> = new Map<number, SetCalleeState>([
  [kfuncId('bpf_rbtree_add_impl'), setRbtreeAddCallbackState],
  [kfuncId('bpf_wq_set_callback_impl'), setTimerCallbackState],
]);
/** Functions that take an object over, which stays usable under the lock. */
const INSERTS: ReadonlySet<number> = new Set(
  ['bpf_list_push_front_impl', 'bpf_list_push_back_impl', 'bpf_rbtree_add_impl'].map(kfuncId),
);

/** Checks the kfunc call at instruction `insn` (check_kfunc_call). */
export function checkKfuncCall(env: VerifierEnv, insn: number): void {
  // Unresolved: refused later, should the call still be there when dead code is gone.
  if (env.code.imm[insn] === 0) return;
  const meta = metaOf(env, insn);
  if (meta.has(kfuncFlags.DESTRUCTIVE) && !env.capabilities.sysAdmin) {
    env.reject('EACCES', kfuncMessages.destructive());
  }
  const sleeps = meta.has(kfuncFlags.SLEEPABLE);
  if (sleeps && !inSleepable(env)) env.reject('EACCES', kfuncMessages.sleepable(meta.name));
  checkKfuncArgs(env, meta);
  const callee = CALLBACKS.get(meta.id);
  if (callee) callBack(env, meta, callee);
  if (meta.id === SESSION_COOKIE) meta.returnedSize = 8;
  enterOrLeaveRegion(env, meta, sleeps);
  release(env, meta);
  if (INSERTS.has(meta.id)) insertObject(env, meta);
  if (meta.id === THROW) throwException(env);
  for (let regno = 0; regno < CALLER_SAVED_REGS; regno++) {
    markNotInit(env, env.regs, regAt(regno));
  }
  markKfuncResult(env, meta);
  if (meta.has(kfuncFlags.ITER_NEXT)) processIterNext(env, meta);
}

function metaOf(env: VerifierEnv, insn: number): KfuncMeta {
  const id = env.code.imm[insn]!;
  const off = env.code.off[insn]!;
  const contract = calledKfunc(env, insn);
  if (!contract) {
    env.reject('EACCES', kfuncMessages.not_allowed(calledBtf(env, off)!.type(id).name));
  }
  return new KfuncMeta(contract, insn, btfWord(env, moduleAt(env, off)));
}

function callBack(env: VerifierEnv, meta: KfuncMeta, callee: SetCalleeState): void {
  try {
    pushCallbackCall(env, meta.insn, meta.subprogno, callee);
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    env.reject(error.errno, kfuncMessages.callback_failed(meta.name, meta.id));
  }
}

function release(env: VerifierEnv, meta: KfuncMeta): void {
  if (meta.releaseRegno === 0) return;
  const id = env.regs[regAt(meta.releaseRegno) + REF_OBJ_ID]!;
  if (releaseReference(env, id)) return;
  env.reject('EINVAL', kfuncMessages.not_acquired(meta.name, meta.id));
}

/** The object belongs to the list or tree now; pointers to it no longer own it. */
function insertObject(env: VerifierEnv, meta: KfuncMeta): void {
  const id = env.regs[regAt(2) + REF_OBJ_ID]!;
  if (!convertToNonOwning(env, id)) {
    env.reject('EFAULT', kfuncMessages.conversion_failed(meta.name, meta.id));
  }
  if (!releaseReference(env, id)) {
    env.reject('EINVAL', kfuncMessages.not_acquired(meta.name, meta.id));
  }
}

/** Without a callback of its own, what is thrown becomes the program's result. */
function throwException(env: VerifierEnv): void {
  env.seenException = true;
  if (env.exceptionCallback < 0) checkReturnCode(env, 1, 'R1');
}
