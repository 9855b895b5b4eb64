import { enums } from '../../abi/index.ts';
import type { MachineProgram } from '../program.ts';
import type { Attached } from '../subsystem.ts';

const { BPF_LINK_TYPE_PERF_EVENT, BPF_LINK_TYPE_RAW_TRACEPOINT, BPF_LINK_TYPE_TRACING } =
  enums.bpf_link_type;

/** What the link of a program is: those at tracepoints and kprobes hang on a perf event. */
const TYPES: Readonly<Record<string, number>> = {
  tracing: BPF_LINK_TYPE_TRACING,
  raw_tracepoint: BPF_LINK_TYPE_RAW_TRACEPOINT,
};

/** A program at a system call, as a link (bpf_tracing_link, bpf_raw_tp_link, bpf_perf_link). */
export function linked({ type, spec }: MachineProgram, detach: () => void): Attached {
  const linkType = TYPES[type.name] ?? BPF_LINK_TYPE_PERF_EVENT;
  const isRaw = linkType === BPF_LINK_TYPE_RAW_TRACEPOINT;
  const info = isRaw ? { 'raw_tracepoint.tp_name': spec.attachTarget ?? '' } : {};
  return { type: linkType, info, detach };
}
