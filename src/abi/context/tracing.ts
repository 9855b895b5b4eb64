/** Tracing, LSM and everything else without a struct of the UAPI (kernel/trace/bpf_trace.c). */
import type { ContextDef, FieldRule } from './rules.ts';
import { ANY, DOUBLE, WORD, registerTypes } from './rules.ts';

/** x86-64 `struct pt_regs`: 21 registers. */
export const PT_REGS = 21 * 8;
/** PERF_MAX_TRACE_SIZE. */
const TRACE_MAX = 8192;
/** MAX_BPF_FUNC_ARGS, 8 bytes each. */
const ARGUMENTS = 12 * 8;

const anywhere = (from: number, to: number): FieldRule => ({ from, to, read: ANY });

export const kprobe: ContextDef = {
  size: PT_REGS,
  rules: [anywhere(0, PT_REGS)],
  plain: true,
};

/**
 * The first 8 bytes of a trace record are the kernel's. That it lets programs read what is before
 * them is a slip (it compares the signed offset with an unsigned 8), but 6.12 does.
 */
export const tracepoint: ContextDef = {
  size: TRACE_MAX,
  lowest: -0x8000,
  rules: [anywhere(8, TRACE_MAX), anywhere(-0x8000, 0)],
  plain: true,
};

/** `struct bpf_perf_event_data`: registers, sample period, address. */
export const perfEvent: ContextDef = {
  size: PT_REGS + 16,
  rules: [
    { from: 0, to: PT_REGS, read: DOUBLE },
    { from: PT_REGS, to: PT_REGS + 16, read: { 1: 8, 2: 8, 4: 8, 8: 8 } },
  ],
};

export const rawTracepoint: ContextDef = {
  size: ARGUMENTS,
  rules: [anywhere(0, ARGUMENTS)],
  plain: true,
};

export const rawTracepointWritable: ContextDef = {
  size: ARGUMENTS,
  rules: [
    { from: 0, to: 1, read: DOUBLE, gives: registerTypes.PTR_TO_TP_BUFFER },
    anywhere(1, ARGUMENTS),
  ],
  plain: true,
};

/** Arguments of a traced function, of a struct_ops member. */
export const btfArguments: ContextDef = { ...rawTracepoint, btf: true };

/** Arguments of an LSM hook: nothing but BTF says what is there. */
export const lsm: ContextDef = {
  size: 0x7fff,
  rules: [anywhere(0, 0x7fff)],
  btf: true,
  plain: true,
};

/** `void *` of the caller's choice; an offset of an instruction is all there is to it. */
export const syscall: ContextDef = {
  size: 0xffff,
  rules: [{ from: 0, to: 0xffff, read: ANY, write: ANY }],
  plain: true,
};

const TRUSTED = registerTypes.PTR_TO_BTF_ID | registerTypes.PTR_TRUSTED;

/** `struct bpf_nf_ctx`: two pointers (net/netfilter/nf_bpf_link.c). */
export const netfilter: ContextDef = {
  size: 16,
  rules: [
    { from: 0, to: 8, read: DOUBLE, gives: TRUSTED, struct: 'nf_hook_state' },
    { from: 8, to: 16, read: DOUBLE, gives: TRUSTED, struct: 'sk_buff' },
  ],
  plain: true,
};

/** One 32-bit sample (drivers/media/rc/bpf-lirc.c). */
export const lircMode2: ContextDef = {
  size: 4,
  rules: [{ from: 0, to: 1, read: WORD }],
  plain: true,
};
