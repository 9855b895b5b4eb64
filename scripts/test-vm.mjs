/**
 * `npm run test:vm`: holds beeyard against a real Linux 6.12.117 that runs in QEMU. Every program of
 * the committed objects is loaded by both: verdict, errno, statistics, log, what became of it. XDP and tc programs run on
 * some twenty packets: return values, packets, maps. The machine does what a plan of ours says: BTF,
 * maps, relocated instructions are handed over as beeyard made them, no libbpf is in between.
 */
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { progress } from './corpus/progress.mjs';
import { fail, install, root, run } from './lib.mjs';
import { ASPECTS, judge, kernelAnswers } from './vm/judge.mjs';
import { chooseAccelerator, missingTools } from './vm/machine.mjs';
import { openBuilt } from './vm/open-built.mjs';
import { checkPackets } from './vm/packet-check.mjs';
import { testPackets } from './vm/packets.mjs';
import { MOST_ASKED, ask, generatedQuestions, questionsOf, readObject } from './vm/questions.mjs';
import {
  applyKnown,
  differencesText,
  keepLogs,
  recordMapPrograms,
  recordXlated,
  share,
  tableRows,
} from './vm/report.mjs';
import { askMachines } from './vm/session.mjs';
import { Symbols } from './vm/xlated.mjs';

const HELP = `usage: npm run test:vm -- [options] [OBJECT…]
  OBJECT          only objects whose path holds this text
  --machines N    machines at once (default: one per CPU, at most 4)
  --limit SECONDS when to give up (default 600)
  --most N        leave out programs that take the verifier more instructions (default 100000:
                  emulated, Linux walks through some ten thousand a second)
  --keep FOLDER   write the kernel's log and ours of every program there
  --accel NAME    kvm or tcg (default: kvm where it works)
  --record        note what the kernel made of each program in
                  tests/fixtures/kernel/xlated.json, and what those of the map suite answered
  --no-build      use dist/ as it is
  -v, --verbose   differences in full, also the known ones
  -j, --json      all results as JSON
Ends with 1 when anything differs that tests/fixtures/kernel/vm-differences.json does not list.
`;

const { values: options, positionals } = parseArgs({
  options: {
    machines: { type: 'string' },
    limit: { type: 'string', default: '600' },
    most: { type: 'string', default: String(MOST_ASKED) },
    keep: { type: 'string' },
    accel: { type: 'string' },
    record: { type: 'boolean' },
    'no-build': { type: 'boolean' },
    verbose: { type: 'boolean', short: 'v' },
    json: { type: 'boolean', short: 'j' },
    help: { type: 'boolean', short: 'h' },
  },
  allowPositionals: true,
});

const FOLDERS = ['tests', 'examples', 'bench'];
const COLUMNS = [
  { head: 'object' },
  ...['programs', ...ASPECTS].map((head) => ({ head, right: true })),
];

if (options.help) process.stdout.write(HELP);
else await main();

async function main() {
  const missing = missingTools();
  if (missing) fail(missing, 4);
  if (!options['no-build']) {
    install();
    run(process.execPath, [join(root, 'scripts', 'build.mjs')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  const beeyard = await openBuilt();
  const objects = findObjects().map((path) => readObject(beeyard, path, relative(root, path)));
  const questions = objects.map((object) => questionsOf(beeyard, object, Number(options.most)));
  if (positionals.length === 0) questions.push(generatedQuestions(beeyard));
  const accelerator = options.accel ?? (await chooseAccelerator());
  report(beeyard, await askAll(beeyard, questions, accelerator), questions.flat());
  if (positionals.length > 0) return;
  if (!(await checkPackets(beeyard, accelerator))) process.exitCode = 1;
}

/** The committed objects. */
function findObjects() {
  const paths = FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((name) => join(root, folder, name)),
  );
  const objects = paths.filter((path) => /\.bpf(eb)?\.o(\.gz)?$/.test(path)).sort();
  const asked = objects.filter(
    (path) => positionals.length === 0 || positionals.some((text) => path.includes(text)),
  );
  if (asked.length === 0) fail(`no object's path holds ${positionals.join(' or ')}`, 2);
  return asked;
}

async function askAll(beeyard, groups, accelerator) {
  const packets = testPackets();
  const asked = groups.flat().filter(({ input }) => input);
  const bar = progress('asking Linux', asked.length);
  if (process.stderr.isTTY) process.stderr.write(`booting Linux (${accelerator}) …`);
  const results = [];
  let judging = Promise.resolve();
  const symbols = new Symbols();
  const troubles = await askMachines(groups, {
    machines: Number(options.machines ?? Math.min(4, availableParallelism())),
    seconds: Number(options.limit),
    accelerator,
    ask: (plan, group) => ask(plan, beeyard, group, packets),
    given: symbols.given,
    answered(question, answers) {
      bar.step(question.name);
      judging = judging.then(async () => {
        const kernel = kernelAnswers(question, answers, symbols);
        const result = await judge(beeyard, question, kernel, packets);
        if (options.keep) keepLogs(options.keep, result);
        delete result.logs;
        results.push(result);
      });
    },
  });
  await judging;
  bar.end();
  results.sort((a, b) => (a.question.name < b.question.name ? -1 : 1));
  return { results, troubles, accelerator, unanswered: asked.length - results.length };
}

function report({ formatTable }, { results, troubles, accelerator, unanswered }, questions) {
  const notAsked = applyKnown(results);
  // Of some objects only, most of the list is not asked.
  const unused = positionals.length > 0 ? [] : notAsked;
  if (options.record) {
    recordXlated(results);
    recordMapPrograms(results);
  }
  const checks = results.flatMap((one) => one.checks);
  const passed = checks.filter((one) => one.passed).length;
  const failed = checks.length - passed + unanswered + unused.length + troubles.length;
  if (options.json) {
    process.stdout.write(
      `${JSON.stringify(jsonOf(results, { passed, failed, accelerator, unused, troubles }))}\n`,
    );
  } else {
    const width = process.stdout.columns ?? (Number(process.env.COLUMNS) || 100);
    const total = ['all', String(results.length), ...ASPECTS.map((one) => share(results, one))];
    const rows = [...tableRows(results), total];
    process.stdout.write(`${formatTable(COLUMNS, rows, width).trimEnd()}\n\n`);
    process.stdout.write(differencesText(results, options.verbose));
    for (const name of unused)
      process.stdout.write(`listed as different, but not asked: ${name}\n`);
    for (const trouble of troubles) process.stdout.write(`${trouble}\n`);
    process.stdout.write(summary(results, questions, accelerator));
    process.stdout.write(`${passed} passed, ${failed} failed\n`);
  }
  process.exitCode = failed > 0 ? 1 : 0;
}

function summary(results, questions, accelerator) {
  const refused = questions.filter(({ refusal }) => refusal).length;
  const leftOut = questions.filter((one) => one.leftOut).length;
  const known = results.flatMap((one) => one.checks).filter((one) => one.known).length;
  const notRun = results.filter(({ refusal }) => refusal);
  return (
    `Linux 6.12.117 (${accelerator}); ${refused} programs the loader refuses, ${leftOut} left out ` +
    `(see --most); ` +
    `${notRun.length} accepted programs this machine does not run; ${known} known differences\n`
  );
}

function jsonOf(results, totals) {
  const programs = results.map(({ question, checks, refusal }) => ({
    name: question.name,
    ...(refusal && { refusal }),
    checks,
  }));
  return { ...totals, programs };
}
