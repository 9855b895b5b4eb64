/** Program types that look at the kernel from hooks in it. */
import {
  BPF_PROG_TYPE_KPROBE,
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_TRACEPOINT,
  BPF_PROG_TYPE_TRACING,
} from '../generated/6.12/constants.ts';
import type { ProgramTypeDef } from '../types.ts';

/** Arguments a traced function may have (MAX_BPF_FUNC_ARGS), and what it returns behind them. */
const MOST_ARGUMENTS = 12;

/** An array of u64: the arguments of a function or a tracepoint. */
const words = (count: number): ProgramTypeDef['context'] => ({
  struct: 'bpf_raw_tracepoint_args',
  size: 8 * count,
  allocated: 8 * count,
  fields: [],
});

/** fentry, fexit, tp_btf: the arguments, with their types in the kernel's BTF. */
export const tracing: ProgramTypeDef = {
  name: 'tracing',
  id: BPF_PROG_TYPE_TRACING,
  context: words(MOST_ARGUMENTS + 1),
};

/** raw_tp: the arguments of a tracepoint as numbers. */
export const rawTracepoint: ProgramTypeDef = {
  name: 'raw_tracepoint',
  id: BPF_PROG_TYPE_RAW_TRACEPOINT,
  context: words(MOST_ARGUMENTS),
};

/** tracepoint: the record as its format describes it; that of a system call has 64 bytes. */
export const tracepoint: ProgramTypeDef = {
  name: 'tracepoint',
  id: BPF_PROG_TYPE_TRACEPOINT,
  context: { struct: 'trace_entry', size: 64, allocated: 64, fields: [] },
};

/** kprobe: the registers at the start of a function (struct pt_regs of x86-64). */
export const kprobe: ProgramTypeDef = {
  name: 'kprobe',
  id: BPF_PROG_TYPE_KPROBE,
  context: { struct: 'pt_regs', size: 168, allocated: 168, fields: [] },
};
