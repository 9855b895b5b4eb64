import { rawProgramTypes } from '../generated/6.12/availability.ts';
import { enums } from '../generated/6.12/enums.ts';
import type { ProgramTypeDef, ProgramTypeFacts } from '../types.ts';
import { cgroupPrograms } from './cgroup.ts';
import { ext } from './ext.ts';
import { flowDissector } from './flow_dissector.ts';
import { netfilter } from './netfilter.ts';
import { schedAct, schedCls } from './sched_cls.ts';
import { skLookup } from './sk_lookup.ts';
import { skMsg, skReuseport, skSkb } from './socket_programs.ts';
import { cgroupSkb, lightweightTunnels, socketFilter } from './socket_buffer.ts';
import { syscall } from './syscall.ts';
import { kprobe, rawTracepoint, tracepoint, tracing } from './tracing.ts';
import { xdp } from './xdp.ts';

/** Program types that can be loaded and run, by bpftool's word. */
export const programTypes: ReadonlyMap<string, ProgramTypeDef> = new Map(
  [
    xdp,
    schedCls,
    schedAct,
    socketFilter,
    cgroupSkb,
    ...cgroupPrograms,
    ...lightweightTunnels,
    syscall,
    skLookup,
    flowDissector,
    netfilter,
    skSkb,
    skMsg,
    skReuseport,
    tracing,
    rawTracepoint,
    tracepoint,
    kprobe,
    ext,
  ].map((type) => [type.name, type]),
);

/** What Linux 6.12 says of every program type, in the order of their numbers. */
export const programTypeFacts: readonly ProgramTypeFacts[] = Object.entries(enums.bpf_prog_type)
  .filter(([name]) => rawProgramTypes[name] !== undefined)
  .map(([name, id]) => ({
    name: name.slice('BPF_PROG_TYPE_'.length).toLowerCase(),
    id,
    struct: rawProgramTypes[name]!.context,
  }));

/** The definition of a program type by number, if it can be run. */
export function programTypeById(id: number): ProgramTypeDef | undefined {
  for (const type of programTypes.values()) if (type.id === id) return type;
  return undefined;
}

export { schedAct, schedCls, xdp };
