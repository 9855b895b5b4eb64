/**
 * The rejected programs of the kernel's selftests, diagnosed: nothing may throw, each must have a
 * cause and a source line, and all within bounded time.
 */
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openBeeyard, unitName, unitsOf } from './corpus/beeyard.mjs';
import { compiledSelftests } from './corpus/compile.mjs';
import { capabilitiesOf, inputOf } from './corpus/judge.mjs';
import { recorded } from './corpus/recorded.mjs';
import { load } from './corpus/source.mjs';

const HELP = `usage: node scripts/explain-corpus.mjs [options]
  --only PATTERN   programs whose OBJECT:PROGRAM[@unpriv] matches the regular expression
  --text           the diagnosis of each, as beeyard verify --explain prints it
  --list           one line for each: cause, code, line, what is missing
  --part I/N       every Nth object only, from the Ith
  --check          1 unless the bars are met
The kernel's tree comes from $BEEYARD_KERNEL_TREE or /usr/src/linux-source-6.12.tar.xz.
`;

/** Bars: share of programs with a cause of their own, CPU milliseconds a diagnosis may take. */
const LEAST_CAUSES = 0.99;
const MOST_MILLISECONDS = 10_000;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    text: { type: 'boolean' },
    list: { type: 'boolean' },
    part: { type: 'string', default: '0/1' },
    check: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  },
});

if (options.help) process.stdout.write(HELP);
else await main();

async function main() {
  const folder = await compiledSelftests();
  const beeyard = await openBeeyard();
  const { diagnose } = await load('src/verifier/index.ts');
  const { diagnosisText } = await load('src/verifier/index.ts');
  const rows = { privileged: recorded('privileged'), unprivileged: recorded('unprivileged') };
  const [part, parts] = options.part.split('/').map(Number);
  const files = readdirSync(folder).filter((name) => name.endsWith('.o'));
  const results = [];
  for (const file of files.filter((_, i) => i % parts === part)) {
    for (const unit of readable(beeyard, folder, file, rows)) {
      const name = unitName(unit);
      if (options.only && !new RegExp(options.only).test(name)) continue;
      const result = diagnosed(beeyard, diagnose, unit);
      if (!result) continue;
      results.push({ name, ...result });
      show(name, result, diagnosisText);
    }
  }
  report(results);
}

/** Programs of one object under each mode; none if our loader does not read it. */
function readable(beeyard, folder, file, rows) {
  const own = { privileged: rows.privileged.get(file), unprivileged: rows.unprivileged.get(file) };
  try {
    return unitsOf(beeyard, folder, file, own);
  } catch {
    return [];
  }
}

function diagnosed(beeyard, diagnose, unit) {
  let input;
  try {
    input = inputOf(beeyard, unit);
  } catch {
    return undefined;
  }
  const capabilities = capabilitiesOf(unit.file, unit.mode);
  const started = process.cpuUsage();
  try {
    const diagnosis = diagnose(input, beeyard.profile, { capabilities });
    if (!diagnosis) return undefined;
    const milliseconds = cpuSince(started);
    return { diagnosis, milliseconds, hasLines: input.lineInfo.length > 0 };
  } catch (error) {
    return { error, milliseconds: cpuSince(started) };
  }
}

/** Milliseconds of processor time: other programs on the machine do not count. */
function cpuSince(started) {
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1000;
}

function show(name, { diagnosis, error }, diagnosisText) {
  if (error) process.stdout.write(`${name}  THREW ${error.stack}\n`);
  else if (options.text) process.stdout.write(`== ${name}\n${diagnosisText(diagnosis)}\n\n`);
  else if (options.list) process.stdout.write(`${name}  ${summary(diagnosis)}\n`);
}

function summary({ explanation, missing, others }) {
  const { cause, code, at, blame } = explanation;
  const fact = missing
    ? `${missing.needs} (${missing.known})${missing.enough ? ' enough' : ''}`
    : '-';
  const lines = `${at.line?.line ?? '?'}/${blame.line?.line ?? '?'}`;
  return [cause, code, lines, fact, others.map((one) => one.cause).join(',')].join('  ');
}

function report(results) {
  const good = results.filter(({ diagnosis }) => diagnosis);
  const explained = good.filter(({ diagnosis }) => {
    const { cause, problem } = diagnosis.explanation;
    return cause !== 'other' && !problem.startsWith('The kernel says');
  });
  const lined = good.filter(({ hasLines }) => hasLines);
  const withLine = lined.filter(({ diagnosis }) => diagnosis.explanation.at.line);
  const times = results.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  const missing = good.filter(({ diagnosis }) => diagnosis.missing);
  const enough = missing.filter(({ diagnosis }) => diagnosis.missing.enough);
  const several = good.filter(({ diagnosis }) => diagnosis.others.length > 0);
  const most = times.at(-1) ?? 0;
  const slowest = results.find(({ milliseconds }) => milliseconds === most)?.name ?? '';
  process.stdout.write(
    `${[
      `rejected programs  ${results.length}`,
      `threw              ${results.length - good.length}`,
      `with a cause       ${explained.length}`,
      `with a line        ${withLine.length} of ${lined.length} that have line info`,
      `missing fact found ${missing.length}, enough alone ${enough.length}`,
      `further errors     ${several.length} programs`,
      `CPU milliseconds   median ${times[times.length >> 1]?.toFixed(1)}, most ${most.toFixed(0)} (${slowest})`,
    ].join('\n')}\n`,
  );
  const isGood =
    good.length === results.length &&
    explained.length >= LEAST_CAUSES * good.length &&
    withLine.length === lined.length &&
    most <= MOST_MILLISECONDS;
  if (options.check && !isGood) process.exitCode = 1;
}
