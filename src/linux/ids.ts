/** Objects of the running kernel by their ids, and types of one. */
import { type Btf, openBtf } from '../btf/index.ts';
import { viewOf } from './memory.ts';
import { closeFd, succeed, type System } from './system.ts';

const BTF_INFO = 40;

/** Ids of all programs, maps or links, ascending. Throws KernelError EPERM. */
export function idsOf({ bpf }: System, kind: 'prog' | 'map' | 'link'): number[] {
  const next = { prog: bpf.progGetNextId, map: bpf.mapGetNextId, link: bpf.linkGetNextId }[kind];
  const ids: number[] = [];
  const attr = { startId: 0, nextId: 0 };
  while (next(attr) === 0) {
    ids.push(attr.nextId);
    attr.startId = attr.nextId;
  }
  return ids;
}

/** A file descriptor. Throws KernelError ENOENT, EPERM. */
export function openById({ bpf }: System, kind: 'prog' | 'map' | 'link', id: number): number {
  const open = {
    prog: () => bpf.progGetFdById({ progId: id }),
    map: () => bpf.mapGetFdById({ mapId: id }),
    link: () => bpf.linkGetFdById({ linkId: id }),
  }[kind];
  return succeed(open(), `there is no ${kind} with id ${id}`);
}

/** The types with an id; undefined: 0, or they are gone. */
export function typesOf(system: System, id: number): Btf | undefined {
  const { bpf, libc } = system;
  const fd = id === 0 ? -1 : bpf.btfGetFdById({ btfId: id });
  if (fd < 0) return undefined;
  const info = new Uint8Array(BTF_INFO);
  const ask = () => bpf.objGetInfoByFd({ bpfFd: fd, info, infoLen: BTF_INFO });
  try {
    succeed(ask(), 'no information of BTF');
    const size = viewOf(info).getUint32(8, true);
    const bytes = new Uint8Array(size);
    info.fill(0);
    viewOf(info).setBigUint64(0, libc.address(bytes), true);
    viewOf(info).setUint32(8, size, true);
    succeed(ask(), 'no bytes of BTF');
    return openBtf(bytes);
  } finally {
    closeFd(system, fd);
  }
}
