/** The worker: objects, the verifier and the machine live here, so that the page never waits. */
import type { StudioApi } from '../protocol.ts';
import { Captures } from './captures.ts';
import type { Machines } from './machines.ts';
import { Objects } from './objects.ts';
import type { Runs } from './runs.ts';

interface Call {
  readonly id: number;
  readonly method: keyof StudioApi;
  readonly args: readonly unknown[];
}

const objects = new Objects();
const captures = new Captures();
let runs: Promise<Runs> | undefined;

/** The machine is loaded when the first packet runs. */
const machine = (): Promise<Runs> =>
  (runs ??= import('./runs.ts').then(({ Runs }) => new Runs(objects)));

let machines: Promise<Machines> | undefined;
const network = (): Promise<Machines> =>
  (machines ??= import('./machines.ts').then(({ Machines }) => new Machines(objects)));

const api: StudioApi = {
  open: async (name, bytes) => objects.open(name, bytes),
  code: (name, program, kernel) => objects.code(name, program, kernel),
  state: (name, program, insn, kernel) => objects.state(name, program, insn, kernel),
  log: (name, program, from, to, kernel) => objects.log(name, program, from, to, kernel),
  listing: async (name, program, form, kernel) => {
    const { xlatedRows, wasmRows } = await import('./listings.ts');
    const rows = form === 'wasm' ? wasmRows : xlatedRows;
    const profile = await objects.kernel(name, program, kernel);
    return rows(objects.object(name), objects.program(name, program), profile);
  },
  fixes: (name, program, source, kernel) => objects.fixes(name, program, source, kernel),
  applyFixes: async (text, fixes) =>
    (await import('./explaining.ts')).applySourceFixes(text, fixes),
  matrix: async (name, program) => {
    const { matrixAnswer } = await import('./matrix.ts');
    return matrixAnswer(objects.object(name), objects.program(name, program));
  },
  capture: async (name, bytes) => captures.open(name, bytes),
  packets: async (name, from, to) => captures.rows(name, from, to),
  packet: async (name, number) => captures.packet(name, number),
  record: async (name, program, packets) => (await machine()).record(name, program, packets),
  step: async (step) => (await machine()).step(step),
  graph: async (name, program) => (await objects.graph(name, program)).graph,
  walkStates: async (name, program, positions) => {
    const graph = await objects.graph(name, program);
    return positions.map((position) => graph.state(position));
  },
  resume: async (step, stops, way) => (await machine()).resume(step, stops, way),
  touched: async (step, at, length) => (await machine()).touched(step, at, length),
  machine: async (placed) => (await network()).reset(placed),
  attach: async (placed) => (await network()).attach(placed),
  order: async (device, hook, wanted) => (await network()).order(device, hook, wanted),
  send: async (device, data) => (await network()).send(device, data),
  machineState: async () => (await network()).state(),
  coverage: async (name, program, capture) => {
    const { coverageOf } = await import('./coverage.ts');
    return coverageOf(objects, name, program, captures.all(capture));
  },
};

interface Page {
  addEventListener(type: 'message', told: (event: { data: Call }) => void): void;
  postMessage(message: unknown): void;
}

const page = globalThis as unknown as Page;
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has none
const say = (message: unknown): void => page.postMessage(message);

page.addEventListener('message', ({ data: { id, method, args } }) => {
  const call = api[method] as (...args: readonly unknown[]) => Promise<unknown>;
  call(...args).then(
    (value) => say({ id, value }),
    (error: Error) => say({ id, error: error.message }),
  );
});
