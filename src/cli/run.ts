import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import type { OwnKfunc } from '../abi/index.ts';
import { MapOf } from '../client/index.ts';
import type { EngineName, Ingress, PacketRunner } from '../machine/index.ts';
import type { ObjectFile, ProgramSpec } from '../object/index.ts';
import { EndlessMoment } from '../runtime/index.ts';
import { type CaptureWriter, createWriter, type PacketBatch } from '../tools/pcap/index.ts';
import { CaptureFile, formatFor, OutputFile } from './capture.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { accessFile, readObject } from './files.ts';
import { asUsage, parseGlobals, parseMapEntries } from './inputs.ts';
import { IngressTable } from './ingress.ts';
import type { CliIo } from './io.ts';
import { styleFor } from './io.ts';
import { kfuncsOf } from './kfunc-file.ts';
import { bootLanes, type RunMachine } from './lanes.ts';
import { memoryModelOf } from './memory-options.ts';
import type { MemoryModelOptions } from '../runtime/index.ts';
import { mapHashOf, seedOf } from './map-hash.ts';
import { Progress } from './progress.ts';
import { hottest, type RunReport, reportJson, reportText } from './run-report.ts';
import { checkDrawn, drawnMaps, leakedObjects, leakText } from './run-owned.ts';
import { closest } from './suggest.ts';
import { timeOption } from './timer-report.ts';
import { toJson } from './values.ts';

/** Fates of packets that go into the output file. */
const SURVIVES = new Set(['pass', 'tx', 'redirect']);

/** What the command line asks for. */
interface RunOptions {
  readonly path: string;
  readonly pcap: string;
  readonly out: string | undefined;
  readonly repeat: number;
  readonly cpus: number;
  readonly engine: EngineName;
  readonly entries: number;
  /** Nanoseconds that time goes on after the last packet. */
  readonly time: number;
}

function optionsOf(call: CommandCall): RunOptions {
  const pcap = call.text('pcap');
  if (pcap === undefined) throw usageError("'beeyard run' needs a capture: --pcap FILE");
  const repeat = call.count('repeat', 1, 1, 1e9);
  if (pcap === '-' && repeat > 1) throw usageError('standard input cannot be read twice');
  return {
    path: call.operands[0]!,
    pcap,
    out: call.text('out'),
    repeat,
    cpus: call.count('cpus', 1, 1, 64),
    engine: (call.text('engine') ?? 'wasm') as EngineName,
    entries: call.count('entries', 8, 0, 1e6),
    time: timeOption(call),
  };
}

/** The model of memory that is asked for: its readers are one after the other. */
function memoryModel(call: CommandCall, { cpus }: RunOptions): MemoryModelOptions {
  const model = memoryModelOf(call);
  if (cpus > 1 && Object.keys(model).length > 0) {
    throw usageError('the model of memory has one CPU: no --gp, --oom, … with --cpus');
  }
  return model;
}

/** Functions of --kfuncs: their bodies are in this thread. */
async function ownKfuncs(call: CommandCall, { cpus }: RunOptions, io: CliIo): Promise<OwnKfunc[]> {
  const file = call.text('kfuncs');
  if (file === undefined) return [];
  if (cpus > 1) throw usageError('--kfuncs runs JavaScript on one CPU: not with --cpus');
  if (call.flag('unverified')) throw usageError('--kfuncs wants the verifier: no --unverified');
  return kfuncsOf(file, io);
}

/** `beeyard run`. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  return runOver(call, io, (report) => sayReport(report, io));
}

/** Runs a program over a capture as `beeyard run` does, and lets `show` say what came of it. */
export async function runOver(
  call: CommandCall,
  io: CliIo,
  show: (report: RunReport) => void,
): Promise<number> {
  const options = optionsOf(call);
  const object = readObject(options.path, io);
  const spec = chooseProgram(object, call.text('prog'), options.path);
  if (!object.littleEndian) {
    throw new CliError(EXIT.input, `${options.path} is big endian: this machine cannot run it`);
  }
  checkInput(options, io);
  const fuel = call.text('fuel') === undefined ? undefined : call.count('fuel', 0, 1, 1e12);
  const globals = parseGlobals(call.list('global'), object);
  const machine = await bootLanes(object, spec.name, {
    engine: options.engine,
    cpus: options.cpus,
    mapHash: mapHashOf(call),
    seed: seedOf(call),
    profile: call.flag('top'),
    globals,
    fuel,
    verify: !call.flag('unverified'),
    kfuncs: await ownKfuncs(call, options, io),
    inPlace: options.out === undefined,
    env: io.env,
    memoryModel: memoryModel(call, options),
  });
  try {
    for (const entry of parseMapEntries(call.list('map'))) setEntry(machine, object, entry);
    checkDrawn(call.list('draw'), machine.maps);
    for (const text of object.notes) note(io, text);
    if (!machine.program.verified) sayNotVerified(spec, io);
    if (machine.threads > 1) sayNoOrder(io);
    else if (options.cpus > 1) sayOneThread(io);
    const ingress = new IngressTable(machine.network, call.text('device'), (text) =>
      note(io, text),
    );
    const state: RunState = { call, io, options, object, machine, ingress };
    const report = await runCaptures(state).catch(asFinding);
    show(report);
    return io.interrupt?.aborted ? EXIT.interrupted : exitCode(report);
  } finally {
    await machine.close();
  }
}

