/**
 * Links of types that have no hook in this machine. What Linux looks at before it attaches is
 * looked at here, and gives Linux's errno; then comes the errno below, which is that of a kernel
 * without the hook. `HOOKLESS` is the honest list.
 */
import { enums } from '../../abi/index.ts';
import type { LinkCreateAttr } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { MachineProgram } from '../program.ts';
import type { Process } from './process.ts';

const attach = enums.bpf_attach_type;

interface Hookless {
  /** bpftool's word for the link. */
  readonly link: string;
  readonly errno: string;
  /** Throws KernelError for what Linux refuses. */
  check?(process: Process, attr: LinkCreateAttr, program: MachineProgram): void;
}

const noFlags = ({ flags = 0 }: LinkCreateAttr): void => {
  if (flags !== 0) refuse('EINVAL', 'flags');
};

/** A descriptor of something else than what the hook hangs on. */
function targetFile(process: Process, { targetFd = 0 }: LinkCreateAttr, other: string): void {
  if (!process.file(targetFd)) refuse('EBADF', 'the target is not open');
  refuse(other, 'the target is of another kind');
}

const TRACING: Hookless = { link: 'tracing', errno: 'ENOTSUPP' };

/** By program type; where one has several, by attach type. */
export const HOOKLESS: Readonly<Record<string, Hookless>> = {
  netkit: {
    link: 'netkit',
    errno: 'ENXIO',
    check({ machine }, { targetFd = 0 }, program) {
      if (!machine.subsystemOf(program).deviceAt?.(targetFd)) refuse('ENODEV', 'no such device');
    },
  },
  perf_event: {
    link: 'perf_event',
    errno: 'EOPNOTSUPP',
    check(process, attr) {
      noFlags(attr);
      targetFile(process, attr, 'EBADF');
    },
  },
  kprobe_multi: { link: 'kprobe_multi', errno: 'EOPNOTSUPP', check: (_, attr) => noFlags(attr) },
  uprobe_multi: { link: 'uprobe_multi', errno: 'EOPNOTSUPP', check: (_, attr) => noFlags(attr) },
  iter: { link: 'iter', errno: 'EOPNOTSUPP', check: (_, attr) => noFlags(attr) },
  raw_tracepoint: { link: 'raw_tracepoint', errno: 'ENOENT' },
  tracing: TRACING,
  lsm: TRACING,
};

/** Which of them a program makes when it is attached as `attachType`. */
export function hooklessLink(program: MachineProgram, attachType: number): Hookless | undefined {
  const { name } = program.type;
  if (attachType === attach.BPF_TRACE_ITER) return HOOKLESS['iter'];
  if (attachType === attach.BPF_TRACE_RAW_TP) return HOOKLESS['raw_tracepoint'];
  if (attachType === attach.BPF_TRACE_UPROBE_MULTI) return HOOKLESS['uprobe_multi'];
  if (attachType === attach.BPF_PERF_EVENT) return HOOKLESS['perf_event'];
  const netkit: readonly number[] = [attach.BPF_NETKIT_PRIMARY, attach.BPF_NETKIT_PEER];
  if (netkit.includes(attachType)) return HOOKLESS['netkit'];
  const family = FAMILIES.find(([pattern]) => pattern.test(name));
  return family && HOOKLESS[family[1]];
}

const FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/^kprobe$/, 'kprobe_multi'],
  [/^tracing$/, 'tracing'],
  [/^lsm$/, 'lsm'],
];
