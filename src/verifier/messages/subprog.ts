import { defineMessages } from './message.ts';

/** Words about calls of the program's own functions, callbacks and stack depth. */
export const subprog = defineMessages('subprog', {
  call_stack: (frames: number) => `the call stack of ${frames} frames is too deep`,
  call_chain: (frames: number) => `the call stack of ${frames} frames is too deep !`,
  not_scalar: (regno: number) => `R${regno} is not a scalar`,
  expects_ctx: (arg: number) => `arg#${arg} expects pointer to ctx`,
  expects_nonnull: (arg: number) => `arg#${arg} is expected to be non-NULL`,
  expects_arena: (regno: number) => `R${regno} is not a pointer to arena or scalar.`,
  global_with_lock: () =>
    'global function calls are not allowed while holding a lock,\nuse static function instead',
  global_with_preempt: () =>
    'global function calls are not allowed with preemption disabled,\n' +
    'use static function instead',
  invalid_args: (index: number, name: string) =>
    `Caller passes invalid args into func#${index} ('${name}')`,
  assumed_valid: (index: number, name: string) =>
    `Func#${index} ('${name}') is global and assumed valid.`,
  invalid_unnamed_args: (index: number) => `Caller passes invalid args into func#${index}`,
  skipped: (index: number) => `Func#${index} is global and valid. Skipping.`,
  caller: () => 'caller:',
  callee: () => 'callee:',
  no_callback_for_map: () => 'callback function not allowed for map',
  exit_to: (insn: number) => `to caller at ${insn}:`,
  returning: () => 'returning from callee:',
  returns_stack: () => 'cannot return stack pointer to the caller',
  returns_no_scalar: () => 'R0 not a scalar value',
  reference_leak: (id: number, insn: number) => `Unreleased reference id=${id} alloc_insn=${insn}`,
  tail_call_depth: (depth: number) =>
    'tail_calls are not allowed when call stack of previous frames is ' +
    `${depth} bytes. Too large`,
  stack_of_one: (index: number, depth: number) =>
    `stack size of subprog ${index} is ${depth}. Too large`,
  stack_combined: (calls: number, depth: number) =>
    `combined stack size of ${calls} calls is ${depth}. Too large`,
  throw_in_callback: (insn: number, index: number) =>
    `bpf_throw kfunc (insn ${insn}) cannot be called from callback subprog ${index}`,
  tail_call_in_async_callback: () => 'verifier bug. subprog has tail_call and async cb',
  calls_exception_callback: (insn: number) => `insn ${insn} cannot call exception cb directly`,
  tail_call_in_exception_callback: () => 'cannot tail call within exception cb',
});
