import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Host, type MapOf, type Program } from '../client/index.ts';
import type { NetworkCapture, NetworkTrace, PacketTrace } from '../kernel/index.ts';
import { bootMachine, type EngineName, type Network } from '../machine/index.ts';
import type { ObjectFile } from '../object/index.ts';
import { type PacketBatch, writeCapture } from '../tools/pcap/index.ts';
import { CaptureFile } from './capture.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { accessFile, fileError, readObject } from './files.ts';
import { frameOf } from './frames.ts';
import { asUsage, parseGlobals } from './inputs.ts';
import { type CliIo, styleFor } from './io.ts';
import { readTopology, type Topology } from './net-topology.ts';
import { PathPrinter, type TracePrinter, JsonPrinter } from './net-print.ts';

const TWO_32 = 0x1_0000_0000;

/** `beeyard net trace`. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const pcap = call.text('pcap');
  if (pcap === undefined) throw usageError("'beeyard net trace' needs a capture: --pcap FILE");
  const limit = call.count('limit', Number.POSITIVE_INFINITY, 1, 1e12);
  if (pcap !== '-') accessFile(pcap, io);
  const file = call.text('topology');
  const topology = file === undefined ? undefined : await readTopology(file, io);
  const objects = call.operands.map((path) => readObject(path, io));
  const entry = call.text('device') ?? topology?.device ?? 'eth0';
  const { host, network } = await boot(call, topology, entry);
  using _host = host;
  await prepare(call, io, host, objects, topology, entry);
  const device = network.device(entry);
  const tap = call.text('tap');
  if (tap !== undefined) network.device(tap);
  const output = call.text('out');
  using capture = output === undefined ? undefined : startTap(network, tap);
  using trace = host.net.trace();
  const printer: TracePrinter = call.json
    ? new JsonPrinter(io, call.flag('pretty'))
    : new PathPrinter(io);
  const reading = new CaptureFile(pcap, io);
  const receiver = call.flag('send') ? (device.peer ?? device) : device;
  const addressee = call.flag('to-device') ? receiver.address : undefined;
  const play = new Player(host, printer, trace);
  for await (const batch of reading.batches()) {
    for (let i = 0; i < batch.count && play.played < limit; i++) {
      const packet = frameOf(batch, i, reading, addressee);
      play.packet(batch, i, () =>
        call.flag('send') ? device.transmit(packet) : device.receive(packet),
      );
    }
    if (io.interrupt?.aborted || play.played >= limit) break;
  }
  play.finish();
  if (output !== undefined && capture) saveCapture(output, capture, io);
  if (reading.problem) {
    io.err(`${styleFor(io.errorColor).warn('note:')} ${pcap}: ${reading.problem.message}\n`);
  }
  return io.interrupt?.aborted ? EXIT.interrupted : EXIT.ok;
}

async function boot(
  call: CommandCall,
  topology: Topology | undefined,
  entry: string,
): Promise<{ host: Host; network: Network }> {
  const given = topology ?? { devices: { [entry]: {} } };
  const { cpus, devices, namespaces, routes, neighbours } = given;
  const { machine, network } = await bootMachine({
    engine: (call.text('engine') ?? 'wasm') as EngineName,
    ...(cpus === undefined ? {} : { cpus }),
    ...(devices ? { devices } : {}),
    ...(namespaces ? { namespaces } : {}),
    ...(routes ? { routes } : {}),
    ...(neighbours ? { neighbours } : {}),
  });
  return { host: new Host(machine, network.devices, network), network };
}

/** Loads the objects, attaches programs, fills maps. */
async function prepare(
  call: CommandCall,
  io: CliIo,
  host: Host,
  objects: readonly ObjectFile[],
  topology: Topology | undefined,
  entry: string,
): Promise<void> {
  const programs: Record<string, Program> = {};
  const maps: Record<string, MapOf> = {};
  for (const object of objects) {
    const globals = { ...topology?.globals, ...parseGlobals(call.list('global'), object) };
    const loaded = await host.load(object, { globals });
    Object.assign(programs, loaded.programs);
    Object.assign(maps, loaded.maps);
    for (const [name, error] of loaded.refused) {
      const note = styleFor(io.errorColor).warn('note:');
      io.err(`${note} '${name}' was not loaded: ${error.message.split('\n')[0]}\n`);
    }
  }
  attachAll(call, programs, topology, entry);
  for (const [name, entries] of Object.entries(topology?.maps ?? {})) {
    const map = maps[name];
    if (!map) throw usageError(`the topology fills map '${name}', which no object has`);
    for (const [key, value] of entries) asUsage(`maps.${name}`, () => map.set(key, value));
  }
  await topology?.setup?.({ host, programs, maps });
}

