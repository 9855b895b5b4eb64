// Loads object files together with packs of one size and says what became of them, as JSON.
//   node --expose-gc codemem-objects-child.mjs DIST PACK OBJECT...
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [dist, pack, ...paths] = process.argv.slice(2);
const { createMachine } = await import(pathToFileURL(join(dist, 'index.js')).href);

function resident() {
  global.gc();
  return process.memoryUsage().rss;
}

/** What cannot be loaded as a whole, with why: others of the object would be lost with it. */
async function sort() {
  const good = [];
  const reasons = {};
  const count = (why) => (reasons[why] = (reasons[why] ?? 0) + 1);
  for (const path of paths) {
    const host = await createMachine({ codePack: 1, cpus: 2 });
    try {
      const { refused, programs } = await host.load(readFileSync(path));
      for (const error of refused.values()) count(short(error));
      if (Object.keys(programs).length > 0) good.push(path);
    } catch (error) {
      count(short(error));
    }
    host[Symbol.dispose]();
  }
  return { good, reasons };
}

/** Without the names of programs, maps and functions. */
const short = ({ message }) =>
  message
    .replace(/^program '[^']*' is not safe to run: /, 'verifier: ')
    .replace(/^(prog|program|map) '[^']*'/, '$1')
    .replace(/'[^']*'/g, '…')
    .split('\n')[0];

async function measure() {
  const host = await createMachine({ codePack: Number(pack), cpus: 2 });
  const sources = paths.map((path) => ({ source: readFileSync(path) }));
  const before = resident();
  const cpu = process.cpuUsage();
  const loaded = await host.loadTogether(sources);
  const { user, system } = process.cpuUsage(cpu);
  const rss = resident() - before;
  const packs = host.codeMemory().packs();
  return {
    programs: loaded.reduce((sum, { programs }) => sum + Object.keys(programs).length, 0),
    modules: packs.length,
    bytes: packs.reduce((sum, one) => sum + one.bytes, 0),
    load: (user + system) / 1000,
    rss,
  };
}

console.log(JSON.stringify(pack === 'sort' ? await sort() : await measure()));
