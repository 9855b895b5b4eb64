/**
 * What the interpreter's module exports. It has no state of its own but the address of its CPU's
 * block: programs, frames and registers are in linear memory.
 */
import {
  C_BATCH_INDEX,
  C_CTX,
  C_DEPTH,
  C_FAULT_KIND,
  C_FUEL,
  C_R0,
  C_TAIL_CALLS,
  G_CLOCK,
  G_TIMER_DUE,
  GLOBALS,
  FAULT_NONE,
  FAULT_STACK,
  MAX_CALL_FRAMES,
  REGION_CTX,
} from '../../../runtime/layout';
import { cpu_block, runtime_enter } from '../../../runtime/core/instance';
import { tagged } from '../../../runtime/core/regions';
import { isChecked, openContext, payFuel, popFrame, pushFrame } from './calls';
import { execute } from './execute';
import { faultAt } from './fault';
import { F_R1, F_R2, F_R3, F_R4, F_R5, F_RETURN, P_CODE, P_FUEL, UNCAUGHT } from './ops';

/** Says which CPU this instance works for. Returns the address of its block. */
export function interpreter_enter(cpu: u32): u32 {
  return runtime_enter(cpu);
}

/** Body of a program's entry in the function table. */
export function program_entry(context: u32, program: u32): u64 {
  const code = load<u32>(program, P_CODE);
  const frame = pushFrame(program, code);
  store<u64>(frame, tagged(REGION_CTX, context), F_R1);
  store<u32>(cpu_block, context, C_CTX);
  if (isChecked(program)) openContext(program, context);
  const result = execute(program, code, frame, frame);
  popFrame(frame);
  return result;
}

/** Body of a callback's entry in the function table; `pc` is its first record. */
export function callback_entry(
  r1: u64,
  r2: u64,
  r3: u64,
  r4: u64,
  r5: u64,
  program: u32,
  pc: u32,
): u64 {
  const depth = load<u32>(cpu_block, C_DEPTH) + 1;
  if (isChecked(program)) {
    payFuel(program, pc);
    if (depth >= <u32>MAX_CALL_FRAMES) faultAt(program, pc, FAULT_STACK);
  }
  const frame = pushFrame(program, pc);
  store<u32>(frame, UNCAUGHT, F_RETURN);
  store<u64>(frame, r1, F_R1);
  store<u64>(frame, r2, F_R2);
  store<u64>(frame, r3, F_R3);
  store<u64>(frame, r4, F_R4);
  store<u64>(frame, r5, F_R5);
  store<u32>(cpu_block, depth, C_DEPTH);
  const result = execute(program, pc, frame, frame);
  store<u32>(cpu_block, depth - 1, C_DEPTH);
  popFrame(frame);
  return result;
}

/** One run from outside. All 64 bits of r0 are at C_R0 afterwards. */
export function program_run(context: u32, program: u32): i32 {
  store<u32>(cpu_block, 0, C_TAIL_CALLS);
  store<u32>(cpu_block, 0, C_DEPTH);
  store<u32>(cpu_block, FAULT_NONE, C_FAULT_KIND);
  store<u64>(cpu_block, load<u64>(program, P_FUEL), C_FUEL);
  const result = program_entry(context, program);
  store<u64>(cpu_block, result, C_R0);
  return <i32>result;
}

/** Goes on with a run that was left before the record at `pc`, in the frame `regs` above `base`. */
export function program_resume(program: u32, pc: u32, base: u32, regs: u32): i32 {
  const result = execute(program, pc, base, regs);
  popFrame(base);
  store<u64>(cpu_block, result, C_R0);
  return <i32>result;
}

/** Runs over many contexts; see LoadedCode.batch. Where it is stands at C_BATCH_INDEX. */
export function program_batch(
  contexts: u32,
  stride: u32,
  count: u32,
  results: u32,
  times: u32,
  program: u32,
): u32 {
  for (let i: u32 = 0; i < count; i++) {
    if (times != 0) {
      const now = load<i64>(times + i * 8);
      if (load<i64>(GLOBALS, G_TIMER_DUE) <= now) return i;
      store<i64>(GLOBALS, now, G_CLOCK);
    }
    store<u32>(cpu_block, i, C_BATCH_INDEX);
    store<i32>(results + i * 4, program_run(contexts + i * stride, program));
  }
  return count;
}