function attachAll(
  call: CommandCall,
  programs: Readonly<Record<string, Program>>,
  topology: Topology | undefined,
  entry: string,
): void {
  const wanted: [string, string][] = call.list('attach').map(splitAttach);
  for (const [name, devices] of Object.entries(topology?.attach ?? {})) {
    for (const device of [devices].flat()) wanted.push([name, device]);
  }
  const names = Object.keys(programs);
  if (wanted.length === 0 && topology?.setup === undefined && names.length > 0) {
    if (names.length > 1) {
      const list = names.map((name) => `  -a ${name}@${entry}`).join('\n');
      throw usageError(`several programs; say which goes where:\n${list}`);
    }
    wanted.push([names[0]!, entry]);
  }
  for (const [name, device] of wanted) {
    const program = programs[name];
    if (!program) {
      throw usageError(`no object has a program '${name}' (there are: ${names.join(', ')})`);
    }
    program.attach({ device });
  }
}

function splitAttach(text: string): [string, string] {
  const at = text.indexOf('@');
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
  throw usageError(`--attach takes PROG@DEVICE, not '${text}'`);
}

function startTap(network: Network, device: string | undefined): NetworkCapture {
  return network.capture(
    device === undefined ? { direction: 'out' } : { device, direction: 'both' },
  );
}

export function saveCapture(path: string, capture: NetworkCapture, io: CliIo): void {
  const format = path.endsWith('.pcapng') ? 'pcapng' : 'pcap';
  try {
    writeFileSync(
      resolve(io.cwd, path),
      writeCapture(capture.packets, { format, nanoseconds: true }),
    );
  } catch (error) {
    throw fileError(path, error);
  }
}

/** Plays packets at their times and prints what came of each. */
class Player {
  played = 0;
  readonly #host: Host;
  readonly #printer: TracePrinter;
  readonly #trace: NetworkTrace;
  #first: number | undefined;
  #last = 0;

  constructor(host: Host, printer: TracePrinter, trace: NetworkTrace) {
    this.#host = host;
    this.#printer = printer;
    this.#trace = trace;
  }

  packet(batch: PacketBatch, i: number, play: () => void): void {
    const time = batch.time[2 * i + 1]! * TWO_32 + batch.time[2 * i]!;
    this.#first ??= time;
    const now = Math.max(this.#last, time - this.#first);
    if (now > this.#last) this.#host.net.advance(now - this.#last);
    this.#last = now;
    play();
    this.played++;
    this.#print(false);
  }

  /** Neighbours that were asked and do not answer are given up in the end. */
  finish(): void {
    this.#host.net.advance(10_000_000_000);
    this.#print(true);
    this.#printer.end();
  }

  /** Those that wait for something are printed when they no longer do. */
  #print(all: boolean): void {
    const { packets } = this.#trace;
    const open = all ? -1 : packets.findIndex(waits);
    const upTo = open < 0 ? packets.length : open;
    for (const packet of this.#trace.take(upTo)) this.#printer.packet(packet);
  }
}

function waits({ events }: PacketTrace): boolean {
  const last = events.at(-1);
  return last?.kind === 'neighbour' && last.state === 'asked';
}
