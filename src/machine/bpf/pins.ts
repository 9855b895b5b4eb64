import { constants } from '../../abi/index.ts';
import type { ObjPathAttr } from '../../kernel/index.ts';
import type { Directory } from '../bpffs/inode.ts';
import { findPin, pinObject } from '../bpffs/pins.ts';
import { refuse } from '../errno.ts';
import { MachineMap } from '../map.ts';
import { MachineLink } from '../objects/link.ts';
import type { MachineProgram } from '../program.ts';
import { accessOf, openLink, openMap, openProgram } from './files.ts';
import type { Process } from './process.ts';

const { BPF_F_RDONLY, BPF_F_WRONLY, BPF_F_PATH_FD } = constants;

/** BPF_OBJ_PIN */
export function objPin(process: Process, attr: ObjPathAttr): number {
  const { fileFlags = 0, pathFd = 0, bpfFd = 0 } = attr;
  if (fileFlags & ~BPF_F_PATH_FD) refuse('EINVAL', 'flags');
  if (!(fileFlags & BPF_F_PATH_FD) && pathFd !== 0) refuse('EINVAL', 'path_fd without its flag');
  const file = process.file(bpfFd);
  const kind = file?.kind;
  if (kind !== 'map' && kind !== 'prog' && kind !== 'link') refuse('EINVAL', 'nothing to pin');
  const path = attr.pathname ?? refuse('EFAULT', 'there is no path');
  const object = process.get(bpfFd, kind);
  const { machine, credentials } = process;
  pinObject(machine.files, path, kind, object, startOf(process, attr), credentials);
  return 0;
}

/** BPF_OBJ_GET: a file descriptor. */
export function objGet(process: Process, attr: ObjPathAttr): number {
  const { fileFlags = 0, pathFd = 0, bpfFd = 0 } = attr;
  if (bpfFd !== 0 || fileFlags & ~(BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_PATH_FD)) refuse('EINVAL');
  if (!(fileFlags & BPF_F_PATH_FD) && pathFd !== 0) refuse('EINVAL', 'path_fd without its flag');
  const access = accessOf(fileFlags);
  const path = attr.pathname ?? refuse('EFAULT', 'there is no path');
  const { machine, credentials } = process;
  const user = { credentials, ...access };
  const { object } = findPin(machine.files, path, startOf(process, attr), user);
  if (object instanceof MachineMap) return openMap(process, object, access);
  if (!(object instanceof MachineLink)) return openProgram(process, object as MachineProgram);
  if (!access.read || !access.write) refuse('EINVAL', 'links are opened for reading and writing');
  return openLink(process, object);
}

/** Where a relative path begins. */
function startOf(
  process: Process,
  { fileFlags = 0, pathFd = 0, pathname }: ObjPathAttr,
): Directory {
  if (!(fileFlags & BPF_F_PATH_FD) || pathname?.startsWith('/')) return process.cwd;
  return process.place(pathFd);
}
