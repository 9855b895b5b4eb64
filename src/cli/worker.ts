/** One CPU of `beeyard run --cpus N`: a thread over the machine's shared memory. */
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { LoadedCode, ProgramImage } from '../engine/index.ts';
import { packetHook, runRing } from '../machine/index.ts';
import { createRuntime, type Runtime } from '../runtime/index.ts';
import { cachingEngine } from './caching-engine.ts';
import {
  COMMAND,
  type DeviceList,
  type FaultMessage,
  RING,
  STATE,
  type WorkerMessage,
  type WorkerSetup,
} from './worker-protocol.ts';

const setup = workerData as WorkerSetup & { readonly port: MessagePort };

async function start(): Promise<void> {
  const engine = await cachingEngine(setup.engine, setup.env);
  const runtime = createRuntime({
    cpus: setup.cpus,
    join: { memory: setup.memory, cpu: setup.cpu },
  });
  runtime.host.trace = (line) => tell({ kind: 'trace', line });
  runtime.host.cloneRedirect = (_, ifindex) => {
    tell({ kind: 'clone', ifindex });
    return 0;
  };
  // The same programs in the same order give the same slots in this thread's function table.
  const codes = setup.images.map((image: ProgramImage) =>
    engine.load(image, runtime, setup.options),
  );
  serve(runtime, codes);
}

/** Waits for commands in the control words until told to stop. */
function serve(runtime: Runtime, codes: readonly LoadedCode[]): void {
  const code = codes[setup.program]!;
  const hook = packetHook(setup.programType)!;
  const control = new Int32Array(setup.memory.buffer, setup.control, 16);
  for (;;) {
    finish(control);
    Atomics.wait(control, STATE, COMMAND.idle);
    const command = Atomics.load(control, STATE);
    if (command === COMMAND.stop) break;
    if (command === COMMAND.counts) {
      tell({ kind: 'counts', counts: codes.map((one) => one.counts()) });
    } else {
      hearDevices(runtime);
      const [count, contexts, results, times] = addresses(control);
      const faults = runRing(code, { runtime, hook, contexts, results, times }, count);
      if (faults.length > 0) tell({ kind: 'faults', faults: faults.map(plain) });
    }
  }
  setup.port.close();
}

function hearDevices(runtime: Runtime): void {
  for (;;) {
    const received = receiveMessageOnPort(setup.port);
    if (!received) return;
    for (const [ifindex, device] of received.message as DeviceList) {
      runtime.host.devices.set(ifindex, device);
    }
  }
}

function tell(message: WorkerMessage): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a MessagePort has none
  setup.port.postMessage(message);
}

/** The words are addresses: unsigned. */
function addresses(control: Int32Array): [number, number, number, number] {
  const word = (i: number) => Atomics.load(control, RING + i) >>> 0;
  return [word(0), word(1), word(2), word(3)];
}

function finish(control: Int32Array): void {
  Atomics.store(control, STATE, COMMAND.idle);
  Atomics.notify(control, STATE);
}

/** Errors lose their fields on the way between threads; plain objects do not. */
function plain({ slot, fault }: ReturnType<typeof runRing>[number]): FaultMessage {
  const { kind, program, insn, address, size, write, source, message } = fault;
  return { slot, kind, program, insn, address, size, write, source, message };
}

await start();