/** The maps are gone afterwards. */
function sayReport(report: RunReport, io: CliIo): void {
  const { call, machine } = report;
  if (call.json) {
    const json = reportJson(report);
    io.out(`${toJson({ ...json, leaked: leakedObjects(machine) }, call.flag('pretty'))}\n`);
    return;
  }
  const style = styleFor(io.color);
  io.out(reportText(report, io.columns, style));
  io.out(leakText(leakedObjects(machine), style));
}

/** Timers that start themselves with no delay are the program's mistake. */
function asFinding(error: unknown): never {
  throw error instanceof EndlessMoment ? new CliError(EXIT.finding, error.message) : error;
}

function sayNotVerified(spec: ProgramSpec, io: CliIo): void {
  note(io, `not verified: '${spec.name}' runs with run-time checks on, nobody has proven it safe`);
}

function sayNoOrder(io: CliIo): void {
  const text =
    'several CPUs: flows run side by side in no fixed order, so what they share can differ from ' +
    'run to run; the clock moves in steps of 10 ms, or of 256 packets where these take longer';
  note(io, text);
}

function sayOneThread(io: CliIo): void {
  note(
    io,
    'the program uses timers: one thread runs all packets, as CPU 0, so that they are in order',
  );
}

function note(io: CliIo, text: string): void {
  io.err(`${styleFor(io.errorColor).warn('note:')} ${text}\n`);
}

/** The program to run: the one named, or the only one that sees packets. */
export function chooseProgram(
  object: ObjectFile,
  name: string | undefined,
  path: string,
): ProgramSpec {
  const names = object.programs.map((one) => one.name);
  if (name !== undefined) {
    const found = object.programs.find((one) => one.name === name);
    if (found) return found;
    const near = closest(name, names);
    const list = near ? `did you mean '${near}'?` : `it has: ${names.join(', ') || 'none'}`;
    throw usageError(`${path} has no program '${name}'; ${list}`);
  }
  const fitting = object.programs.filter((one) => PACKET_TYPES.has(one.type ?? ''));
  if (fitting.length === 1) return fitting[0]!;
  if (fitting.length > 1) {
    const list = fitting.map((one) => `  --prog ${one.name}   (${one.section})`).join('\n');
    throw usageError(`${path} has several programs; say which:\n${list}`);
  }
  const sections = object.programs.map((one) => one.section).join(', ') || 'no program at all';
  throw new CliError(EXIT.input, `${path} has no XDP or tc program (it has: ${sections})`);
}

const PACKET_TYPES = new Set(['xdp', 'sched_cls', 'sched_act']);

/** Refuses captures that cannot be read, and to write over what is being read. */
function checkInput(options: RunOptions, io: CliIo): void {
  if (options.pcap !== '-') accessFile(options.pcap, io);
  if (options.out === undefined || options.pcap === '-') return;
  const real = (path: string) => {
    try {
      return realpathSync(resolve(io.cwd, path));
    } catch {
      return undefined;
    }
  };
  const target = real(options.out);
  if (target !== undefined && (target === real(options.pcap) || target === real(options.path))) {
    throw usageError(`--out ${options.out} would write over an input file`);
  }
}

function setEntry(
  machine: RunMachine,
  object: ObjectFile,
  entry: ReturnType<typeof parseMapEntries>[number],
): void {
  const map = machine.maps.get(entry.map);
  if (!map) {
    const names = [...machine.maps.keys()];
    const near = closest(entry.map, names);
    const list = near ? `did you mean '${near}'?` : `it has: ${names.join(', ')}`;
    throw usageError(`the object has no map '${entry.map}'; ${list}`);
  }
  const typed = new MapOf(map, object.btf, machine.machine.cpus);
  asUsage(`--map ${entry.map}`, () => typed.set(entry.key, entry.value));
}

