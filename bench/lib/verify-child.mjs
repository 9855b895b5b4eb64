// node verify-child.mjs DIST OBJECT PROGRAM ROUNDS: times verify() in a fresh process, as JSON.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [dist, path, name, rounds] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(join(dist, file)).href);
const { parseObject } = await load('index.js');
const { loadKernelProfile, verify, verifierInput } = await load('verifier/index.js');

const profile = await loadKernelProfile();
profile.btf();
const object = parseObject(readFileSync(path));
const program = object.programs.find((one) => one.name === name);
const input = verifierInput(object, program, profile);
const times = [];
let result;
for (let i = 0; i < Number(rounds); i++) {
  const start = performance.now();
  result = verify(input, profile);
  times.push(performance.now() - start);
}
const { processed, peakStates } = result.stats;
const memory = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ ok: result.ok, processed, peakStates, times, memory }));
