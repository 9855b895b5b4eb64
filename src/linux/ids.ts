/** Objects of the running kernel by their ids, and types of one. */
import { succeed } from '../abi/index.ts';
import { type Btf, openBtf } from '../btf/index.ts';
import { closeFd, Info, infoPart, type System } from './system.ts';

/** What has ids and file descriptors. */
export type ObjectKind = 'prog' | 'map' | 'link' | 'btf';

/** Ids of all programs, maps, links or BTFs, ascending; none without CAP_SYS_ADMIN. */
export function idsOf({ bpf }: System, kind: ObjectKind): number[] {
  const next = {
    prog: bpf.progGetNextId,
    map: bpf.mapGetNextId,
    link: bpf.linkGetNextId,
    btf: bpf.btfGetNextId,
  }[kind];
  const ids: number[] = [];
  const attr = { startId: 0, nextId: 0 };
  while (next(attr) === 0) {
    ids.push(attr.nextId);
    attr.startId = attr.nextId;
  }
  return ids;
}

/** A file descriptor. Throws KernelError ENOENT, EPERM. */
export function openById({ bpf }: System, kind: ObjectKind, id: number): number {
  const open = {
    prog: () => bpf.progGetFdById({ progId: id }),
    map: () => bpf.mapGetFdById({ mapId: id }),
    link: () => bpf.linkGetFdById({ linkId: id }),
    btf: () => bpf.btfGetFdById({ btfId: id }),
  }[kind];
  return succeed(open(), `there is no ${kind} with id ${id}`);
}

/** What is told of the object with an id. Throws KernelError ENOENT, EPERM. */
export function infoById(system: System, kind: ObjectKind, id: number): Info {
  const fd = openById(system, kind, id);
  try {
    return new Info(system, fd, kind);
  } finally {
    closeFd(system, fd);
  }
}

/** The types with an id; undefined: 0, or they are gone. */
export function typesOf(system: System, id: number): Btf | undefined {
  const fd = id === 0 ? -1 : system.bpf.btfGetFdById({ btfId: id });
  if (fd < 0) return undefined;
  try {
    return openBtf(infoPart(system, fd, 'btf', { at: 'btf', size: 'btf_size' }));
  } finally {
    closeFd(system, fd);
  }
}
