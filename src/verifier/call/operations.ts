/**
 * Strict struct_ops (an extension): which operation of a table calls what, over all functions of
 * the program, held against the masks that Linux 6.12 looks at only when the call runs.
 */
import {
  constants,
  demandWords,
  type KernelModule,
  maskWords,
  type Operation,
  operationRefusal,
} from '../../abi/index.ts';
import { attachKernelBtf, moduleAt } from '../btf/modules.ts';
import type { Subprog, VerifierEnv } from '../env.ts';
import { extension } from '../messages/extension.ts';
import type { KfuncMeta } from './kfunc-meta.ts';

/** Bits of `Subprog.contexts`: while the operation lasts, or in a callback that runs later. */
const IN_OPERATION = 1;
const LATER = 2;

/** In what the walk is now: global functions are walked for all from where they are called. */
function contextsHere(env: VerifierEnv): number {
  const root = env.state.frameAt(0);
  if (root.inAsyncCallback) return LATER;
  return root.subprogno === 0 ? IN_OPERATION : env.subprogs[root.subprogno]!.contexts;
}

/** A global function is called: it is walked again if until now it was only called otherwise. */
export function noteOperationCall(env: VerifierEnv, callee: Subprog): void {
  const contexts = callee.contexts | contextsHere(env);
  if (contexts === callee.contexts) return;
  callee.contexts = contexts;
  callee.verified = false;
}

/** Refuses a kernel function that the mask of the operation forbids. */
export function checkOperationMask(env: VerifierEnv, meta: KfuncMeta): void {
  if (env.programType !== constants.BPF_PROG_TYPE_STRUCT_OPS) return;
  const module = moduleAt(env, env.code.off[meta.insn]!);
  const table = attachKernelBtf(env).type(env.input.attachBtfId).name;
  const contexts = contextsHere(env);
  const operation = { table, member: env.attachName };
  if (contexts & IN_OPERATION) checkIn(env, meta, module, operation);
  if (contexts & LATER) checkIn(env, meta, module, undefined);
}

function checkIn(
  env: VerifierEnv,
  meta: KfuncMeta,
  module: KernelModule | undefined,
  operation: Operation | undefined,
): void {
  const refusal = operationRefusal(meta.name, module, operation);
  if (!refusal) return;
  const where = operation ? `${operation.table}.${operation.member}` : 'a callback that runs later';
  const here = maskWords(refusal.mask, refusal.masks);
  const wanted = demandWords(refusal);
  env.reject('EACCES', extension.kfunc_not_allowed(meta.name, where, wanted, here));
}
