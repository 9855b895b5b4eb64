/** One packet's run, recorded on a machine of its own, and looked at step by step. */
import { createMachine, type Host, type LoadedObject } from 'beeyard';
import {
  type Access,
  type Breakpoint,
  breakpointAt,
  breakpointText,
  contextPacket,
  DebugSession,
  lastAccesses,
  linesOf,
  packetBounds,
  pointed,
  type RecordedFrame,
  type Recording,
  stackOf,
  Stepper,
  watchedMap,
} from 'beeyard/debug';
import { WATCH } from '../model/stops.ts';
import type {
  RecordedRun,
  RegisterValue,
  StepState,
  Stop,
  Touched,
  TouchedBy,
} from '../protocol.ts';
import { mapStates } from './map-states.ts';
import { type Objects, withTypes } from './objects.ts';

const DEVICE = 'eth0';

/** A machine with one device, and the program on it. Rejects with VerifierError. */
export async function machineWith(
  objects: Objects,
  name: string,
  program: string,
  options: { readonly profile?: boolean } = {},
) {
  const stepper = new Stepper();
  const { host, loaded } = await withTypes(async (kernel) => {
    const devices = { [DEVICE]: {} };
    const host = await createMachine({ ...options, engine: stepper.engine, kernel, devices });
    return { host, loaded: await host.load(objects.object(name), { programs: [program] }) };
  });
  const target = loaded.programs[program];
  if (!target) throw loaded.refused.get(program) ?? new Error(`${program} was not loaded`);
  const run = (data: Uint8Array): string => {
    const { verdict, returnValue } = target.run({ data, device: DEVICE });
    return verdict === `unknown ${returnValue}` ? `returned ${returnValue}` : verdict;
  };
  return { stepper, host, loaded, run };
}

interface Held {
  readonly host: Host;
  readonly stepper: Stepper;
  readonly recording: Recording;
  readonly loaded: LoadedObject;
  readonly program: string;
}

export class Runs {
  readonly #objects: Objects;
  #held: Held | undefined;

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  /** Runs the packets on a new machine, the last one recorded. Rejects with VerifierError. */
  async record(
    name: string,
    program: string,
    packets: readonly Uint8Array[],
  ): Promise<RecordedRun> {
    this.#held?.recording.finish();
    this.#held?.host[Symbol.dispose]();
    this.#held = undefined;
    const { stepper, host, loaded, run } = await machineWith(this.#objects, name, program);
    for (const packet of packets.slice(0, -1)) run(packet);
    let outcome = '';
    const recording = stepper.record(() => (outcome = run(packets.at(-1)!)));
    if (recording.failure !== undefined) outcome = (recording.failure as Error).message;
    if (recording.length === 0) throw recording.failure ?? new Error('no program ran');
    this.#held = { host, stepper, recording, loaded, program };
    return { ...stepsOf(recording, program), outcome, before: packets.length - 1 };
  }

  /** Brings the machine to what it was before a step. */
  step(step: number): StepState {
    const { recording, stepper, loaded } = this.#recorded();
    const [frame] = recording.goTo(step);
    const { runtime } = stepper;
    const state = {
      registers: registersOf(frame!, this.#recorded()),
      stack: stackOf(runtime, frame!),
      packet: contextPacket(runtime, frame!.image),
    };
    // Last: to look into queues and ring buffers is to empty them, until the next `goTo`.
    return { ...state, maps: mapStates(loaded) };
  }

  /** To the next breakpoint, or back to the one before. Throws TypeError for one that is none. */
  resume(step: number, stops: readonly string[], way: 'forward' | 'back'): Stop {
    const session = new DebugSession(this.#recorded().recording);
    for (const stop of stops) session.add(this.#breakpoint(stop));
    session.goTo(step);
    const reason = session.resume(way);
    return {
      step: session.at,
      hit: reason.kind === 'breakpoint' ? breakpointText(reason.breakpoint) : undefined,
    };
  }

  #breakpoint(stop: string): Breakpoint {
    const { program, loaded, stepper } = this.#recorded();
    if (!stop.startsWith(WATCH)) return breakpointAt(stop, program);
    const map = loaded.maps[stop.slice(WATCH.length)];
    if (!map) throw new TypeError(`the object has no map '${stop.slice(WATCH.length)}'`);
    return { kind: 'write', map: watchedMap(stepper.runtime, map) };
  }

  /** Who read and wrote these bytes of the packet before a step. */
  touched(step: number, at: number, length: number): Touched {
    const { recording, stepper } = this.#recorded();
    const [frame] = recording.goTo(step);
    const bounds = packetBounds(stepper.runtime, frame!.image);
    if (!bounds) return {};
    const range = { address: bounds.start + at, size: length };
    const { read, written } = lastAccesses(recording, stepper.runtime, range, step);
    return { read: read && touchedBy(read), written: written && touchedBy(written) };
  }

  #recorded(): Held {
    if (!this.#held) throw new Error('nothing was recorded');
    return this.#held;
  }
}

function touchedBy({ step, insn, image }: Access): TouchedBy {
  const found = linesOf(image).at(insn);
  const line = found && { file: found.file, line: found.line, text: found.text };
  return { step, insn, program: image.name, ...(line && { line }) };
}

function stepsOf(recording: Recording, program: string) {
  const insns = new Int32Array(recording.length);
  const frames = new Uint8Array(recording.length);
  for (let i = 0; i < recording.length; i++) {
    const { image, insn, frame } = recording.step(i);
    insns[i] = image.name === program ? insn : -1;
    frames[i] = frame;
  }
  const others = recording.images.map(({ name }) => name).filter((name) => name !== program);
  return { insns, frames, program, others };
}

function registersOf({ registers, image }: RecordedFrame, held: Held): RegisterValue[] {
  return registers.map((value) => {
    const hex = `0x${value.toString(16).padStart(16, '0')}`;
    const found = pointed(held.stepper.runtime, image, value);
    if (!found) return { hex, text: String(BigInt.asIntN(64, value)) };
    const offset = found.offset < 0 ? String(found.offset) : `+${found.offset}`;
    const map = Object.values(held.loaded.maps).find(({ kernelMap }) => kernelMap.id === found.map);
    if (found.to === 'map') return { hex, text: `map ${map?.name ?? found.map}` };
    if (found.to === 'map value') return { hex, text: `value of ${map?.name ?? '?'} ${offset}` };
    return { hex, text: `${found.to === 'stack' ? 'fp' : found.to}${offset}` };
  });
}
