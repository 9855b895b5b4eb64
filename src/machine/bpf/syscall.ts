import type { BpfSyscall } from '../../kernel/index.ts';
import { answer } from '../errno.ts';
import { progAttach, progDetach, progQuery } from './attach.ts';
import { mapBatch } from './batch.ts';
import { btfLoad } from './btf.ts';
import * as ids from './ids.ts';
import { objGetInfoByFd } from './info.ts';
import * as links from './links.ts';
import { mapCreate } from './map-create.ts';
import * as maps from './maps.ts';
import { enableStats, progBindMap, taskFdQuery } from './misc.ts';
import { objGet, objPin } from './pins.ts';
import type { Process } from './process.ts';
import { progLoad } from './program-load.ts';
import { progTestRun } from './test-run.ts';
import { tokenCreate } from './token.ts';

/**
 * bpf(2) as a process of the machine calls it (kernel/bpf/syscall.c: __sys_bpf).
 *
 * @example
 * const bpf = bpfSyscall(new Process(machine));
 * const fd = bpf.mapCreate({ mapType: 2, keySize: 4, valueSize: 8, maxEntries: 1 });
 */
export function bpfSyscall(process: Process): BpfSyscall {
  const { objects } = process.machine;
  /** A command as a function of its attributes that answers with an errno. */
  const command =
    <Attr>(run: (process: Process, attr: Attr) => number) =>
    (attr: Attr): number =>
      answer(() => run(process, attr));
  const next = (table: Parameters<typeof ids.getNextId>[1]) =>
    command<Parameters<typeof ids.getNextId>[2]>((_, attr) => ids.getNextId(process, table, attr));
  const batch = (name: Parameters<typeof mapBatch>[1]) =>
    command<Parameters<typeof mapBatch>[2]>((_, attr) => mapBatch(process, name, attr));
  return {
    mapCreate: command(mapCreate),
    mapLookupElem: command(maps.mapLookupElem),
    mapUpdateElem: command(maps.mapUpdateElem),
    mapDeleteElem: command(maps.mapDeleteElem),
    mapGetNextKey: command(maps.mapGetNextKey),
    progLoad: command(progLoad),
    objPin: command(objPin),
    objGet: command(objGet),
    progAttach: command(progAttach),
    progDetach: command(progDetach),
    progTestRun: command(progTestRun),
    progGetNextId: next(objects.programs),
    mapGetNextId: next(objects.maps),
    progGetFdById: command(ids.progGetFdById),
    mapGetFdById: command(ids.mapGetFdById),
    objGetInfoByFd: command(objGetInfoByFd),
    progQuery: command(progQuery),
    rawTracepointOpen: command(links.rawTracepointOpen),
    btfLoad: command(btfLoad),
    btfGetFdById: command(ids.btfGetFdById),
    taskFdQuery: command(taskFdQuery),
    mapLookupAndDeleteElem: command(maps.mapLookupAndDeleteElem),
    mapFreeze: command(maps.mapFreeze),
    btfGetNextId: next(objects.btfs),
    mapLookupBatch: batch('lookup'),
    mapLookupAndDeleteBatch: batch('lookup_and_delete'),
    mapUpdateBatch: batch('update'),
    mapDeleteBatch: batch('delete'),
    linkCreate: command(links.linkCreate),
    linkUpdate: command(links.linkUpdate),
    linkGetFdById: command(ids.linkGetFdById),
    linkGetNextId: next(objects.links),
    enableStats: command(enableStats),
    iterCreate: command(links.iterCreate),
    linkDetach: command(links.linkDetach),
    progBindMap: command(progBindMap),
    tokenCreate: command(tokenCreate),
  };
}
