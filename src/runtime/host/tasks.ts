/**
 * The current task (kernel/trace/bpf_trace.c). Its structs are the machine's; where nobody made
 * any, the pointers are 0.
 */
import type { HostHelper } from '../types.ts';

export const currentTask: HostHelper = (call) => {
  call.returnU64(call.runtime.host.currentTask?.() ?? 0n);
};

/** Argument: address of the task. */
export const taskRegisters: HostHelper = (call) => {
  call.returnU64(call.runtime.host.taskRegisters?.(call.u32(0)) ?? 0n);
};
