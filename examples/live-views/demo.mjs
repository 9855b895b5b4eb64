#!/usr/bin/env node
// A thread watches counters while programs run in another: nobody is asked. Needs a build.
//   node examples/live-views/demo.mjs
import { writeSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { createMachine, openView } from '../../dist/index.js';

const PROTOCOLS = { ICMP: 1, TCP: 6, UDP: 17 };
const SECONDS = 2;

/** A packet of a protocol. */
function packet(protocol, length) {
  const view = new DataView(new ArrayBuffer(length));
  view.setUint16(12, 0x0800);
  view.setUint8(14, 0x45);
  view.setUint8(23, protocol);
  return new Uint8Array(view.buffer);
}

/** The thread with the machine: runs packets without a break. */
async function count() {
  const host = await createMachine({ shared: true });
  const { programs, maps } = await host.load(new URL('live.bpf.o', import.meta.url));
  const views = Object.entries(PROTOCOLS).map(([name, number]) => {
    return [name, maps.protocols.view(number).$share()];
  });
  const watcher = new Worker(new URL(import.meta.url), { workerData: views });
  await new Promise((resolve) => watcher.once('online', resolve));
  const traffic = [packet(17, 80), packet(6, 1500), packet(17, 300), packet(1, 64)];
  const end = Date.now() + SECONDS * 1000;
  for (let i = 0; Date.now() < end; i++) {
    const data = traffic[(i * 7 + (i >> 3)) % traffic.length];
    programs.count.run({ data, repeat: 1000 });
  }
  const total = Object.values(PROTOCOLS).map((number) => maps.protocols.get(number).packets);
  console.log(`counted   ${total.map((one) => String(one).padStart(12)).join('')}`);
  await watcher.terminate();
}

/** The thread that watches: it has the views, and nothing else of the machine. */
function watch() {
  const views = workerData.map(([name, shared]) => [name, openView(shared)]);
  writeSync(1, `packets   ${views.map(([name]) => name.padStart(12)).join('')}\n`);
  setInterval(() => {
    const now = views.map(([, view]) => String(view.$number('packets')).padStart(12));
    // Not through the other thread, as console.log does.
    writeSync(1, `seen      ${now.join('')}\n`);
  }, 250);
}

if (isMainThread) await count();
else watch();
