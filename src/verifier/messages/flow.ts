import type { VerifierStats } from '../types.ts';
import { defineMessages } from './message.ts';

const plural = (n: number, one: string, many: string): string => (n === 1 ? one : many);

/** Words of the passes over control flow, of the walk's loop and of the driver. */
export const flow = defineMessages('flow', {
  reg_invalid: (reg: number) => `R${reg} is invalid`,
  reg_not_readable: (reg: number) => `R${reg} !read_ok`,
  frame_pointer_read_only: () => 'frame pointer is read only',
  call_destination: () => 'call to invalid destination',
  too_many_subprograms: () => 'too many subprograms',
  calls_need_capabilities: () =>
    'loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN',
  main_type_invalid: () => 'invalid btf id for main subprog in func_info',
  many_exception_callbacks: () => 'multiple exception callback tags for main subprog',
  exception_callback_missing: (name: string) =>
    `exception callback '${name}' could not be found in BTF`,
  exception_callback_static: (name: string) =>
    `exception callback '${name}' must have global linkage`,
  exception_callback_first: () => 'invalid exception callback insn_off in func_info: 0',
  exception_callback_unlisted: () => 'exception callback type id not found in func_info',
  subprogram: (index: number, insn: number) => `func#${index} @${insn}`,
  jump_leaves_function: (from: number, to: number) =>
    `jump out of range from insn ${from} to ${to | 0}`,
  last_insn: () => 'last insn is not an exit or jmp',
  jump_out_of_program: (from: number, to: number) =>
    `jump out of range from insn ${from} to ${to | 0}`,
  back_edge: (from: number, to: number) => `back-edge from insn ${from} to ${to}`,
  unreachable: (insn: number) => `unreachable insn ${insn}`,
  jump_into_wide: (insn: number) => `jump into the middle of ldimm64 insn ${insn}`,
  jumps_too_complex: (count: number) => `The sequence of ${count} jumps is too complex.`,
  async_jumps_too_complex: (count: number) =>
    `The sequence of ${count} jumps is too complex for async cb.`,
  insn_out_of_program: (insn: number, count: number) =>
    `invalid insn idx ${insn} insn_cnt ${count}`,
  too_large: (processed: number) => `BPF program is too large. Processed ${processed} insn`,
  ldx_reserved: () => 'BPF_LDX uses reserved fields',
  stx_reserved: () => 'BPF_STX uses reserved fields',
  st_reserved: () => 'BPF_ST uses reserved fields',
  call_reserved: () => 'BPF_CALL uses reserved fields',
  ja_reserved: () => 'BPF_JA uses reserved fields',
  exit_reserved: () => 'BPF_EXIT uses reserved fields',
  ld_mode: () => 'invalid BPF_LD mode',
  unknown_class: (insnClass: number) => `unknown insn class ${insnClass}`,
  calls_under_lock: () => 'function calls are not allowed while holding a lock',
  exit_under_lock: () => 'bpf_spin_unlock is missing',
  exit_under_rcu: () => 'bpf_rcu_read_unlock is missing',
  exit_without_preemption: (depth: number) =>
    `${depth} bpf_preempt_enable${plural(depth, ' is', '(s) are')} missing`,
  throw_under_lock: () => 'bpf_throw cannot be used inside bpf_spin_lock-ed region',
  throw_under_rcu: () => 'bpf_throw cannot be used inside bpf_rcu_read_lock-ed region',
  throw_without_preemption: () => 'bpf_throw cannot be used inside bpf_preempt_disable-ed region',
  exception_callback_arguments: () => 'exception cb only supports single integer argument',
  validating: (subprog: number, name: string) => `Validating ${name}() func#${subprog}...`,
  function_safe: (subprog: number, name: string | undefined) => {
    const named = name === undefined ? '' : ` ('${name}')`;
    return `Func#${subprog}${named} is safe for any args that match its prototype`;
  },
  time: (microseconds: number) => `verification time ${microseconds} usec`,
  stack_depth: (depths: readonly number[]) => `stack depth ${depths.join('+')}`,
  processed: (stats: VerifierStats) =>
    `processed ${stats.processed} insns (limit 1000000) ` +
    `max_states_per_insn ${stats.maxStatesPerInsn} total_states ${stats.totalStates} ` +
    `peak_states ${stats.peakStates} mark_read ${stats.markRead}`,
});
