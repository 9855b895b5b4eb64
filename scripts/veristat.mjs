/**
 * `beeyard ci` against the real veristat: the kernel's selftests on Linux 6.12 in QEMU, the same
 * objects judged by us, both tables compared. Fails for a difference that
 * tests/fixtures/kernel/veristat-differences.json does not list, and for one that is listed and not
 * there.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compiledSelftests } from './corpus/compile.mjs';
import { judgeRows } from './veristat/judge.mjs';
import { comparedTables, veristatTable } from './veristat/tables.mjs';

const HELP = `usage: node scripts/veristat.mjs [options] [OBJECT…]
  OBJECT          only objects whose name holds this text
  --every N       every n-th object only
  --machines N    machines at once (default 2); all 798 objects take two some twelve minutes emulated
  --keep FILE     write veristat's table there
  --table FILE    take it from there, and boot nothing
Needs what \`npm run build\` makes, clang-19, gcc, libelf-dev, zlib1g-dev, libzstd-dev,
qemu-system-x86_64, and the kernel's tree as scripts/verify-corpus.mjs.
`;

const { values: options, positionals } = parseArgs({
  options: {
    every: { type: 'string', default: '1' },
    machines: { type: 'string', default: '2' },
    keep: { type: 'string' },
    table: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
  allowPositionals: true,
});

if (options.help) process.stdout.write(HELP);
else await main();

async function main() {
  const folder = await compiledSelftests();
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.bpf.o'))
    .filter((name) => positionals.every((text) => name.includes(text)))
    .filter((_, at) => at % Number(options.every) === 0);
  const text = options.table
    ? readFileSync(options.table, 'utf8')
    : await veristatTable(folder, names, Number(options.machines));
  if (options.keep) writeFileSync(options.keep, text);
  const { counts, unlisted, settled } = judgeRows(comparedTables(folder, names, text), names);
  const width = Math.max(...counts.map(([head]) => head.length));
  for (const [head, count] of counts) {
    process.stdout.write(`${head.padEnd(width)}  ${String(count).padStart(5)}\n`);
  }
  for (const line of unlisted) process.stdout.write(`different: ${line}\n`);
  for (const name of settled) process.stdout.write(`listed, and equal now: ${name}\n`);
  if (unlisted.length + settled.length > 0) process.exitCode = 1;
}
