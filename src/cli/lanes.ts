import { loadObject } from '../client/index.ts';
import type { BtfInput } from '../btf/index.ts';
import type { KernelMap, KernelRecord } from '../kernel/index.ts';
import {
  bootMachine,
  type EngineName,
  LinearStorage,
  LocalLane,
  type Machine,
  type MachineProgram,
  type Network,
  type PacketHook,
  PacketRing,
  PacketRunner,
  RunTotals,
} from '../machine/index.ts';
import type { ObjectFile } from '../object/index.ts';
import { cachingEngine } from './caching-engine.ts';
import { WorkerCpu, WorkerLane, type WorkerOptions } from './worker-lane.ts';

/** Packets per lane and batch, and bytes for their frames: what fits the second-level cache. */
const RING = { capacity: 1024, bytes: 2 << 20 };
/** With the room of a driver's page for each packet. */
const ROOMY_RING = { capacity: 256, bytes: 2 << 20 };
/** With several CPUs: fewer hand-overs between threads are worth more than cache. */
const SHARED_RING = { capacity: 2048, bytes: 4 << 20 };
/** Room in a buffer of records for each packet of a batch: a record of a whole packet, and more. */
const RECORD_ROOM = 2048;
/** Records kept for the report; all are counted. */
const KEEP = 1000;

