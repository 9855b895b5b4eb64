import { enums } from '../../abi/index.ts';
import type { EnableStatsAttr, ProgBindMapAttr, TaskFdQueryAttr } from '../../kernel/index.ts';
import { refuse } from '../errno.ts';
import type { Process } from './process.ts';

/** BPF_ENABLE_STATS: runs are counted as long as the descriptor is open. */
export function enableStats(process: Process, { type }: EnableStatsAttr): number {
  const { machine } = process;
  process.need('CAP_SYS_ADMIN');
  if (type !== enums.bpf_stats_type.BPF_STATS_RUN_TIME) refuse('EINVAL', 'no such statistics');
  machine.countRuns(1);
  const release = (): void => machine.countRuns(-1);
  return process.open({ kind: 'stats', object: machine, read: true, write: false, release });
}

/** BPF_PROG_BIND_MAP */
export function progBindMap(process: Process, attr: ProgBindMapAttr): number {
  if (attr.flags) refuse('EINVAL', 'flags');
  const program = process.get(attr.progFd, 'prog');
  program.bind(process.get(attr.mapFd, 'map'));
  return 0;
}

/** BPF_TASK_FD_QUERY: there are no perf events and tracepoints to ask about. */
export function taskFdQuery(process: Process, attr: TaskFdQueryAttr): number {
  process.need('CAP_SYS_ADMIN');
  if (attr.flags) refuse('EINVAL', 'flags');
  if (attr.pid !== process.pid) refuse('ENOENT', `there is no process ${attr.pid}`);
  if (!process.file(attr.fd)) refuse('EBADF', `${attr.fd} is not open`);
  return refuse('ENOTSUPP', 'no perf event and no tracepoint');
}
