import { enums } from '../../abi/index.ts';
import { type LinkInfo, MachineLink } from '../objects/link.ts';
import type { MachineProgram } from '../program.ts';

const { BPF_LINK_TYPE_PERF_EVENT, BPF_LINK_TYPE_RAW_TRACEPOINT, BPF_LINK_TYPE_TRACING } =
  enums.bpf_link_type;

/** What the link of a program is: those at tracepoints and kprobes hang on a perf event. */
const TYPES: Readonly<Record<string, number>> = {
  tracing: BPF_LINK_TYPE_TRACING,
  raw_tracepoint: BPF_LINK_TYPE_RAW_TRACEPOINT,
};

/** A program at a system call (bpf_tracing_link, bpf_raw_tp_link, bpf_perf_link). */
export class TraceLink extends MachineLink {
  readonly type: number;
  readonly #off: () => void;

  constructor(program: MachineProgram, ended: (link: MachineLink) => void, off: () => void) {
    super(program, ended);
    this.type = TYPES[program.type.name] ?? BPF_LINK_TYPE_PERF_EVENT;
    this.#off = off;
  }

  info(): LinkInfo {
    const { attachTarget = '' } = this.program.spec;
    return this.type === BPF_LINK_TYPE_RAW_TRACEPOINT
      ? { 'raw_tracepoint.tp_name': attachTarget }
      : {};
  }

  protected leave(): void {
    this.#off();
  }
}