/** Batches between two looks at the event loop. */
const BATCHES_PER_TURN = 4;
const nextTurn = () => new Promise((resume) => setImmediate(resume));

interface RunState {
  readonly call: CommandCall;
  readonly io: CliIo;
  readonly options: RunOptions;
  readonly object: ObjectFile;
  readonly machine: RunMachine;
  readonly ingress: IngressTable;
}

async function runCaptures(state: RunState): Promise<RunReport> {
  const { io, options, machine, object } = state;
  const progress = new Progress(io);
  const output = options.out === undefined ? undefined : new OutputFile(options.out, io);
  const copier = new Copier(output, options.out ?? '');
  const start = performance.now();
  const open = () => new CaptureFile(options.pcap, io, machine.storage);
  const first = open();
  let capture = first;
  try {
    for (let round = 0; round < options.repeat && !io.interrupt?.aborted; round++) {
      if (round > 0) capture = open();
      machine.runner.restartClock();
      const done = () => progressOf(capture, round, options.repeat);
      await runCapture(state, capture, round === 0 ? copier : undefined, (packets) =>
        progress.update(packets, done),
      );
    }
  } finally {
    progress.clear();
    await output?.close();
  }
  const milliseconds = performance.now() - start;
  if (options.time > 0) {
    machine.machine.advance(options.time);
    machine.collect();
  }
  sayProblem(first, io);
  if (io.interrupt?.aborted) note(io, 'interrupted: this is what ran until then');
  const written = options.out === undefined ? undefined : copier.counts(options.out);
  const hot = state.call.flag('top') ? await hottest(machine) : undefined;
  const { call } = state;
  const drawn = drawnMaps(call.list('draw'), machine, object);
  return { call, options, object, machine, milliseconds, capture: first, written, hot, drawn };
}

function progressOf(capture: CaptureFile, round: number, rounds: number): number | undefined {
  if (capture.size === undefined || capture.size === 0) return undefined;
  return (round + Math.min(1, capture.consumed / capture.size)) / rounds;
}

async function runCapture(
  state: RunState,
  capture: CaptureFile,
  copier: Copier | undefined,
  progress: (packets: number) => void,
): Promise<void> {
  const { machine } = state;
  const { interrupt } = state.io;
  let batches = 0;
  const pipeline = new Pipeline(machine, (batch, runner, from) => {
    machine.collect();
    if (copier?.active) {
      capture.reader.refresh(batch);
      copier.copy(capture, batch, from, runner, state.ingress);
    }
    progress(machine.runner.totals.packets);
  });
  for await (const batch of capture.batches()) {
    await pipeline.run(batch, state.ingress.update(capture.reader.interfaces), () =>
      capture.reader.refresh(batch),
    );
    if (copier?.active) {
      await pipeline.drain();
      await copier.finishBatch(capture, batch);
    }
    if (interrupt?.aborted) break;
    // Lets a signal in: reading a file never waits for anything.
    if (++batches % BATCHES_PER_TURN === 0) await nextTurn();
  }
  await pipeline.drain();
}

type PartDone = (batch: PacketBatch, runner: PacketRunner, from: number) => void;

/** Packets of a batch that a runner has under way, from number `from` on. */
interface Part {
  readonly batch: PacketBatch;
  readonly number: number;
  readonly runner: PacketRunner;
  readonly from: number;
}

/**
 * Runs batches in parts, the runners in turn: one is filled while threads work on another. `done`
 * is called for each part in order, with its runner and its first packet.
 */
class Pipeline {
  readonly #machine: RunMachine;
  readonly #done: PartDone;
  readonly #underWay: Part[] = [];
  #turn = 0;
  #batches = 0;

  constructor(machine: RunMachine, done: PartDone) {
    this.#machine = machine;
    this.#done = done;
  }