export interface LaneOptions {
  readonly engine: EngineName;
  readonly cpus: number;
  readonly profile: boolean;
  readonly globals: Readonly<Record<string, BtfInput>>;
  readonly fuel: number | undefined;
  /** Programs may write into the capture's own bytes: nobody needs them afterwards. */
  readonly inPlace: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Lines programs printed. */
export interface TraceLog {
  count: number;
  readonly first: string[];
}

/** Records a ring buffer or perf event array gave. */
export interface RecordLog {
  count: number;
  /** Records that found no room. */
  lost: number;
  readonly first: KernelRecord[];
}

/** Copies bpf_clone_redirect sent, by ifindex. */
export type CloneCounts = Map<number, number>;

/** How often each instruction of a program ran. */
export interface ProgramCounts {
  readonly program: MachineProgram;
  readonly counts: Float64Array;
}

/** A machine with one program loaded and lanes to run packets through it. */
export interface RunMachine {
  readonly machine: Machine;
  readonly network: Network;
  readonly program: MachineProgram;
  readonly maps: ReadonlyMap<string, KernelMap>;
  /** Any of the runners: they share their totals. */
  readonly runner: PacketRunner;
  /** To be used in turn: all but the first may be filled while another is under way. */
  readonly runners: readonly PacketRunner[];
  /** Where captures are read to. */
  readonly storage: LinearStorage;
  readonly records: ReadonlyMap<string, RecordLog>;
  /** Takes out what ring buffers hold, so that they do not fill up. */
  collect(): void;
  readonly trace: TraceLog;
  readonly clones: CloneCounts;
  /** Executions per instruction of each loaded program, over all lanes. */
  counts(): Promise<ProgramCounts[]>;
  close(): Promise<void>;
}

/** Boots a machine and loads one program of the object with everything it needs. */
export async function bootLanes(
  object: ObjectFile,
  name: string,
  options: LaneOptions,
): Promise<RunMachine> {
  const { cpus, profile, globals } = options;
  const fuel = options.fuel === undefined ? {} : { fuel: options.fuel };
  const trace: TraceLog = { count: 0, first: [] };
  const onTrace = (line: string) => {
    if (trace.count++ < KEEP) trace.first.push(line);
  };
  const engine = await cachingEngine(options.engine, options.env);
  const settings = { engine, cpus, profile, onTrace, shared: cpus > 1, ...fuel };
  const { machine, network } = await bootMachine(settings);
  const loaded = loadObject(machine, object, { globals, programs: [name] });
  const program = loaded.programs.get(name) as MachineProgram;
  const buffers = [...loaded.maps].filter(([, map]) => RECORD_TYPES.test(map.spec.type ?? ''));
  const most = mostPackets(machine, new Map(buffers));
  const makeRing = ringMaker(machine, network.hookOf(program), options, most);
  const clones: CloneCounts = new Map();
  const onClone = (ifindex: number) => void clones.set(ifindex, (clones.get(ifindex) ?? 0) + 1);
  machine.runtime.host.cloneRedirect = (_, ifindex) => {
    onClone(ifindex);
    return 0;
  };
  const workers =
    cpus === 1 ? [] : await startWorkers(machine, program, { ...options, onTrace, onClone });
  const totals = new RunTotals(0);
  const runners =
    cpus === 1
      ? [new PacketRunner([new LocalLane(makeRing(), program.code)], totals)]
      : // One is filled while the threads work on the other.
        [0, 1].map(
          () =>
            new PacketRunner(
              workers.map((cpu) => new WorkerLane(makeRing(), cpu)),
              totals,
            ),
        );
  const records = new Map<string, RecordLog>(
    buffers.map(([mapName]) => [mapName, { count: 0, lost: 0, first: [] }]),
  );
  return {
    machine,
    network,
    program,
    maps: loaded.maps,
    runner: runners[0]!,
    runners,
    storage: new LinearStorage(machine.runtime),
    records,
    trace,
    clones,
    collect() {
      for (const [mapName, map] of buffers) keep(records.get(mapName)!, map);
    },
    counts: () => totalCounts([...machine.programs], workers),
    async close() {
      for (const cpu of workers) await cpu.stop();
      for (const one of loaded.programs.values()) one.close();
    },
  };
}

function ringMaker(
  machine: Machine,
  hook: PacketHook,
  { cpus, inPlace }: LaneOptions,
  most: number,
): () => PacketRing {
  const roomy = machine.changesPackets();
  const { capacity, bytes } = cpus > 1 ? SHARED_RING : roomy ? ROOMY_RING : RING;
  const shape = { capacity: Math.min(capacity, most), bytes, roomy, inPlace };
  return () => new PacketRing(machine.runtime, hook, shape);
}

/**
 * Packets between two readings of the buffers, so that these have room: the run is as if a reader
 * were always fast enough.
 */
function mostPackets(machine: Machine, buffers: ReadonlyMap<string, KernelMap>): number {
  let most = Infinity;
  // Each CPU has two batches under way.
  const batches = machine.cpus === 1 ? 1 : 2 * machine.cpus;
  for (const { spec } of machine.programs) {
    for (const relocation of spec.relocations) {
      const map = 'map' in relocation ? buffers.get(relocation.map) : undefined;
      if (!map) continue;
      const bytes = map.spec.type === 'ringbuf' ? map.spec.maxEntries : PERF_RING;
      most = Math.min(most, Math.max(1, Math.floor(bytes / RECORD_ROOM / batches)));
    }
  }
  return most;
}

async function startWorkers(
  machine: Machine,
  program: MachineProgram,
  options: LaneOptions & Pick<WorkerOptions, 'onTrace' | 'onClone'>,
): Promise<WorkerCpu[]> {
  const programs = [...machine.programs];
  const { cpus, engine, profile, fuel, env, onTrace, onClone } = options;
  const common = {
    cpus,
    engine,
    env: { ...env },
    options: { checks: true, profile, ...(fuel === undefined ? {} : { fuel }) },
    images: programs.map((one) => one.code.image),
    program: programs.indexOf(program),
    programType: program.type.name,
    devices: machine.runtime.host.devices,
    onTrace,
    onClone,
  };
  const workers = Array.from(
    { length: cpus },
    (_, cpu) => new WorkerCpu(machine.runtime, { ...common, cpu }),
  );
  await Promise.all(workers.map((worker) => worker.ready()));
  return workers;
}

async function totalCounts(
  programs: readonly MachineProgram[],
  workers: readonly WorkerCpu[],
): Promise<ProgramCounts[]> {
  const totals = programs.map((program) => ({ program, counts: program.code.counts().slice() }));
  for (const worker of workers) {
    const counts = await worker.counts();
    totals.forEach((total, k) => {
      counts[k]!.forEach((count, i) => {
        total.counts[i]! += count;
      });
    });
  }
  return totals;
}

/** Bytes of a perf event's ring, per CPU. */
const PERF_RING = 256 << 10;
const RECORD_TYPES = /^(ringbuf|perf_event_array)$/;

function keep(log: RecordLog, map: KernelMap): void {
  const records = map.drain();
  log.count += records.length;
  log.lost = map.lost;
  for (const record of records) {
    if (log.first.length >= KEEP) return;
    log.first.push(record);
  }
}
