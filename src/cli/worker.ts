/** One CPU of `beeyard run --cpus N`: a thread over the machine's shared memory. */
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { LoadedCode, ProgramImage } from '../engine/index.ts';
import {
  CpuShare,
  type Ingress,
  type LaneFault,
  packetHook,
  PacketRing,
  SharedBatch,
  type SharedPart,
  StepClock,
} from '../machine/index.ts';
import { createRuntime, type Runtime } from '../runtime/index.ts';
import { linkDef } from '../tools/pcap/index.ts';
import { cachingEngine } from './caching-engine.ts';
import {
  COMMAND,
  COMMAND_WORDS,
  CONTROL_WORDS,
  commandWords,
  DONE,
  type FaultMessage,
  GIVEN,
  SORTED,
  STARTED,
  type WorkerMessage,
  type WorkerNews,
  type WorkerSetup,
} from './worker-protocol.ts';

/** Looks at the commands before the thread goes to sleep: waking it takes longer. */
const SPINS = 3000;

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

/** Does commands in the order they are given until told to stop. */
function serve(runtime: Runtime, codes: readonly LoadedCode[]): void {
  const shares = makeShares(runtime, codes[setup.program]!);
  const { buffer } = setup.memory;
  const control = new Int32Array(buffer, setup.controls[setup.cpu]!, CONTROL_WORDS);
  const ingress: Ingress[] = [];
  const commandAt = (n: number) => {
    const at = commandWords(n);
    const [what, ring, count, bytes, lastStep] = control.subarray(at, at + COMMAND_WORDS);
    // The words are signed, addresses are not.
    const part: SharedPart = { count: count!, bytes: bytes! >>> 0, lastStep: lastStep!, ingress };
    return { what, part, share: shares[ring!]! };
  };
  let runs = 0;
  let sorted = 0;
  for (let done = 0; ; done++) {
    Atomics.store(control, DONE, done);
    Atomics.notify(control, DONE);
    awaitCommand(control, done);
    const given = Atomics.load(control, GIVEN);
    // News come before the commands they are for.
    hearNews(runtime, ingress);
    for (sorted = Math.max(sorted, done); sorted < given; sorted++) {
      const { what, part, share } = commandAt(sorted);
      if (what === COMMAND.run) share.sort(part);
    }
    const { what, part, share } = commandAt(done);
    if (what === COMMAND.stop) break;
    if (what === COMMAND.counts) {
      tell({ kind: 'counts', counts: codes.map((one) => one.counts()) });
    } else {
      const faults = share.run(part, ++runs);
      if (faults.length > 0) tell({ kind: 'faults', run: done + 1, faults: faults.map(plain) });
    }
  }
  setup.port.close();
}

function makeShares(runtime: Runtime, code: LoadedCode): CpuShare[] {
  const { cpu, shape, controls, memory } = setup;
  const hook = packetHook(setup.programType)!;
  const word = (k: number) => controls.map((at) => new Int32Array(memory.buffer, at + 4 * k, 1));
  const sorted = word(SORTED);
  const clock = new StepClock(runtime, cpu, word(STARTED));
  return setup.rings.map(({ ring, batch }) => {
    const own = new PacketRing(runtime, hook, { ...shape, memory: ring });
    const columns = new SharedBatch(runtime, shape.capacity, batch);
    return new CpuShare(code, own, columns, clock, [cpu, sorted]);
  });
}

function awaitCommand(control: Int32Array, done: number): void {
  for (let spins = 0; Atomics.load(control, GIVEN) === done; spins++) {
    if (spins > SPINS) Atomics.wait(control, GIVEN, done);
  }
}

function hearNews(runtime: Runtime, ingress: Ingress[]): void {
  for (;;) {
    const received = receiveMessageOnPort(setup.port);
    if (!received) return;
    const news = received.message as WorkerNews;
    for (const [ifindex, device] of news.devices) runtime.host.devices.set(ifindex, device);
    for (const { ifindex, linkType } of news.ingress.slice(ingress.length)) {
      const { headerSize, etherType } = linkDef(linkType)!;
      ingress.push({ ifindex, headerSize, etherType, linkType });
    }
  }
}

function tell(message: WorkerMessage): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a MessagePort has none
  setup.port.postMessage(message);
}

/** Errors lose their fields on the way between threads; plain objects do not. */
function plain({ slot, fault }: LaneFault): FaultMessage {
  const { kind, program, insn, address, size, write, source, message } = fault;
  return { slot, kind, program, insn, address, size, write, source, message };
}

await start();
