import { programTypeFacts } from '../../abi/index.ts';
import {
  ARG_ANYTHING,
  ARG_PTR_TO_ARENA,
  ARG_PTR_TO_BTF_ID,
  ARG_PTR_TO_CTX,
  ARG_PTR_TO_DYNPTR,
  ARG_PTR_TO_MEM,
} from '../call/arg-types.ts';
import { markDynptrCallbackReg } from '../call/special/dynptr.ts';
import { prepareFunctionArgs } from '../btf/function-args.ts';
import { KERNEL_BTF, type SubprogArg, type VerifierEnv } from '../env.ts';
import { gates } from '../gates.ts';
import { BPF_LOG_LEVEL } from '../log/levels.ts';
import { flow } from '../messages/flow.ts';
import { Rejection } from '../reject.ts';
import { initFunc } from '../state/init.ts';
import {
  BPF_DYNPTR_TYPE_LOCAL,
  BTF,
  BTF_ID,
  ID,
  MEM_RDONLY,
  MEM_SIZE,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_MEM,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  TYPE,
  baseType,
  regAt,
} from '../state/layout.ts';
import { FuncState, MAIN_CALLSITE, VerifierState } from '../state/state.ts';
import { markKnownZero, markUnknown } from '../value/bounds.ts';
import { doCheck } from './loop.ts';

const PROG_TYPE_EXT = programTypeFacts.find((facts) => facts.name === 'ext')?.id;

/** Walks the main function (do_check_main). */
export function doCheckMain(env: VerifierEnv): void {
  env.insnIdx = 0;
  walkFunction(env, 0);
}

/**
 * Walks every global function that something walked before calls, each on its own with any
 * arguments its prototype allows (do_check_subprogs).
 */
export function doCheckSubprogs(env: VerifierEnv): void {
  if (env.input.functionInfo.length === 0) return;
  // It is called by bpf_throw, wherever that is.
  if (env.exceptionCallback > 0) env.subprogs[env.exceptionCallback]!.called = true;
  let found = true;
  while (found) {
    found = false;
    for (let i = 1; i < env.subprogs.length; i++) {
      const subprog = env.subprogs[i]!;
      if (!subprog.global || subprog.verified) continue;
      if (!subprog.called && gates.lazyGlobals) continue;
      env.insnIdx = subprog.start;
      walkFunction(env, i);
      if (env.logLevel & BPF_LOG_LEVEL) {
        const name = gates.lazyGlobals ? subprog.name : undefined;
        env.say(flow.function_safe(i, name));
      }
      subprog.verified = found = true;
    }
  }
}

/** do_check_common */
function walkFunction(env: VerifierEnv, subprogno: number): void {
  env.observer?.functionStart?.();
  env.passCount++;
  const state = new VerifierState();
  const frame = new FuncState();
  state.branches = 1;
  state.frames[0] = frame;
  state.firstInsnIdx = env.subprogs[subprogno]!.start;
  state.lastInsnIdx = -1;
  env.state = state;
  initFunc(env, frame, MAIN_CALLSITE, 0, subprogno);
  try {
    setArguments(env, subprogno, frame);
    doCheck(env);
  } catch (error) {
    env.observer?.functionDone?.(false);
    throw error;
  }
  env.observer?.functionDone?.(true);
  env.checkpoints.clear();
}

function setArguments(env: VerifierEnv, subprogno: number, frame: FuncState): void {
  if (subprogno === 0 && env.input.type !== PROG_TYPE_EXT) {
    if (env.input.functionInfo.length > 0) judgeMainPrototype(env);
    frame.words[regAt(1) + TYPE] = PTR_TO_CTX;
    markKnownZero(frame.words, regAt(1));
    return;
  }
  const subprog = env.subprogs[subprogno]!;
  if (env.talking) env.say(flow.validating(subprogno, subprog.name));
  prepareFunctionArgs(env, subprogno);
  const args = subprog.args ?? [];
  if (subprog.isExceptionCallback) {
    frame.inExceptionCallback = true;
    if (args.length !== 1 || args[0]!.type !== ARG_ANYTHING) {
      env.reject('EINVAL', flow.exception_callback_arguments());
    }
  }
  args.forEach((arg, i) => setArgument(env, frame.words, regAt(i + 1), arg));
}

/** A main function whose BTF says something else than what it gets is not to be relied on. */
function judgeMainPrototype(env: VerifierEnv): void {
  const main = env.subprogs[0]!;
  try {
    prepareFunctionArgs(env, 0);
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    main.unreliable = true;
    return;
  }
  const args = main.args ?? [];
  if (args.length !== 1 || args[0]!.type !== ARG_PTR_TO_CTX) main.unreliable = true;
}

function setArgument(env: VerifierEnv, w: Int32Array, r: number, arg: SubprogArg): void {
  if (arg.type === ARG_PTR_TO_CTX) {
    w[r + TYPE] = PTR_TO_CTX;
    markKnownZero(w, r);
  } else if (arg.type === (ARG_PTR_TO_DYNPTR | MEM_RDONLY)) {
    markDynptrCallbackReg(env, w, r, BPF_DYNPTR_TYPE_LOCAL);
  } else if (baseType(arg.type) === ARG_PTR_TO_MEM) {
    w[r + TYPE] = PTR_TO_MEM | (arg.type & PTR_MAYBE_NULL);
    markKnownZero(w, r);
    w[r + MEM_SIZE] = arg.memSize;
    w[r + ID] = env.newId();
  } else if (baseType(arg.type) === ARG_PTR_TO_BTF_ID) {
    w[r + TYPE] = PTR_TO_BTF_ID | (arg.type & (PTR_MAYBE_NULL | PTR_UNTRUSTED | PTR_TRUSTED));
    markKnownZero(w, r);
    w[r + BTF] = KERNEL_BTF;
    w[r + BTF_ID] = arg.btfId;
    w[r + ID] = env.newId();
  } else if (arg.type === ARG_ANYTHING || baseType(arg.type) === ARG_PTR_TO_ARENA) {
    markUnknown(env, w, r);
  } else {
    env.reject('EFAULT');
  }
}
