import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Host, parseObject } from '../../src/index.ts';
import { bootMachine } from '../../src/machine/index.ts';
import { fixture } from '../fixtures/read.ts';

const OWNERS = 10_000;
/** The low half of the counters goes over while the reader looks: halves read apart would jump. */
const START = 2n ** 32n - 3n;

/** What the reader saw, over all views. */
interface Report {
  readonly rounds: number;
  readonly advances: number;
  readonly backwards: number;
  readonly wild: number;
  readonly gone: readonly number[];
  readonly otherErrors: readonly string[];
  readonly last: readonly number[];
}

/** Reads all views over and over until it is told to stop; it has nothing but their memory. */
const READER = `
import { parentPort, workerData } from 'node:worker_threads';
import { openView } from './open.mjs';
const { shared, flags, start } = workerData;
const views = shared.map(openView);
const last = new Float64Array(views.length).fill(start);
const report = { rounds: 0, advances: 0, backwards: 0, wild: 0, gone: [], otherErrors: [] };
const dead = new Set();
function round() {
  for (let i = 0; i < views.length; i++) {
    if (dead.has(i)) continue;
    try {
      const now = i % 2 ? views[i].$number() : Number(views[i].$value);
      if (now < last[i]) report.backwards++;
      if (now > start + 1e6) report.wild++;
      if (now > last[i]) report.advances++;
      last[i] = now;
    } catch (error) {
      dead.add(i);
      if (error.name === 'OwnerGone') report.gone.push(i);
      else report.otherErrors.push(String(error));
    }
  }
  report.rounds++;
}
round();
Atomics.store(flags, 0, 1);
while (Atomics.load(flags, 1) === 0) {
  round();
  Atomics.add(flags, 2, 1);
}
round();
parentPort.postMessage({ ...report, last: [...last] });
`;

let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'beeyard-live-'));
  const input = join(import.meta.dirname, '../../src/client/live/open.ts');
  const bundle = await rolldown({ input, platform: 'node' });
  await bundle.write({ file: join(folder, 'open.mjs'), format: 'esm' });
  writeFileSync(join(folder, 'reader.mjs'), READER);
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function boot() {
  const { machine, network } = await bootMachine({ shared: true });
  const host = new Host(machine, network.devices);
  const { programs, maps } = await host.load(parseObject(fixture('live.bpf.o')), {
    programs: ['count'],
  });
  const { runtime } = machine;
  const count = (socket: { readonly object: number }) => {
    runtime.host.lookupSocket = () => socket.object;
    programs['count']!.run({ data: new Uint8Array(64) });
  };
  return { machine, host, maps, count };
}

it('a reader in another thread sees 10,000 counters only grow while programs run', async () => {
  const { machine, host, maps, count } = await boot();
  const counts = maps['counts']!;
  const sockets = Array.from({ length: OWNERS }, () => machine.createOwner('socket'));
  for (const socket of sockets) counts.set(socket.number, START);
  const shared = [...counts.live()].map(([, view]) => view.$share());
  expect(shared).toHaveLength(OWNERS);
  const flags = new Int32Array(new SharedArrayBuffer(16));
  const workerData = { shared, flags, start: Number(START) };
  const worker = new Worker(join(folder, 'reader.mjs'), { workerData });
  const report = new Promise<Report>((resolve, reject) => {
    worker.on('message', resolve);
    worker.on('error', reject);
  });
  while (Atomics.load(flags, 0) === 0) await new Promise((resume) => setTimeout(resume, 5));

  // No message, no await: the thread sees memory and nothing else.
  let runs = 0;
  const died = new Set<number>();
  while (Atomics.load(flags, 2) < 12) {
    for (let i = 0; i < OWNERS; i += 7) {
      const at = (i * 13 + runs) % OWNERS;
      if (died.has(at)) continue;
      count(sockets[at]!);
      runs++;
    }
    const victim = (runs * 31) % OWNERS;
    // Its value and its cell are used again by others.
    sockets[victim]!.free();
    died.add(victim);
    counts.set(machine.createOwner('socket').number, 1n);
  }
  machine.runtime.allocate(1 << 24);
  Atomics.store(flags, 1, 1);
  const seen = await report;
  expect([seen.backwards, seen.wild, seen.otherErrors]).toEqual([0, 0, []]);
  expect(seen.advances).toBeGreaterThan(OWNERS / 10);
  expect(new Set(seen.gone)).toEqual(died);
  for (const [i, socket] of sockets.entries()) {
    if (!died.has(i)) expect(seen.last[i]).toBe(Number(counts.get(socket.number)));
  }
  await worker.terminate();
  host[Symbol.dispose]();
}, 60_000);
