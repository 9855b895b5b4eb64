/** What a debugger looks at: a machine, a program of it, the input of the run that is recorded. */
import { Host, MapOf, type Program } from '../client/index.ts';
import { Stepper, type Recording } from '../engine/interpreter/recording.ts';
import { bootMachine, type Machine } from '../machine/index.ts';
import {
  DebugInfo,
  programMemory,
  type ReadMemory,
  type RecordedFrame,
  type VariableScope,
  type WatchedMap,
  watchedMap,
} from '../debug/index.ts';
import type { ObjectFile, ProgramSpec } from '../object/index.ts';
import { CaptureFile } from './capture.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { firstFrames } from './frames.ts';
import { asUsage, parseGlobals, parseMapEntries } from './inputs.ts';
import type { CliIo } from './io.ts';
import { didYouMean } from './suggest.ts';

/** What is to be debugged. */
export interface DebugTarget {
  readonly object: ObjectFile;
  /** The object as it is in its file, for its debugging information. */
  readonly file: Uint8Array;
  readonly program?: string | undefined;
  readonly pcap?: string | undefined;
  /** Which packet of the capture, from 1. Those before it run first. */
  readonly packet: number;
  /** Packet bytes instead of a capture. */
  readonly data?: Uint8Array | undefined;
  readonly globals: readonly string[];
  readonly maps: readonly string[];
  readonly device: string;
}

/** A recorded run and the machine it happened on. */
export interface Debuggee extends Disposable {
  readonly recording: Recording;
  readonly machine: Machine;
  readonly object: ObjectFile;
  readonly spec: ProgramSpec;
  readonly maps: Readonly<Record<string, MapOf>>;
  readonly packet: Uint8Array | undefined;
  /** What the run gave, for people. */
  readonly outcome: string;
  /** What the programs printed. */
  readonly printed: readonly string[];
  /**
   * Variables that can be seen in an open frame, the innermost function first; undefined: the
   * object has no debugging information. `below`: open calls below it. Throws FormatError.
   */
  variables(frame: RecordedFrame, below: number): readonly VariableScope[] | undefined;
  /** Memory as programs see it while this frame is looked at. */
  memory(frame: RecordedFrame): ReadMemory;
  /** How pointers to a map look. */
  watched(map: MapOf): WatchedMap;
}

/** Boots a machine, plays what comes before, records the run. Throws CliError, KernelError. */
export async function debuggee(target: DebugTarget, io: CliIo): Promise<Debuggee> {
  const { object, device } = target;
  const spec = chosen(object, target.program);
  const stepper = new Stepper();
  const printed: string[] = [];
  let isRecorded = false;
  const { machine, network } = await bootMachine({
    engine: stepper.engine,
    devices: { [device]: {} },
    // A replay prints the same lines again.
    onTrace: (line) => void (isRecorded || printed.push(line)),
  });
  const host = new Host(machine, network.devices, network);
  const globals = parseGlobals(target.globals, object);
  const { programs, maps, refused } = await host.load(object, { programs: [spec.name], globals });
  const program = programs[spec.name];
  if (!program) throw refused.get(spec.name) ?? usageError(`'${spec.name}' was not loaded`);
  for (const { map, key, value } of parseMapEntries(target.maps)) {
    const named = maps[map] ?? unknownMap(map, Object.keys(maps));
    asUsage(`--map ${map}`, () => named.set(key as never, value as never));
  }
  const packets = await packetsOf(target, io);
  for (const packet of packets.slice(0, -1)) runOn(program, packet, device);
  const packet = packets.at(-1);
  let outcome = '';
  const recording = stepper.record(() => {
    outcome = runOn(program, packet, device);
  });
  isRecorded = true;
  if (recording.failure !== undefined) outcome = (recording.failure as Error).message;
  if (recording.length === 0) throw recording.failure ?? usageError('no program ran');
  return {
    recording,
    machine,
    object,
    spec,
    maps,
    packet,
    outcome,
    printed,
    ...variablesOf(target, machine),
    watched: (map) => watchedMap(machine.runtime, map),
    [Symbol.dispose]: () => {
      recording.finish();
      host[Symbol.dispose]();
    },
  };
}

function variablesOf(
  { file }: DebugTarget,
  { runtime }: Machine,
): Pick<Debuggee, 'variables' | 'memory'> {
  let info: { readonly found: DebugInfo | undefined } | undefined;
  const memory = ({ image }: RecordedFrame) => programMemory(runtime, image);
  return {
    memory,
    variables(frame, below) {
      info ??= { found: DebugInfo.read(file) };
      return info.found?.scopes(frame, below, memory(frame));
    },
  };
}

function runOn(program: Program, data: Uint8Array | undefined, device: string): string {
  const { verdict, returnValue } = program.run(data ? { data, device } : {});
  return verdict === `unknown ${returnValue}` ? `returned ${returnValue}` : verdict;
}

function unknownMap(name: string, names: readonly string[]): never {
  throw usageError(`the object has no map '${name}'${didYouMean(name, names)}`);
}

function chosen(object: ObjectFile, name: string | undefined): ProgramSpec {
  const names = object.programs.map((one) => one.name);
  const found = object.programs.filter((one) => name === undefined || one.name === name);
  if (found.length === 1) return found[0]!;
  if (name === undefined) throw usageError(`say which program: --prog ${names.join(' | ')}`);
  throw usageError(`the object has no program '${name}'${didYouMean(name, names)}`);
}

/** The packets to run, the last one recorded; none for programs that see no packets. */
async function packetsOf(target: DebugTarget, io: CliIo): Promise<Uint8Array[]> {
  if (target.data) return [target.data];
  if (target.pcap === undefined) return [];
  const packets = await firstFrames(new CaptureFile(target.pcap, io), target.packet);
  if (packets.length === target.packet) return packets;
  throw new CliError(
    EXIT.input,
    `${target.pcap} has ${packets.length} packets, there is no packet ${target.packet}`,
  );
}

/** Hex digits, spaces and colons between them. Throws CliError. */
export function bytesIn(text: string): Uint8Array {
  const digits = text.replace(/[\s:]|0x/g, '');
  if (!/^([0-9a-f]{2})+$/i.test(digits)) throw usageError(`data takes hex bytes, not '${text}'`);
  return Uint8Array.from(digits.match(/../g)!, (pair) => Number.parseInt(pair, 16));
}
