import {
  BPF_ABS,
  BPF_CALL,
  BPF_EXIT,
  BPF_IND,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  classOf,
} from '../../isa/index.ts';
import { Subprog, type VerifierEnv } from '../env.ts';
import { BPF_LOG_LEVEL2 } from '../log/levels.ts';
import { flow } from '../messages/flow.ts';
import { exceptionCallbackInsn } from './exception-callback.ts';
import { isFuncPointer, isKfuncCall, isSubprogCall, isTailCall } from './calls.ts';
import { addKfuncCall } from './kfuncs.ts';

const MAX_SUBPROGS = 256;
const EXIT_INSN = BPF_JMP | BPF_EXIT;
const JUMP_INSN = BPF_JMP | BPF_JA;
const LONG_JUMP_INSN = BPF_JMP32 | BPF_JA;

/** Index of the subprogram that contains instruction `insn`, or -1 (find_containing_subprog). */
export function findContainingSubprog(env: VerifierEnv, insn: number): number {
  if (insn >= env.length || insn < 0 || env.subprogs.length === 0) return -1;
  let low = 0;
  let high = env.subprogs.length - 1;
  while (low < high) {
    const middle = low + ((high - low + 1) >> 1);
    if (env.subprogs[middle]!.start <= insn) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Index of the subprogram that starts at instruction `insn`, or -1 (find_subprog). */
export function findSubprog(env: VerifierEnv, insn: number): number {
  const index = findContainingSubprog(env, insn);
  return index >= 0 && env.subprogs[index]!.start === insn ? index : -1;
}

/** First instruction behind subprogram `index`. */
export function subprogEnd(env: VerifierEnv, index: number): number {
  return env.subprogs[index + 1]?.start ?? env.length;
}

function addSubprog(env: VerifierEnv, insn: number): void {
  if (insn >= env.length || insn < 0) env.reject('EINVAL', flow.call_destination());
  if (findSubprog(env, insn) >= 0) return;
  if (env.subprogs.length >= MAX_SUBPROGS) env.reject('E2BIG', flow.too_many_subprograms());
  env.subprogs.push(new Subprog(insn));
  env.subprogs.sort((a, b) => a.start - b.start);
}

/** Finds the program's functions and the kernel functions it calls (add_subprog_and_kfunc). */
export function addSubprogs(env: VerifierEnv): void {
  addSubprog(env, 0);
  for (let i = 0; i < env.length; i++) {
    const kfunc = isKfuncCall(env, i);
    if (!kfunc && !isFuncPointer(env, i) && !isSubprogCall(env, i)) continue;
    if (!env.bpfCapable) env.reject('EPERM', flow.calls_need_capabilities());
    if (kfunc) addKfuncCall(env, i);
    else addSubprog(env, i + env.code.imm[i]! + 1);
  }
  addExceptionCallback(env);
  if (!(env.logLevel & BPF_LOG_LEVEL2)) return;
  env.subprogs.forEach((subprog, i) => env.say(flow.subprogram(i, subprog.start)));
}

function addExceptionCallback(env: VerifierEnv): void {
  const insn = exceptionCallbackInsn(env);
  if (insn === 0) return;
  addSubprog(env, insn);
  const index = findSubprog(env, insn);
  if (index <= 0) return;
  env.exceptionCallback = index;
  const subprog = env.subprogs[index]!;
  subprog.isCallback = subprog.isAsyncCallback = subprog.isExceptionCallback = true;
}

/** Jumps stay in their function, and no function falls into the next (check_subprogs). */
export function checkSubprogs(env: VerifierEnv): void {
  let current = 0;
  for (let i = 0; i < env.length; i++) {
    noteFeatures(env, i, env.subprogs[current]!);
    checkJumpTarget(env, i, env.subprogs[current]!.start, subprogEnd(env, current));
    if (i !== subprogEnd(env, current) - 1) continue;
    const op = env.code.op[i];
    const isJump = op === JUMP_INSN || op === LONG_JUMP_INSN;
    if (op !== EXIT_INSN && (!isJump || env.staticBranches?.has(i))) {
      env.reject('EINVAL', flow.last_insn());
    }
    current++;
  }
}

function noteFeatures(env: VerifierEnv, insn: number, subprog: Subprog): void {
  const op = env.code.op[insn]!;
  if (isTailCall(env, insn)) {
    subprog.hasTailCall = subprog.tailCallReachable = true;
  }
  const mode = op & 0xe0;
  if (classOf(op) === BPF_LD && (mode === BPF_ABS || mode === BPF_IND)) subprog.hasLdAbs = true;
}

function checkJumpTarget(env: VerifierEnv, insn: number, start: number, end: number): void {
  const op = env.code.op[insn]!;
  if (classOf(op) !== BPF_JMP && classOf(op) !== BPF_JMP32) return;
  if ((op & 0xf0) === BPF_EXIT || (op & 0xf0) === BPF_CALL) return;
  const distance = op === LONG_JUMP_INSN ? env.code.imm[insn]! : env.code.off[insn]!;
  const target = insn + distance + 1;
  if (target < start || target >= end) {
    env.reject('EINVAL', flow.jump_leaves_function(insn, target));
  }
}
