// A process that loads many filters as its first act, PACK of them in a module, and measures:
// `node --expose-gc codemem-child.mjs DIST COUNT PACK`. Prints JSON; bytes and milliseconds.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { filterObject } from '../../examples/code-memory/filters.mjs';
import { loadBeeyard } from './beeyard.mjs';

const [, , dist, countText, packText] = process.argv;
const count = Number(countText);
const { relocateProgram, createRuntime, link, programTypes, engines } = await loadBeeyard(dist);
const isa = await import(pathToFileURL(join(dist, 'isa/index.js')).href);
/** More filters than are loaded: those that are added later. */
const EXTRA = 50;

const object = filterObject(
  isa,
  Array.from({ length: count + EXTRA }, (_, i) => i),
  count + EXTRA,
);
const runtime = createRuntime({ cpus: 1 });
const [spec] = object.maps;
const map = runtime.createMap({ ...spec, type: spec.typeId });
const images = object.programs.map((program, i) => {
  const relocated = relocateProgram(object, program, undefined);
  const target = { runtime, mapAddress: () => map.address };
  return link(program, relocated, i + 1, programTypes.get('xdp'), target);
});

const context = runtime.allocate(64, 64);
const packet = runtime.allocate(128, 64);
runtime.u32().set([packet, packet + 64, packet], context >>> 2);
runtime.u8().set([8, 0], packet + 12);

const memory = () => {
  globalThis.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed, external };
};
const timed = (work) => {
  const start = performance.now();
  const result = work();
  return [performance.now() - start, result];
};
/** Processor time of all threads: other processes do not add to it. */
const spent = (work) => {
  const start = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(start);
  return [(user + system) / 1000, result];
};
const growth = (before, after) => ({
  rss: after.rss - before.rss,
  heap: after.heap - before.heap,
});

const trusted = { checks: false };
const packs = engines.wasm.codeMemory(runtime, { packSize: Number(packText) });
/** One program is compiled before: what the compiler itself takes is not counted. */
packs.load(images.at(-1), trusted).run(context);
await new Promise((resolve) => setTimeout(resolve, 20));

const before = memory();
const [load, codes] = spent(() =>
  packs.together(() => images.slice(0, count).map((image) => packs.load(image, trusted))),
);
const loaded = growth(before, memory());
const all = packs.packs();
const sum = (of) => all.reduce((total, pack) => total + of(pack), 0);
const figures = {
  packs: all.length - 1,
  bytes: sum((pack) => pack.bytes) - all[0].bytes,
  live: sum((pack) => pack.live) - all[0].live,
  insns: images.slice(0, count).reduce((total, { insns }) => total + insns.length / 8, 0),
};
const verdicts = new Uint8Array(count);
const [first] = spent(() => codes.forEach((code, i) => (verdicts[i] = code.run(context))));
// All ports, both protocols: most filters let something in.
for (let port = 0; port < 64; port++) {
  runtime.u8().set([10, port * 3, port * 7, 1], packet + 26);
  runtime.u8().set([port * 4, port], packet + 36);
  runtime.u8()[packet + 23] = port & 1 ? 6 : 17;
  codes.forEach((code, i) => (verdicts[i] = (verdicts[i] * 31 + code.run(context)) & 255));
}
const run = growth(before, memory());
const added = [];
const removed = [];
for (const image of images.slice(count)) {
  const [took, code] = timed(() => packs.load(image, trusted));
  added.push(took);
  removed.push(timed(() => code.dispose())[0]);
}
for (let i = 0; i < count; i += 2) codes[i].dispose();
const [anew, did] = spent(() => packs.recompact());
const digest = verdicts.reduce((total, one) => (total * 33 + one) >>> 0, 5381);
console.log(
  JSON.stringify({
    ...figures,
    load,
    loaded,
    first,
    run,
    add: Math.min(...added),
    remove: Math.min(...removed),
    anew,
    moved: did.moved,
    digest,
  }),
);