  /** May leave parts of this batch under way, none of an older one. `refresh` finds its bytes. */
  async run(batch: PacketBatch, ingress: readonly Ingress[], refresh: () => void): Promise<void> {
    const { runners, storage } = this.#machine;
    const number = this.#batches++;
    for (let from = 0; from < batch.count; ) {
      if (this.#underWay.length === runners.length) await this.#finish();
      const runner = runners[this.#turn++ % runners.length]!;
      refresh();
      const count = runner.fill(batch, from, ingress);
      runner.launch();
      this.#underWay.push({ batch, number, runner, from });
      from += count;
    }
    if (runners.length === 1) return this.drain();
    storage.hold();
    while (this.#underWay.length > 0 && this.#underWay[0]!.number < number) await this.#finish();
  }

  async drain(): Promise<void> {
    while (this.#underWay.length > 0) await this.#finish();
  }

  async #finish(): Promise<void> {
    const { batch, runner, from } = this.#underWay.shift()!;
    await runner.settled();
    this.#done(batch, runner, from);
  }
}

/** Up to here a loop is faster than making two views for the native comparison. */
const SHORT = 512;

function sameBytes(a: Uint8Array, at: number, b: Uint8Array, bt: number, length: number): boolean {
  if (length > SHORT) {
    return Buffer.compare(a.subarray(at, at + length), b.subarray(bt, bt + length)) === 0;
  }
  for (let i = 0; i < length; i++) if (a[at + i] !== b[bt + i]) return false;
  return true;
}

/** Writes the packets that survive, and in pcapng everything between them. */
class Copier {
  readonly active: boolean;
  readonly #output: OutputFile | undefined;
  readonly #path: string;
  #writer: CaptureWriter | undefined;
  #other = 0;
  #changed = 0;

  constructor(output: OutputFile | undefined, path: string) {
    this.#output = output;
    this.#path = path;
    this.active = output !== undefined;
  }

  copy(
    capture: CaptureFile,
    batch: PacketBatch,
    from: number,
    runner: PacketRunner,
    ingress: IngressTable,
  ): void {
    const writer = this.#writerFor(capture);
    for (let k = 0; k < runner.count; k++) {
      const i = from + k;
      this.#others(batch, i);
      if (!SURVIVES.has(runner.fate(k))) continue;
      runner.finish(k);
      const made = ingress.madeHeader(batch.interfaceId[i]!);
      if (made) this.#writeBehindHeader(writer, batch, i, runner, k, made.headerSize);
      else this.#write(writer, batch, i, runner.bytes, runner.dataStart(k), runner.dataLength(k));
    }
  }

  #write(
    writer: CaptureWriter,
    batch: PacketBatch,
    i: number,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): void {
    const from = batch.start[i]!;
    if (length === batch.length[i]! && sameBytes(bytes, start, batch.bytes, from, length)) {
      writer.unchanged(batch, i);
    } else {
      writer.changed(batch, i, bytes, start, length);
      this.#changed++;
    }
  }

  /** Takes the Ethernet header that was made off again and puts the capture's own header back. */
  #writeBehindHeader(
    writer: CaptureWriter,
    batch: PacketBatch,
    i: number,
    runner: PacketRunner,
    k: number,
    headerSize: number,
  ): void {
    const payload = Math.max(0, runner.dataLength(k) - 14);
    const bytes = new Uint8Array(headerSize + payload);
    const from = batch.start[i]!;
    bytes.set(batch.bytes.subarray(from, from + Math.min(headerSize, batch.length[i]!)));
    const start = runner.dataStart(k) + 14;
    bytes.set(runner.bytes.subarray(start, start + payload), headerSize);
    this.#write(writer, batch, i, bytes, 0, bytes.length);
  }

  /** Blocks that stand before packet `i`. */
  #others(batch: PacketBatch, i: number): void {
    const { others } = batch;
    while (this.#other < others.length && others[this.#other]!.before <= i) {
      this.#writer!.other(others[this.#other++]!);
    }
  }

  async finishBatch(capture: CaptureFile, batch: PacketBatch): Promise<void> {
    const writer = this.#writerFor(capture);
    this.#others(batch, batch.count);
    this.#other = 0;
    writer.flush();
    if (writer.output.length > 0) await this.#output!.write(writer.output.take());
  }

  #writerFor(capture: CaptureFile): CaptureWriter {
    const { reader } = capture;
    this.#writer ??= createWriter(reader, formatFor(this.#path, reader.format ?? 'pcap'));
    return this.#writer;
  }

  counts(path: string) {
    return { path, packets: this.#writer?.packets ?? 0, changed: this.#changed };
  }
}

/** Damage in the middle loses nothing before it; without a packet there is nothing to report. */
function sayProblem({ path, problem, reader }: CaptureFile, io: CliIo): void {
  if (!problem) return;
  if (reader.packets === 0) throw new CliError(EXIT.input, `${path}: ${problem.message}`);
  note(io, `${path}: ${problem.message}; the ${reader.packets} packets before that ran`);
}

function exitCode(report: RunReport): number {
  if (report.capture.problem) return EXIT.input;
  const { runner, timerFaults } = report.machine;
  return runner.totals.faults.size + timerFaults.count > 0 ? EXIT.finding : EXIT.ok;
}
