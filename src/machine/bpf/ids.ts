import type {
  BtfGetFdByIdAttr,
  GetNextIdAttr,
  LinkGetFdByIdAttr,
  MapGetFdByIdAttr,
  ProgGetFdByIdAttr,
} from '../../kernel/index.ts';
import { constants } from '../../abi/index.ts';
import { refuse } from '../errno.ts';
import type { IdTable } from '../objects/ids.ts';
import { accessOf, openBtf, openLink, openMap, openProgram } from './files.ts';
import type { Process } from './process.ts';

const INT_MAX = 0x7fffffff;
const { BPF_F_RDONLY, BPF_F_WRONLY } = constants;

/** BPF_*_GET_NEXT_ID: ENOENT behind the last. */
export function getNextId(
  process: Process,
  table: Pick<IdTable<unknown>, 'after'>,
  attr: GetNextIdAttr,
): number {
  const { startId = 0 } = attr;
  if (startId >= INT_MAX) refuse('EINVAL', 'there are no such ids');
  process.need('CAP_SYS_ADMIN');
  attr.nextId = table.after(startId) ?? refuse('ENOENT', 'there are no more');
  return 0;
}

function find<T>(process: Process, table: IdTable<T>, id: number): T {
  process.need('CAP_SYS_ADMIN');
  return table.get(id) ?? refuse('ENOENT', `there is no id ${id}`);
}

export function progGetFdById(process: Process, { progId }: ProgGetFdByIdAttr): number {
  return openProgram(process, find(process, process.machine.objects.programs, progId));
}

export function mapGetFdById(process: Process, { mapId, openFlags = 0 }: MapGetFdByIdAttr): number {
  if (openFlags & ~(BPF_F_RDONLY | BPF_F_WRONLY)) refuse('EINVAL', 'flags');
  process.need('CAP_SYS_ADMIN');
  const access = accessOf(openFlags);
  return openMap(process, find(process, process.machine.objects.maps, mapId), access);
}

export function linkGetFdById(process: Process, { linkId }: LinkGetFdByIdAttr): number {
  return openLink(process, find(process, process.machine.objects.links, linkId));
}

export function btfGetFdById(process: Process, { btfId }: BtfGetFdByIdAttr): number {
  return openBtf(process, find(process, process.machine.objects.btfs, btfId));
}
