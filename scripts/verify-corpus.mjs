/**
 * The kernel's own BPF selftests against our verifier: compiles them, verifies every program, and
 * compares with what the tests say and with what Linux 6.12.117 said (recorded in
 * tests/fixtures/kernel). Of older kernels only the tests of the table (test_verifier).
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bless, differences } from './corpus/board.mjs';
import { compiledSelftests } from './corpus/compile.mjs';
import { legacyTests } from './corpus/legacy.mjs';
import { KERNEL, cache, cacheFolder } from './corpus/paths.mjs';
import { recorded } from './corpus/recorded.mjs';
import { cellText, legacyScore, reasonLines, scoreTable } from './corpus/report.mjs';
import { runCorpus } from './corpus/run.mjs';
import { fail } from './lib.mjs';

const HELP = `usage: node scripts/verify-corpus.mjs [options]
  --kernel VERSION  6.12 (default), or 6.1: its table of tests against the rules of that kernel
  --only PATTERN   programs whose OBJECT:PROGRAM[@unpriv] matches the regular expression
  --group N        programs of one feature group (1 to 6)
  --legacy         the tests of the table (test_verifier) too when there is --only or --group
  --quick          no level-2 logs
  --full           level-2 logs of the longest programs too
  --diff NAME      one program in detail: NAME as above; the first differing log lines
  --log NAME       our level-2 log of one program
  --list           every miss
  --reasons        the most frequent reasons of misses; --top N: how many (default 25)
  --kind KIND      only misses of that kind: bug, message, statistics, log, 'wrong accept', …
  --last           do not run: show what the last run found
  --insns FOLDER   take instructions recorded there instead of our own relocated ones
  --logs FOLDER    level-2 logs of the kernel (default: ~/.cache/beeyard/kernel-logs)
  --jobs N         worker threads (default 2)
  --check          compare with tests/fixtures/kernel/{scorecard,known-misses}*.json; 1 if they differ
  --bless          write these two files
  -j               results as JSON
The kernel's tree comes from $BEEYARD_KERNEL_TREE or /usr/src/linux-source-6.12.tar.xz, that of 6.1
from $BEEYARD_KERNEL_TREE_6_1 or /usr/src/linux-source-6.1.tar.xz.
`;

const { values: options } = parseArgs({
  options: {
    kernel: { type: 'string', default: KERNEL },
    only: { type: 'string' },
    group: { type: 'string' },
    quick: { type: 'boolean' },
    full: { type: 'boolean' },
    diff: { type: 'string' },
    log: { type: 'string' },
    list: { type: 'boolean' },
    kind: { type: 'string' },
    reasons: { type: 'boolean' },
    top: { type: 'string', default: '25' },
    legacy: { type: 'boolean' },
    last: { type: 'boolean' },
    insns: { type: 'string' },
    logs: { type: 'string', default: join(cache, 'kernel-logs') },
    jobs: { type: 'string', default: '2' },
    check: { type: 'boolean' },
    bless: { type: 'boolean' },
    json: { type: 'boolean', short: 'j' },
    help: { type: 'boolean', short: 'h' },
  },
});

/** Programs with more instructions processed are compared by log only with --full. */
const LONGEST_LOG = 50_000;

const isOld = options.kernel !== KERNEL;
const lastRun = join(cacheFolder(), `last-run${isOld ? `-${options.kernel}` : ''}.json`);

if (options.help) process.stdout.write(HELP);
else if (options.diff || options.log) await showOne();
else await showAll();

async function showOne() {
  const name = options.diff ?? options.log;
  const folder = await compiledSelftests();
  const { openBeeyard } = await import('./corpus/beeyard.mjs');
  const { diffText, ourLog } = await import('./corpus/diff.mjs');
  const rows = Object.fromEntries(
    ['privileged', 'unprivileged'].map((mode) => [mode, recorded(mode).get(name.split(':')[0])]),
  );
  const show = options.diff ? diffText : ourLog;
  process.stdout.write(show(await openBeeyard(), folder, options.logs, rows, name));
}

async function showAll() {
  const results = options.last ? readLast() : await runAll();
  if (options.json) return void process.stdout.write(`${JSON.stringify(results)}\n`);
  if (options.list) process.stdout.write(`${listed(results)}\n\n`);
  if (options.reasons) {
    process.stdout.write(`${reasonLines(results, Number(options.top), options.kind)}\n\n`);
  }
  if (!isOld) process.stdout.write(`${scoreTable(results)}\n`);
  process.stdout.write(`legacy table (test_verifier)  ${cellText(legacyScore(results))}\n`);
  checkBoard(results);
}

/** The committed scoreboard: written, or held against this run. */
function checkBoard(results) {
  if (options.bless) bless(results, options.kernel);
  if (!options.check) return;
  const lines = differences(results, options.kernel);
  for (const line of lines) process.stdout.write(`${line}\n`);
  if (lines.length > 0) process.exitCode = 1;
}

async function runAll() {
  const folder = isOld ? undefined : await compiledSelftests({ jobs: Number(options.jobs) });
  const start = Date.now();
  const results = await runCorpus(folder, {
    kernel: options.kernel,
    only: options.only,
    group: options.group && Number(options.group),
    log: !options.quick,
    longest: options.full ? Number.POSITIVE_INFINITY : LONGEST_LOG,
    insns: options.insns,
    jobs: Number(options.jobs),
    legacy:
      isOld || options.legacy || !(options.only || options.group)
        ? legacyTests(options.kernel)
        : undefined,
  });
  if (results.length === 0) fail('no program matches', 2);
  writeFileSync(lastRun, JSON.stringify(results));
  const insns = results.reduce((sum, { processed = 0 }) => sum + processed, 0);
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  process.stderr.write(`${results.length} programs, ${insns} instructions, ${seconds} s\n`);
  return results;
}

function readLast() {
  if (!existsSync(lastRun)) fail('there was no run yet', 2);
  const pattern = new RegExp(options.only ?? '');
  return JSON.parse(readFileSync(lastRun, 'utf8')).filter(
    ({ name, group }) => pattern.test(name) && (!options.group || group === Number(options.group)),
  );
}

function listed(results) {
  return results
    .filter(({ misses }) => misses.some(([kind]) => !options.kind || kind === options.kind))
    .map(({ name, misses }) => {
      const shown = misses.find(([kind]) => !options.kind || kind === options.kind);
      return `${name}  ${shown[0]}: ${shown[1].split('\n')[0]}`;
    })
    .join('\n');
}
