/**
 * How fast the verifier's value domain is: operations a second on records that are neither constant
 * nor unknown, each followed by the full deduction. `node bench/values.mjs`
 */
import { load } from '../scripts/corpus/source.mjs';

const RECORDS = 256;
const ROUNDS = 12;

const { BPF_ADD, BPF_AND, BPF_JEQ, BPF_JLT, BPF_MUL, BPF_SUB } = await load('src/isa/index.ts');
const { copyRegister, markUnknownImprecise, rangeWithin } = await load(
  'src/verifier/value/bounds.ts',
);
const { refine, scalarBranchTaken } = await load('src/verifier/value/refine.ts');
const { scalarOp } = await load('src/verifier/value/scalar-ops.ts');
const { syncBounds } = await load('src/verifier/value/sync.ts');
const { REG_WORDS, UMAX, UMIN } = await load('src/verifier/state/layout.ts');

let seed = 12_345;

function random(below) {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return (seed >>> 0) % below;
}

/** Scalars with a lower and an upper bound, every third wider than 32 bits. */
function scalars() {
  const words = new Int32Array(RECORDS * REG_WORDS);
  for (let r = 0; r < words.length; r += REG_WORDS) {
    markUnknownImprecise(words, r);
    words[r + UMIN] = random(10_000);
    words[r + UMAX] = words[r + UMIN] + 1000 + random(100_000);
    words[r + UMAX + 1] = r % 3 === 0 ? 1 + random(100) : 0;
    syncBounds(words, r);
  }
  return words;
}

const first = scalars();
const second = scalars();
const a = new Int32Array(first.length);
const b = new Int32Array(first.length);
let sum = 0;

/** Runs `operation` on every record, several rounds; prints the best by CPU time. */
function measure(name, operation) {
  const round = () => {
    a.set(first);
    b.set(second);
    for (let r = 0; r < a.length; r += REG_WORDS) operation(r);
  };
  for (let i = 0; i < 200; i++) round();
  let best = Infinity;
  for (let i = 0; i < ROUNDS; i++) {
    const before = process.cpuUsage();
    for (let k = 0; k < 200; k++) round();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / (200 * RECORDS));
  }
  console.info(`${name.padEnd(28)} ${(1 / best).toFixed(1).padStart(6)} M/s`);
}

measure('add, 64 bits', (r) => scalarOp(a, r, b, r, BPF_ADD, false));
measure('add, 32 bits', (r) => scalarOp(a, r, b, r, BPF_ADD, true));
measure('sub, 64 bits', (r) => scalarOp(a, r, b, r, BPF_SUB, false));
measure('and, 64 bits', (r) => scalarOp(a, r, b, r, BPF_AND, false));
measure('mul, 64 bits', (r) => scalarOp(a, r, b, r, BPF_MUL, false));
measure('deduction, nothing new', (r) => syncBounds(a, r));
measure('less than: both, refined', (r) => {
  refine(a, r, b, r, BPF_JLT, false);
  syncBounds(a, r);
  syncBounds(b, r);
});
measure('less than: decided?', (r) => {
  sum += scalarBranchTaken(a, r, b, r, BPF_JLT, false);
});
measure('equal: decided?', (r) => {
  sum += scalarBranchTaken(a, r, b, r, BPF_JEQ, false);
});
measure('range within', (r) => {
  sum += rangeWithin(a, r, b, r) ? 1 : 0;
});
measure('copy', (r) => copyRegister(a, r, b, r));
if (Number.isNaN(sum)) throw new Error('nothing was measured');
