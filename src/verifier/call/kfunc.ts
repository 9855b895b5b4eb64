import { type CallbackContract, constants } from '../../abi/index.ts';
import { gates } from '../gates.ts';
import { checkOlderKfuncArgs } from './kfunc-arguments-older.ts';
import { btfWord, calledBtf, moduleAt } from '../btf/modules.ts';
import type { VerifierEnv } from '../env.ts';
import { structOpsName } from '../mem/btf-write.ts';
import { inSleepable } from '../mem/pointers.ts';
import { extension } from '../messages/extension.ts';
import { kfuncMessages } from '../messages/kfunc.ts';
import { Rejection } from '../reject.ts';
import { CALLER_SAVED_REGS, OFF, REF_OBJ_ID, regAt } from '../state/layout.ts';
import { markNotInit } from '../value/bounds.ts';
import { checkReturnCode } from '../walk/return-code.ts';
import { pushCallbackCall } from './callbacks.ts';
import { releaseReference } from './effects.ts';
import { checkKfuncArgs } from './kfunc-arguments.ts';
import { checkOperationMask } from './operations.ts';
import { calledKfunc } from './kfunc-prototype.ts';
import { KfuncMeta } from './kfunc-meta.ts';
import { markKfuncResult } from './kfunc-result.ts';
import { convertToNonOwning } from './special/graph.ts';
import { processIterNext } from './special/iterator.ts';
import { enterOrLeaveRegion } from './special/regions.ts';

/** Checks the kfunc call at instruction `insn` (check_kfunc_call). */
export function checkKfuncCall(env: VerifierEnv, insn: number): void {
  // Unresolved: refused later, should the call still be there when dead code is gone.
  if (env.code.imm[insn] === 0) return;
  const meta = metaOf(env, insn);
  const { contract } = meta;
  if (contract.extension && env.portable) {
    env.reject('EINVAL', extension.kfunc_not_portable(meta.name));
  }
  if (contract.operations) checkOperations(env, meta, contract.operations);
  if (contract.destructive && !env.capabilities.sysAdmin) {
    const words = gates.trustedPointers ? 'destructive' : 'destructive_older';
    env.reject('EACCES', kfuncMessages[words]());
  }
  if (gates.trustedPointers) {
    if (contract.maySleep && !inSleepable(env)) {
      env.reject('EACCES', kfuncMessages.sleepable(meta.name));
    }
    if (env.strictOps) checkOperationMask(env, meta);
    checkKfuncArgs(env, meta);
  } else {
    checkOlderKfuncArgs(env, meta);
  }
  if (contract.callback) callBack(env, meta, contract.callback);
  if (meta.argBtf !== 0) noteObject(env, meta);
  enterOrLeaveRegion(env, meta);
  release(env, meta);
  const { inserted } = meta.proto;
  if (inserted >= 0) insertObject(env, meta, inserted + 1);
  if (contract.throws) throwException(env);
  for (let regno = 0; regno < CALLER_SAVED_REGS; regno++) {
    markNotInit(env, env.regs, regAt(regno));
  }
  markKfuncResult(env, meta);
  if (contract.iterator === 'next') processIterNext(env, meta);
}

function metaOf(env: VerifierEnv, insn: number): KfuncMeta {
  const id = env.code.imm[insn]!;
  const off = env.code.off[insn]!;
  const proto = calledKfunc(env, insn);
  if (!proto) {
    env.reject('EACCES', kfuncMessages.not_allowed(calledBtf(env, off)!.type(id).name));
  }
  return new KfuncMeta(proto, insn, btfWord(env, moduleAt(env, off)));
}

/** Of programs of struct_ops only some operations may call it. */
function checkOperations(env: VerifierEnv, meta: KfuncMeta, operations: readonly string[]): void {
  if (env.programType !== constants.BPF_PROG_TYPE_STRUCT_OPS) return;
  const here = `${structOpsName(env)}.${env.attachName}`;
  if (!operations.includes(here)) env.reject('EACCES', kfuncMessages.not_allowed(meta.name));
}

function callBack(env: VerifierEnv, meta: KfuncMeta, callback: CallbackContract): void {
  try {
    pushCallbackCall(env, meta.insn, meta.subprogno, callback);
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    env.reject(error.errno, kfuncMessages.callback_failed(meta.name, meta.id));
  }
}

function release(env: VerifierEnv, meta: KfuncMeta): void {
  if (meta.releaseRegno === 0) return;
  releaseOne(env, meta, meta.releaseRegno);
  for (const regno of meta.moreReleased ?? []) releaseOne(env, meta, regno);
}

function releaseOne(env: VerifierEnv, meta: KfuncMeta, regno: number): void {
  const id = env.regs[regAt(regno) + REF_OBJ_ID]!;
  if (releaseReference(env, id)) return;
  env.reject('EINVAL', kfuncMessages.not_acquired(meta.name, meta.id));
}

/** What the rewriting passes want to know of an object that is given to the call. */
function noteObject(env: VerifierEnv, meta: KfuncMeta): void {
  const { inserted } = meta.proto;
  const offset = inserted < 0 ? 0 : env.regs[regAt(inserted + 1) + OFF]!;
  env.aux.objects.set(meta.insn, { btf: env.btfAt(meta.argBtf), id: meta.argBtfId, offset });
}

/** The object belongs to the list or tree now; pointers to it no longer own it. */
function insertObject(env: VerifierEnv, meta: KfuncMeta, regno: number): void {
  const id = env.regs[regAt(regno) + REF_OBJ_ID]!;
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
