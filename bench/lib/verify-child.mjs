// node verify-child.mjs DIST OBJECT PROGRAM ROUNDS: times verify() in a fresh process, as JSON. Small
// programs take more rounds: until 3 s have passed, for only then is the code compiled.
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
const ends = performance.now() + Math.min(3000, 600 * Number(rounds));
while (times.length < Number(rounds) || performance.now() < ends) {
  const start = performance.now();
  result = verify(input, profile);
  times.push(performance.now() - start);
}
const { processed, peakStates } = result.stats;
const memory = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ ok: result.ok, processed, peakStates, times, memory }));
