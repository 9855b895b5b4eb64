import type { OwnKfunc } from '../abi/index.ts';
import { loadObject } from '../client/index.ts';
import type { BtfInput } from '../btf/index.ts';
import type { KernelMap, KernelRecord } from '../kernel/index.ts';
import {
  bootMachine,
  type EngineName,
  LinearStorage,
  LocalLane,
  type Machine,
  type MachineOptions,
  type MachineProgram,
  type Network,
  PacketRing,
  PacketRunner,
  type RingOptions,
  RunTotals,
  SharedBatch,
} from '../machine/index.ts';
import type { ObjectFile } from '../object/index.ts';
import type { MapHash, MemoryModelOptions } from '../runtime/index.ts';
import { cachingEngine } from './caching-engine.ts';
import { recordRoom } from './record-room.ts';
import type { TimerFaultLog } from './timer-report.ts';
import { allocateControl, WorkerCpu, WorkerLane, type WorkerOptions } from './worker-lane.ts';
import { QUEUE } from './worker-protocol.ts';

/** Packets per lane and batch, and bytes for their frames: what fits the second-level cache. */
const RING = { capacity: 1024, bytes: 2 << 20 };
/** With the room of a driver's page for each packet. */
const ROOMY_RING = { capacity: 256, bytes: 2 << 20 };
/** With several CPUs: fewer hand-overs between threads are worth more than cache. */
const SHARED_RING = { capacity: 4096, bytes: 8 << 20 };
/**
 * Batches under way with several CPUs: they work on some while others are made and counted, because
 * waking a thread takes as long as running hundreds of packets.
 */
const UNDER_WAY = QUEUE;
/** Records kept for the report; all are counted. */
const KEEP = 1000;

export interface LaneOptions {
  readonly engine: EngineName;
  readonly cpus: number;
  readonly profile: boolean;
  readonly globals: Readonly<Record<string, BtfInput>>;
  readonly fuel: number | undefined;
  readonly mapHash: MapHash;
  /** Of the seeds of hash maps and of random numbers. */
  readonly seed: number;
  /** False: programs run unseen by the verifier, with checks. */
  readonly verify: boolean;
  /** Kernel functions of the user's own; only with one CPU. */
  readonly kfuncs: readonly OwnKfunc[];
  /** Programs may write into the capture's own bytes: nobody needs them afterwards. */
  readonly inPlace: boolean;
  /** The model of the kernel's allocator; only with one CPU. */
  readonly memoryModel: MemoryModelOptions;
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
  /** Callbacks of timers that faulted. */
  readonly timerFaults: TimerFaultLog;
  /** Threads that run packets: one for programs with timers, however many CPUs there are. */
  readonly threads: number;
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
  const { cpus, globals } = options;
  const trace: TraceLog = { count: 0, first: [] };
  const onTrace = logTo(trace);
  const timerFaults: TimerFaultLog = { count: 0, first: [] };
  let collect = () => {};
  const { machine, network } = await boot(options, {
    onTrace,
    onTimer: () => collect(),
    onTimerFault: logTo(timerFaults),
  });
  const loaded = loadObject(machine, object, { globals, programs: [name] });
  const program = loaded.programs.get(name) as MachineProgram;
  const buffers = [...loaded.maps].filter(([, map]) => RECORD_TYPES.test(map.spec.type ?? ''));
  const most = mostPackets(machine, new Map(buffers));
  const hook = network.hookOf(program);
  const threads = machine.usesTimers() ? 1 : cpus;
  const shape = ringShape(machine, { ...options, cpus: threads }, most);
  const makeRing = () => new PacketRing(machine.runtime, hook, shape);
  const clones: CloneCounts = new Map();
  const onClone = (ifindex: number) => void clones.set(ifindex, (clones.get(ifindex) ?? 0) + 1);
  machine.runtime.host.cloneRedirect = (_, ifindex) => {
    onClone(ifindex);
    return 0;
  };
  const { workers, runners } =
    threads === 1
      ? { workers: [], runners: [new PacketRunner([new LocalLane(makeRing(), program.code)], 0)] }
      : await startWorkers(machine, program, { ...options, onTrace, onClone, shape, makeRing });
  const records = new Map<string, RecordLog>(
    buffers.map(([mapName]) => [mapName, { count: 0, lost: 0, first: [] }]),
  );
  collect = () => {
    for (const [mapName, map] of buffers) keep(records.get(mapName)!, map);
  };
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
    timerFaults,
    threads,
    collect,
    counts: () => totalCounts([...machine.programs], workers),
    async close() {
      for (const cpu of workers) await cpu.stop();
      for (const one of loaded.programs.values()) one.close();
    },
  };
}

