import { loadObject } from '../client/index.ts';
import type { BtfInput } from '../btf/index.ts';
import type { KernelMap, KernelRecord } from '../kernel/index.ts';
import {
  bootMachine,
  type EngineName,
  LocalLane,
  type Machine,
  type MachineProgram,
  type Network,
  PacketRing,
  PacketRunner,
} from '../machine/index.ts';
import type { ObjectFile } from '../object/index.ts';

/** Packets per lane and batch, and bytes for their frames: what fits the second-level cache. */
const RING = { capacity: 1024, bytes: 2 << 20 };
/** With the room of a driver's page for each packet. */
const ROOMY_RING = { capacity: 256, bytes: 2 << 20 };
/** Records kept for the report; all are counted. */
const KEEP = 1000;

export interface LaneOptions {
  readonly engine: EngineName;
  readonly cpus: number;
  readonly profile: boolean;
  readonly globals: Readonly<Record<string, BtfInput>>;
  readonly fuel: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Records a ring buffer or perf event array gave. */
export interface RecordLog {
  count: number;
  readonly first: KernelRecord[];
}

/** A machine with one program loaded and lanes to run packets through it. */
export interface RunMachine {
  readonly machine: Machine;
  readonly network: Network;
  readonly program: MachineProgram;
  readonly maps: ReadonlyMap<string, KernelMap>;
  readonly runner: PacketRunner;
  readonly records: ReadonlyMap<string, RecordLog>;
  /** Takes out what ring buffers hold, so that they do not fill up. */
  collect(): void;
  /** Executions per instruction, over all lanes. */
  counts(): Float64Array;
  close(): void;
}

/** Boots a machine and loads one program of the object with everything it needs. */
export async function bootLanes(
  object: ObjectFile,
  name: string,
  options: LaneOptions,
): Promise<RunMachine> {
  const { engine, cpus, profile, globals, fuel } = options;
  const { machine, network } = await bootMachine({
    engine,
    cpus,
    profile,
    ...(fuel === undefined ? {} : { fuel }),
  });
  const loaded = loadObject(machine, object, { globals, programs: [name] });
  const program = loaded.programs.get(name) as MachineProgram;
  const roomy = machine.changesPackets();
  const hook = network.hookOf(program);
  const ring = new PacketRing(machine.runtime, hook, { ...(roomy ? ROOMY_RING : RING), roomy });
  const runner = new PacketRunner([new LocalLane(ring, program.code)], 0);
  const records = new Map<string, RecordLog>();
  const buffers = [...loaded.maps].filter(([, map]) => RECORD_TYPES.test(map.spec.type ?? ''));
  for (const [mapName] of buffers) records.set(mapName, { count: 0, first: [] });
  return {
    machine,
    network,
    program,
    maps: loaded.maps,
    runner,
    records,
    collect() {
      for (const [mapName, map] of buffers) keep(records.get(mapName)!, map.drain());
    },
    counts: () => program.code.counts(),
    close() {
      for (const one of loaded.programs.values()) one.close();
    },
  };
}

const RECORD_TYPES = /^(ringbuf|perf_event_array)$/;

function keep(log: RecordLog, records: readonly KernelRecord[]): void {
  log.count += records.length;
  for (const record of records) {
    if (log.first.length >= KEEP) return;
    log.first.push(record);
  }
}
