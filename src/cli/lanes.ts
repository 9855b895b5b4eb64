import { loadObject } from '../client/index.ts';
import type { BtfInput } from '../btf/index.ts';
import type { Engine } from '../engine/index.ts';
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
} from '../machine/index.ts';
import type { ObjectFile } from '../object/index.ts';
import { WorkerLane } from './worker-lane.ts';

/** Packets per lane and batch, and bytes for their frames: what fits the second-level cache. */
const RING = { capacity: 1024, bytes: 2 << 20 };
/** With the room of a driver's page for each packet. */
const ROOMY_RING = { capacity: 256, bytes: 2 << 20 };
/** With several CPUs: fewer hand-overs between threads are worth more than cache. */
const SHARED_RING = { capacity: 8192, bytes: 8 << 20 };
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
  readonly runner: PacketRunner;
  /** Where captures are read to. */
  readonly storage: LinearStorage;
  readonly records: ReadonlyMap<string, RecordLog>;
  /** Takes out what ring buffers hold, so that they do not fill up. */
  collect(): void;
  readonly trace: TraceLog;
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
  const engine = await engineFor(options);
  const settings = { engine, cpus, profile, onTrace, shared: cpus > 1, ...fuel };
  const { machine, network } = await bootMachine(settings);
  const loaded = loadObject(machine, object, { globals, programs: [name] });
  const program = loaded.programs.get(name) as MachineProgram;
  const rings = makeRings(machine, network.hookOf(program), options);
  const lanes =
    cpus === 1
      ? [new LocalLane(rings[0]!, program.code)]
      : await startWorkers(machine, program, rings, { ...options, onTrace });
  const buffers = [...loaded.maps].filter(([, map]) => RECORD_TYPES.test(map.spec.type ?? ''));
  const records = new Map<string, RecordLog>(
    buffers.map(([mapName]) => [mapName, { count: 0, lost: 0, first: [] }]),
  );
  return {
    machine,
    network,
    program,
    maps: loaded.maps,
    runner: new PacketRunner(lanes, 0),
    storage: new LinearStorage(machine.runtime),
    records,
    trace,
    collect() {
      for (const [mapName, map] of buffers) keep(records.get(mapName)!, map);
    },
    counts: () => totalCounts([...machine.programs], lanes),
    async close() {
      for (const lane of lanes) if (lane instanceof WorkerLane) await lane.stop();
      for (const one of loaded.programs.values()) one.close();
    },
  };
}

/** The wasm engine keeps what it compiled on disk, unless it is to count or there is no place. */
async function engineFor(options: LaneOptions): Promise<Engine | EngineName> {
  const { cacheFolder, cachedWasmEngine } = await import('./compile-cache.ts');
  const folder = cacheFolder(options.env);
  return options.engine === 'wasm' && folder ? cachedWasmEngine(folder) : options.engine;
}

function makeRings(
  machine: Machine,
  hook: PacketHook,
  { cpus, inPlace }: LaneOptions,
): PacketRing[] {
  const roomy = machine.changesPackets();
  const size = cpus > 1 ? SHARED_RING : roomy ? ROOMY_RING : RING;
  const shape = { ...size, roomy, inPlace };
  return Array.from({ length: cpus }, () => new PacketRing(machine.runtime, hook, shape));
}

async function startWorkers(
  machine: Machine,
  program: MachineProgram,
  rings: readonly PacketRing[],
  options: LaneOptions & { readonly onTrace: (line: string) => void },
): Promise<WorkerLane[]> {
  const programs = [...machine.programs];
  const { profile, fuel } = options;
  const lanes = rings.map(
    (ring, cpu) =>
      new WorkerLane(ring, {
        cpu,
        cpus: rings.length,
        engine: options.engine,
        options: { checks: true, profile, ...(fuel === undefined ? {} : { fuel }) },
        images: programs.map((one) => one.code.image),
        program: programs.indexOf(program),
        programType: program.type.name,
        onTrace: options.onTrace,
      }),
  );
  await Promise.all(lanes.map((lane) => lane.ready()));
  return lanes;
}

async function totalCounts(
  programs: readonly MachineProgram[],
  lanes: readonly (LocalLane | WorkerLane)[],
): Promise<ProgramCounts[]> {
  const totals = programs.map((program) => ({ program, counts: program.code.counts().slice() }));
  for (const lane of lanes) {
    if (!(lane instanceof WorkerLane)) continue;
    const counts = await lane.counts();
    totals.forEach((total, k) => {
      counts[k]!.forEach((count, i) => {
        total.counts[i]! += count;
      });
    });
  }
  return totals;
}

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
