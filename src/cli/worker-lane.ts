import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
} from 'node:worker_threads';
import { BugError } from '../base/index.ts';
import type { ProgramFault } from '../engine/index.ts';
import type { Ingress, Lane, LaneFault, PacketRing, SharedPart } from '../machine/index.ts';
import type { HostDevice, Runtime } from '../runtime/index.ts';
import {
  COMMAND,
  CONTROL_WORDS,
  commandWords,
  DONE,
  type FaultMessage,
  GIVEN,
  type WorkerMessage,
  type WorkerNews,
  type WorkerSetup,
} from './worker-protocol.ts';

const ETHERNET = 1;

type WaitAsync = (
  words: Int32Array,
  index: number,
  value: number,
) => { readonly async: boolean; readonly value: Promise<string> | string };

const waitAsync = (Atomics as unknown as { readonly waitAsync: WaitAsync }).waitAsync;

export interface WorkerOptions extends Omit<WorkerSetup, 'memory'> {
  /** The machine's devices; they may become more. */
  readonly devices: ReadonlyMap<number, HostDevice>;
  readonly onClone: (ifindex: number) => void;
  readonly onTrace: (line: string) => void;
}

/** Room for the control words of one CPU. Returns its address. */
export function allocateControl(runtime: Runtime): number {
  const address = runtime.allocate(CONTROL_WORDS * 4, 64);
  const words = new Int32Array(runtime.memory.buffer, address, CONTROL_WORDS);
  words.fill(0);
  Atomics.store(words, DONE, -1);
  return address;
}

/** A CPU that is a thread of its own, on the machine's shared memory. */
export class WorkerCpu {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #control: Int32Array;
  #failure: BugError | undefined;
  readonly #options: WorkerOptions;
  #devices = 0;
  #ingress = 0;
  readonly #faults = new Map<number, readonly LaneFault[]>();
  #counts: readonly Float64Array[] = [];

  constructor(runtime: Runtime, options: WorkerOptions) {
    const { onTrace: _trace, onClone: _clone, devices: _devices, ...plain } = options;
    const channel = new MessageChannel();
    const setup: WorkerSetup = { ...plain, memory: runtime.memory };
    this.#options = options;
    const control = options.controls[options.cpu]!;
    this.#control = new Int32Array(runtime.memory.buffer, control, CONTROL_WORDS);
    this.#port = channel.port1;
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: { ...setup, port: channel.port2 },
      transferList: [channel.port2],
    });
    this.#worker.once('error', (error) => {
      this.#failure = new BugError(`CPU ${options.cpu} stopped: ${error.message}`, {
        cause: error,
      });
      Atomics.notify(this.#control, DONE);
    });
  }

  /** Resolves when the thread is ready for packets. */
  async ready(): Promise<void> {
    await this.#until(0);
  }

  /** Gives the thread packets for ring number `ring`; resolves to its faults. */
  async run(ring: number, part: SharedPart): Promise<readonly LaneFault[]> {
    this.#tellNews(part.ingress);
    const { count, bytes, lastStep } = part;
    const run = this.#give(COMMAND.run, ring, count, bytes, lastStep);
    await this.#until(run);
    this.#receive();
    const faults = this.#faults.get(run) ?? [];
    this.#faults.delete(run);
    return faults;
  }

  /** Executions per instruction in this thread, for each program in the order of `images`. */
  async counts(): Promise<readonly Float64Array[]> {
    await this.#until(this.#give(COMMAND.counts));
    this.#receive();
    return this.#counts;
  }

  async stop(): Promise<void> {
    this.#give(COMMAND.stop);
    this.#port.close();
    await this.#worker.terminate();
  }

  /** Helpers in the thread see the devices the machine has now. */
  #tellNews(ingress: readonly Ingress[]): void {
    const { devices } = this.#options;
    if (devices.size === this.#devices && ingress.length === this.#ingress) return;
    this.#devices = devices.size;
    this.#ingress = ingress.length;
    const news: WorkerNews = {
      devices: [...devices],
      ingress: ingress.map(({ ifindex, linkType = ETHERNET }) => ({ ifindex, linkType })),
    };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a MessagePort has none
    this.#port.postMessage(news);
  }

  /** Returns the command's number, from 1. */
  #give(...words: number[]): number {
    const given = Atomics.load(this.#control, GIVEN);
    this.#control.set(words, commandWords(given));
    Atomics.store(this.#control, GIVEN, given + 1);
    Atomics.notify(this.#control, GIVEN);
    return given + 1;
  }

  /** Waits until so many commands are done. */
  async #until(count: number): Promise<void> {
    for (;;) {
      const done = Atomics.load(this.#control, DONE);
      if (done >= count) return;
      const result = waitAsync(this.#control, DONE, done);
      if (this.#failure) throw this.#failure;
      if (result.async) await result.value;
    }
  }

  #receive(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (!received) return;
      const message = received.message as WorkerMessage;
      if (message.kind === 'faults') this.#faults.set(message.run, message.faults.map(revived));
      else if (message.kind === 'counts') this.#counts = message.counts;
      else if (message.kind === 'clone') this.#options.onClone(message.ifindex);
      else this.#options.onTrace(message.line);
    }
  }
}

/** A lane whose program runs on such a CPU, with the CPU's ring of this number. */
export class WorkerLane implements Lane {
  readonly ring: PacketRing;
  faults: readonly LaneFault[] = [];
  readonly #cpu: WorkerCpu;
  readonly #number: number;

  constructor(ring: PacketRing, cpu: WorkerCpu, number: number) {
    this.ring = ring;
    this.#cpu = cpu;
    this.#number = number;
  }

  async run(part: SharedPart): Promise<void> {
    this.faults = [];
    this.faults = await this.#cpu.run(this.#number, part);
  }
}

function revived({ slot, message, ...facts }: FaultMessage): LaneFault {
  const error = new Error(message);
  error.name = 'ProgramFault';
  return { slot, fault: Object.assign(error, facts) as ProgramFault };
}
