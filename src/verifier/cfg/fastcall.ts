import { BPF_CALL, BPF_DW, BPF_JMP, BPF_LDX, BPF_MEM, BPF_STX } from '../../isa/index.ts';
import type { CallContract } from '../../abi/index.ts';
import { helperPrototype } from '../call/contracts.ts';
import { calledKfunc } from '../call/kfunc-prototype.ts';
import { AUX_FASTCALL_PATTERN, AUX_JUMP_TARGET, type Subprog, type VerifierEnv } from '../env.ts';
import type { FuncState } from '../state/state.ts';
import { CALLER_SAVED_REGS, FRAME_POINTER, REG_SIZE } from '../state/layout.ts';
import { isHelperCall, isKfuncCall } from './calls.ts';
import { subprogEnd } from './subprograms.ts';

const SPILL = BPF_STX | BPF_MEM | BPF_DW;
const FILL = BPF_LDX | BPF_MEM | BPF_DW;
const ALL_CALLER_SAVED = (1 << CALLER_SAVED_REGS) - 1;
/** Below any stack offset: the function's patterns are void. */
const NO_FASTCALL = -32768;

/**
 * Finds spills and fills around calls that clang adds for kernels without bpf_fastcall, and the
 * stack they use (mark_fastcall_patterns).
 */
export function markFastcallPatterns(env: VerifierEnv): void {
  const { code } = env;
  env.subprogs.forEach((subprog, index) => {
    const end = subprogEnd(env, index);
    let lowest = 0;
    for (let i = subprog.start; i < end; i++) {
      if (code.op[i] !== SPILL || code.dst[i] !== FRAME_POINTER) continue;
      lowest = Math.min(lowest, code.off[i]!);
    }
    for (let i = subprog.start; i < end; i++) {
      if (code.op[i] === (BPF_JMP | BPF_CALL)) markPattern(env, subprog, i, lowest);
    }
  });
}

function contractAt(env: VerifierEnv, insn: number): CallContract | undefined {
  if (isKfuncCall(env, insn)) return calledKfunc(env, insn)?.contract;
  if (!isHelperCall(env, insn)) return undefined;
  return helperPrototype(env, env.code.imm[insn]!)?.contract;
}

/** Bits of r0..r5 that a call overwrites if it keeps to bpf_fastcall: result and arguments. */
function clobberedBy({ args, returns }: CallContract): number {
  return (returns.kind === 'void' ? 0 : 1) | (((1 << args.length) - 1) << 1);
}

/** mark_fastcall_pattern_for_call */
function markPattern(env: VerifierEnv, subprog: Subprog, call: number, lowest: number): void {
  const contract = contractAt(env, call);
  let expected = contract ? ~clobberedBy(contract) & ALL_CALLER_SAVED : 0;
  if (!contract || expected === 0) return;
  let off = lowest;
  let pairs = 0;
  while (pairs < CALLER_SAVED_REGS) {
    const reg = pairRegister(env, call, pairs + 1, off);
    if (reg < 0 || !((expected >> reg) & 1)) break;
    pairs++;
    expected &= ~(1 << reg);
    env.aux.flags[call - pairs]! |= AUX_FASTCALL_PATTERN;
    env.aux.flags[call + pairs]! |= AUX_FASTCALL_PATTERN;
    off += REG_SIZE;
  }
  if (pairs === 0) return;
  // Only these become a few instructions that really keep the others.
  if (contract.fastcall) env.aux.fastcallSpills[call] = pairs;
  else subprog.keepFastcallStack = true;
  subprog.fastcallStackOff = Math.min(subprog.fastcallStackOff, off);
}

/** Register spilled `distance` before the call and filled `distance` after it, at `off`, or -1. */
function pairRegister(env: VerifierEnv, call: number, distance: number, off: number): number {
  const spill = call - distance;
  const fill = call + distance;
  const { code, aux } = env;
  if (spill < 0 || fill >= code.length) return -1;
  // The pattern runs as a whole: nothing may jump into it.
  if ((aux.flags[spill + 1]! | aux.flags[fill]!) & AUX_JUMP_TARGET) return -1;
  if (code.op[spill] !== SPILL || code.op[fill] !== FILL) return -1;
  if (code.dst[spill] !== FRAME_POINTER || code.src[fill] !== FRAME_POINTER) return -1;
  if (code.off[spill] !== off || code.off[fill] !== off) return -1;
  return code.src[spill] === code.dst[fill] ? code.src[spill]! : -1;
}

/**
 * Instruction `insn` touches stack offset `off` of `frame`: if that is in the region of spills of
 * fastcall patterns and it is not one of them, none of the function is
 * (check_fastcall_stack_contract).
 */
export function checkFastcallStackContract(
  env: VerifierEnv,
  frame: FuncState,
  insn: number,
  off: number,
): void {
  const subprog = env.subprogs[frame.subprogno]!;
  if (subprog.fastcallStackOff <= off || env.aux.flags[insn]! & AUX_FASTCALL_PATTERN) return;
  subprog.fastcallStackOff = NO_FASTCALL;
  const end = subprogEnd(env, frame.subprogno);
  for (let i = subprog.start; i < end; i++) {
    env.aux.fastcallSpills[i] = 0;
    env.aux.flags[i]! &= ~AUX_FASTCALL_PATTERN;
  }
}
