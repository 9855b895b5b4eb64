/** One packet's run, recorded on a machine of its own, and looked at step by step. */
import { createMachine, type Host, type LoadedObject } from 'beeyard';
import {
  contextPacket,
  pointed,
  type RecordedFrame,
  type Recording,
  stackOf,
  Stepper,
} from 'beeyard/debug';
import type { RecordedRun, RegisterValue, StepState } from '../protocol.ts';
import { mapStates } from './map-states.ts';
import { type Objects, withTypes } from './objects.ts';

const DEVICE = 'eth0';

interface Held {
  readonly host: Host;
  readonly stepper: Stepper;
  readonly recording: Recording;
  readonly loaded: LoadedObject;
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
    const object = this.#objects.object(name);
    const stepper = new Stepper();
    const { host, loaded } = await withTypes(async (kernel) => {
      const host = await createMachine({
        engine: stepper.engine,
        kernel,
        devices: { [DEVICE]: {} },
      });
      return { host, loaded: await host.load(object, { programs: [program] }) };
    });
    const target = loaded.programs[program];
    if (!target) throw loaded.refused.get(program) ?? new Error(`${program} was not loaded`);
    const run = (data: Uint8Array): string => {
      const { verdict, returnValue } = target.run({ data, device: DEVICE });
      return verdict === `unknown ${returnValue}` ? `returned ${returnValue}` : verdict;
    };
    for (const packet of packets.slice(0, -1)) run(packet);
    let outcome = '';
    const recording = stepper.record(() => (outcome = run(packets.at(-1)!)));
    if (recording.failure !== undefined) outcome = (recording.failure as Error).message;
    if (recording.length === 0) throw recording.failure ?? new Error('no program ran');
    this.#held = { host, stepper, recording, loaded };
    return { ...stepsOf(recording, program), outcome, before: packets.length - 1 };
  }

  /** Brings the machine to what it was before a step. */
  step(step: number): StepState {
    if (!this.#held) throw new Error('nothing was recorded');
    const { recording, stepper, loaded } = this.#held;
    const [frame] = recording.goTo(step);
    const { runtime } = stepper;
    return {
      registers: registersOf(frame!, this.#held),
      stack: stackOf(runtime, frame!),
      packet: contextPacket(runtime, frame!.image),
      maps: mapStates(loaded),
    };
  }
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
