// Opening an object of 64,000 instructions and relocating its programs against vmlinux's types.
import { largeObject } from '../lib/large-object.mjs';
import { median } from '../lib/stats.mjs';
import { table } from '../lib/table.mjs';

/** Milliseconds it may take, once the process is warm. */
const BAR = 300;

export const title = 'Opening and relocating a large object against the types of Linux 6.12: ms';

export async function run({ beeyard, scratch, quick, progress }) {
  const bytes = largeObject(scratch);
  if (!bytes) return undefined;
  progress('relocating');
  const profile = await beeyard.loadKernelProfile();
  const samples = Array.from({ length: quick ? 5 : 15 }, () => once(beeyard, bytes, profile));
  const object = beeyard.parseObject(bytes);
  const count = (of) => object.programs.reduce((sum, program) => sum + of(program), 0);
  return {
    bytes: bytes.length,
    programs: object.programs.length,
    insns: count(({ insns }) => insns.length / 8),
    relocations: count(({ coreRelocations }) => coreRelocations.length),
    samples,
  };
}

/** The first one also unpacks and opens the kernel's types. */
function once({ parseObject, relocateProgram }, bytes, profile) {
  const start = performance.now();
  const object = parseObject(bytes);
  const opened = performance.now();
  for (const program of object.programs) relocateProgram(object, program, profile);
  return { open: opened - start, relocate: performance.now() - opened };
}

export function render(result) {
  if (!result) return ['needs clang-19 (apt-get install)'];
  const { bytes, programs, insns, relocations, samples } = result;
  const [first, ...warm] = samples;
  const row = (name, { open, relocate }) =>
    [name, open, relocate, open + relocate].map((each) =>
      typeof each === 'string' ? each : each.toFixed(1),
    );
  const middle = (of) => median(warm.map(of));
  const sums = warm.map(({ open, relocate }) => open + relocate);
  const best = warm[sums.indexOf(Math.min(...sums))];
  const typical = { open: middle((one) => one.open), relocate: middle((one) => one.relocate) };
  const verdict = median(sums) < BAR ? 'under' : 'OVER';
  return [
    `  ${insns.toLocaleString('en')} instructions in ${programs} programs, ` +
      `${relocations.toLocaleString('en')} CO-RE relocations, ${(bytes / 1e6).toFixed(1)} MB`,
    ...table([
      ['', 'open', 'relocate', 'both'],
      row('first in a process', first),
      row('warm, median', typical),
      row('warm, best', best),
    ]),
    `  The bar is ${BAR} ms, warm: ${verdict} it.`,
  ];
}
