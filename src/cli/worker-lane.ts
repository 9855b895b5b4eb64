import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
} from 'node:worker_threads';
import { BugError } from '../base/index.ts';
import type { ProgramFault } from '../engine/index.ts';
import type { Lane, LaneFault, PacketRing } from '../machine/index.ts';
import type { HostDevice, Runtime } from '../runtime/index.ts';
import {
  COMMAND,
  type DeviceList,
  type FaultMessage,
  RING,
  STATE,
  type WorkerMessage,
  type WorkerSetup,
} from './worker-protocol.ts';

const CONTROL_BYTES = 64;

type WaitAsync = (
  words: Int32Array,
  index: number,
  value: number,
) => { readonly async: boolean; readonly value: Promise<string> | string };

const waitAsync = (Atomics as unknown as { readonly waitAsync: WaitAsync }).waitAsync;

export interface WorkerOptions extends Omit<WorkerSetup, 'control' | 'memory'> {
  /** The machine's devices; they may become more. */
  readonly devices: ReadonlyMap<number, HostDevice>;
  readonly onClone: (ifindex: number) => void;
  readonly onTrace: (line: string) => void;
}

/** A CPU that is a thread of its own, on the machine's shared memory. */
export class WorkerCpu {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #control: Int32Array;
  readonly #failed: Promise<never>;
  readonly #options: WorkerOptions;
  #devices = 0;
  #faults: readonly LaneFault[] = [];
  #counts: readonly Float64Array[] = [];

  constructor(runtime: Runtime, options: WorkerOptions) {
    const { onTrace: _trace, onClone: _clone, devices: _devices, ...plain } = options;
    const control = runtime.allocate(CONTROL_BYTES, CONTROL_BYTES);
    const channel = new MessageChannel();
    const setup: WorkerSetup = { ...plain, memory: runtime.memory, control };
    this.#options = options;
    this.#control = new Int32Array(runtime.memory.buffer, control, CONTROL_BYTES / 4);
    Atomics.store(this.#control, STATE, COMMAND.starting);
    this.#port = channel.port1;
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: { ...setup, port: channel.port2 },
      transferList: [channel.port2],
    });
    this.#failed = new Promise((_, fail) => {
      this.#worker.once('error', (error) =>
        fail(new BugError(`CPU ${options.cpu} stopped: ${error.message}`, { cause: error })),
      );
    });
    this.#failed.catch(() => undefined);
  }

  /** Resolves when the thread is ready for packets. */
  async ready(): Promise<void> {
    await this.#until(COMMAND.starting);
  }

  /** Runs the program over what is in the ring. One ring at a time. */
  async run(ring: PacketRing): Promise<readonly LaneFault[]> {
    this.#faults = [];
    this.#tellDevices();
    this.#control.set([ring.count, ring.contexts, ring.results, ring.times], RING);
    await this.#command(COMMAND.run);
    return this.#faults;
  }

  /** Executions per instruction in this thread, for each program in the order of `images`. */
  async counts(): Promise<readonly Float64Array[]> {
    await this.#command(COMMAND.counts);
    return this.#counts;
  }

  async stop(): Promise<void> {
    Atomics.store(this.#control, STATE, COMMAND.stop);
    Atomics.notify(this.#control, STATE);
    this.#port.close();
    await this.#worker.terminate();
  }

  /** Helpers in the thread see the devices the machine has now. */
  #tellDevices(): void {
    const { devices } = this.#options;
    if (devices.size === this.#devices) return;
    this.#devices = devices.size;
    const list: DeviceList = [...devices];
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a MessagePort has none
    this.#port.postMessage(list);
  }

  async #command(command: number): Promise<void> {
    Atomics.store(this.#control, STATE, command);
    Atomics.notify(this.#control, STATE);
    await this.#until(command);
    this.#receive();
  }

  /** Waits until the control word is something else than `value`. */
  async #until(value: number): Promise<void> {
    while (Atomics.load(this.#control, STATE) === value) {
      const result = waitAsync(this.#control, STATE, value);
      if (result.async) await Promise.race([result.value, this.#failed]);
    }
  }

  #receive(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (!received) return;
      const message = received.message as WorkerMessage;
      if (message.kind === 'faults') this.#faults = message.faults.map(revived);
      else if (message.kind === 'counts') this.#counts = message.counts;
      else if (message.kind === 'clone') this.#options.onClone(message.ifindex);
      else this.#options.onTrace(message.line);
    }
  }
}

/** A lane whose program runs on such a CPU. */
export class WorkerLane implements Lane {
  readonly ring: PacketRing;
  faults: readonly LaneFault[] = [];
  readonly #cpu: WorkerCpu;

  constructor(ring: PacketRing, cpu: WorkerCpu) {
    this.ring = ring;
    this.#cpu = cpu;
  }

  async run(): Promise<void> {
    this.faults = this.ring.count === 0 ? [] : await this.#cpu.run(this.ring);
  }
}

function revived({ slot, message, ...facts }: FaultMessage): LaneFault {
  const error = new Error(message);
  error.name = 'ProgramFault';
  return { slot, fault: Object.assign(error, facts) as ProgramFault };
}
