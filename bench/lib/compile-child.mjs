// A process that compiles one synthetic program as its first act, then more of the same size:
// `compile-child.mjs DIST INSNS CHECKS WARM`. Prints milliseconds to the first result, as JSON.
import { loadBeeyard } from './beeyard.mjs';
import { synthetic } from './synthetic.mjs';

const [, , dist, insns, checks, warm] = process.argv;
const { createRuntime, engines, programTypes } = await loadBeeyard(dist);

function firstResult(seed) {
  const bytes = synthetic(Number(insns), seed);
  const runtime = createRuntime({ cpus: 1 });
  const context = runtime.allocate(64, 64);
  const image = {
    name: 'synthetic',
    id: 1,
    insns: bytes,
    functions: [{ name: 'synthetic', start: 0 }],
    lines: [],
    context: programTypes.get('xdp').context,
  };
  const start = performance.now();
  const code = engines.wasm.load(image, runtime, { checks: checks === 'checked' });
  const loaded = performance.now();
  const result = code.run(context);
  const end = performance.now();
  const reference = engines.interpreter.load(image, createRuntime({ cpus: 1 }), { checks: false });
  const same = Number(insns) > 20000 || reference.run(context) === result;
  return { load: loaded - start, total: end - start, same };
}

const cold = firstResult(1);
const later = Array.from({ length: Number(warm) }, (_, i) => firstResult(i + 2));
console.log(JSON.stringify({ cold, warm: later }));