/** Counts what comes, and keeps the first. */
function logTo<T>(log: { count: number; readonly first: T[] }): (one: T) => void {
  return (one) => {
    if (log.count++ < KEEP) log.first.push(one);
  };
}

type Listeners = Pick<MachineOptions, 'onTrace' | 'onTimer' | 'onTimerFault'>;

async function boot(options: LaneOptions, listeners: Listeners) {
  const { cpus, profile, verify, seed, mapHash, kfuncs, fuel } = options;
  const booted = await bootMachine({
    engine: await cachingEngine(options.engine, options.env),
    shared: cpus > 1,
    cpus,
    profile,
    verify,
    seed,
    mapHash,
    kfuncs,
    ...(fuel === undefined ? {} : { fuel }),
    ...options.memoryModel,
    ...listeners,
  });
  booted.machine.runtime.host.foreignDevices = true;
  return booted;
}

function ringShape(
  machine: Machine,
  { cpus, inPlace }: LaneOptions,
  most: number,
): RingOptions & { readonly capacity: number } {
  const roomy = machine.changesPackets();
  const { capacity, bytes } = cpus > 1 ? SHARED_RING : roomy ? ROOMY_RING : RING;
  return { capacity: Math.min(capacity, most), bytes, roomy, inPlace };
}

/**
 * Packets between two readings of the buffers, so that these have room: the run is as if a reader
 * were always fast enough.
 */
function mostPackets(machine: Machine, buffers: ReadonlyMap<string, KernelMap>): number {
  let most = Infinity;
  const batches = machine.cpus === 1 ? 1 : UNDER_WAY;
  const programs = [...machine.programs];
  const room = programs.reduce((most, { spec }) => Math.max(most, recordRoom(spec.insns)), 0);
  for (const { spec } of programs) {
    for (const relocation of spec.relocations) {
      const map = 'map' in relocation ? buffers.get(relocation.map) : undefined;
      if (!map) continue;
      const bytes = map.spec.type === 'ringbuf' ? map.spec.maxEntries : PERF_RING;
      most = Math.min(most, Math.max(1, Math.floor(bytes / room / batches)));
    }
  }
  return most;
}

interface WorkerPlan extends LaneOptions, Pick<WorkerOptions, 'onTrace' | 'onClone' | 'shape'> {
  readonly makeRing: () => PacketRing;
}

/** Starts a thread per CPU, and makes what is needed to have UNDER_WAY batches under way. */
async function startWorkers(machine: Machine, program: MachineProgram, plan: WorkerPlan) {
  const programs = [...machine.programs];
  const { runtime } = machine;
  const { cpus, engine, profile, fuel, env, onTrace, onClone, shape, makeRing } = plan;
  const all = Array.from({ length: cpus }, (_, cpu) => cpu);
  const sets = Array.from({ length: UNDER_WAY }, () => ({
    batch: new SharedBatch(runtime, shape.capacity),
    rings: all.map(makeRing),
  }));
  const common = {
    cpus,
    engine,
    env: { ...env },
    options: {
      checks: !programs.every(({ verified }) => verified),
      profile,
      ...(fuel === undefined ? {} : { fuel }),
    },
    images: programs.map((one) => one.code.image),
    program: programs.indexOf(program),
    programType: program.type.name,
    devices: runtime.host.devices,
    controls: all.map(() => allocateControl(runtime)),
    shape,
    onTrace,
    onClone,
  };
  const ringsOf = (cpu: number) =>
    sets.map(({ batch, rings }) => ({ ring: rings[cpu]!.memory, batch: batch.address }));
  const workers = all.map((cpu) => new WorkerCpu(runtime, { ...common, cpu, rings: ringsOf(cpu) }));
  await Promise.all(workers.map((worker) => worker.ready()));
  const totals = new RunTotals(0);
  const runners = sets.map(({ batch, rings }, k) => {
    const lanes = workers.map((worker, cpu) => new WorkerLane(rings[cpu]!, worker, k));
    return new PacketRunner(lanes, totals, batch);
  });
  return { workers, runners };
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
