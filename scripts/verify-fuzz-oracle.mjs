/**
 * Changed and made-up programs before our verifier and a real Linux 6.12.117: nothing the kernel
 * rejects may be accepted here. The kernel is reached by a command that loads every program of a
 * folder of objects in a virtual machine and writes verdicts.csv.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openBeeyard, unitName, unitsOf } from './corpus/beeyard.mjs';
import { compiledSelftests } from './corpus/compile.mjs';
import { openFuzz, smallObjects, writeGenerated, writeMutants } from './corpus/fuzz.mjs';
import { attempt, capabilitiesOf, inputOf } from './corpus/judge.mjs';
import { cacheFolder } from './corpus/paths.mjs';
import { progress } from './corpus/progress.mjs';
import { FIXTURES, parseCsv, statistics } from './corpus/recorded.mjs';
import { load } from './corpus/source.mjs';
import { fail } from './lib.mjs';
import { missingTools } from './vm/machine.mjs';
import { ASKED_LOG, writeVerdicts } from './vm/verdicts.mjs';

const HELP = `usage: node scripts/verify-fuzz-oracle.mjs --vm | --oracle COMMAND [options]
  --vm              ask Debian's kernel in QEMU; programs go there as beeyard relocated them
  --oracle COMMAND  run as COMMAND OBJECTS OUT; OUT/verdicts.csv is read (object, program, verdict,
                    errno, processed, …)
  --count N         programs (default 2000)     --generated PERCENT  made from pieces (default 30)
  --seed N          other programs (default 1)
  --unpriv          the command loads without capabilities: so do we
  --folder FOLDER   where objects and answers go (default: in the cache); an OUT that is there is used
  --keep            do not make new objects
  --limit SECONDS   with --vm: when to give up (default 3600)
  --record          note the figures in tests/fixtures/kernel/fuzz.json
  -j                all differences as JSON
Ends with 1 when we accept what the kernel rejects, or break.
`;

const { values: options } = parseArgs({
  options: {
    vm: { type: 'boolean' },
    oracle: { type: 'string' },
    count: { type: 'string', default: '2000' },
    generated: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    unpriv: { type: 'boolean' },
    folder: { type: 'string' },
    keep: { type: 'boolean' },
    limit: { type: 'string', default: '3600' },
    record: { type: 'boolean' },
    json: { type: 'boolean', short: 'j' },
    help: { type: 'boolean', short: 'h' },
  },
});

if (options.help) process.stdout.write(HELP);
else await main();

async function main() {
  const folder = options.folder ?? cacheFolder('fuzz', options.seed);
  const objects = join(folder, 'objects');
  const answers = join(folder, 'answers');
  if (!options.keep) await makeObjects(objects);
  if (!options.keep || !existsSync(join(answers, 'verdicts.csv'))) {
    if (options.vm) await askMachine(objects, answers);
    else ask(objects, answers);
  }
  report(await compare(objects, answers));
}

async function makeObjects(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const fuzz = await openFuzz();
  const random = new fuzz.Random(Number(options.seed));
  const count = Number(options.count);
  const generated = Math.round((count * Number(options.generated)) / 100);
  await writeGenerated(fuzz, folder, generated, random);
  const source = await compiledSelftests();
  const files = smallObjects(source);
  const start = random.below(files.length);
  const turned = [...files.slice(start), ...files.slice(0, start)];
  writeMutants(fuzz, source, turned, folder, count - generated, random);
}

function ask(objects, answers) {
  if (!options.oracle) fail('--vm asks the kernel, or --oracle names a command that does', 2);
  rmSync(answers, { recursive: true, force: true });
  const command = `${options.oracle} "$0" "$1"`;
  const { status } = spawnSync('/bin/sh', ['-c', command, objects, answers], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) fail('the kernel gave no answers', 4);
}

/** Writes the same verdicts.csv from what a machine of ours says. */
async function askMachine(objects, answers) {
  const missing = missingTools();
  if (missing) fail(missing, 4);
  rmSync(answers, { recursive: true, force: true });
  const [beeyard, { errnoName }] = await Promise.all([openBeeyard(), load('src/abi/names.ts')]);
  const mode = options.unpriv ? 'unprivileged' : 'privileged';
  const files = readdirSync(objects).filter((name) => name.endsWith('.o'));
  const groups = files.map((file) => inputsOf(beeyard, objects, file, mode));
  const bar = progress('asking Linux', groups.flat().length);
  const troubles = await writeVerdicts(groups, answers, {
    errnoName,
    machines: Math.min(4, availableParallelism()),
    seconds: Number(options.limit),
    step: bar.step,
  });
  bar.end();
  for (const trouble of troubles) process.stderr.write(`${trouble}\n`);
}

/** Programs of an object that reach the kernel, under a mode, as it gets them. */
function inputsOf(beeyard, folder, file, mode) {
  const anyRow = { get: () => ({}) };
  const units = readUnits(beeyard, folder, file, { [mode]: anyRow });
  return units.flatMap((unit) => {
    // Some tests want to be loaded as if the kernel's types were those of another object.
    if (unit.mode !== mode || unit.spec?.btfPath) return [];
    try {
      const input = inputOf(beeyard, { ...unit, spec: quiet(unit.spec) });
      return [
        { name: unitName(unit), file, program: unit.program, input, unprivileged: options.unpriv },
      ];
    } catch (error) {
      if (error.name === 'KernelError' || error.name === 'FormatError') return [];
      throw error;
    }
  });
}

/** Every program both have a verdict on. */
async function compare(folder, answers) {
  const beeyard = await openBeeyard();
  const rows = answersOf(join(answers, 'verdicts.csv'));
  const mode = options.unpriv ? 'unprivileged' : 'privileged';
  const files = readdirSync(folder).filter((name) => name.endsWith('.o'));
  const bar = progress('verifying', files.length);
  const found = [];
  for (const file of files) {
    for (const unit of readUnits(beeyard, folder, file, { [mode]: rows.get(file) })) {
      if (unit.mode !== mode || !['accepted', 'rejected'].includes(unit.row?.verdict)) continue;
      found.push(compareOne(beeyard, unit));
    }
    bar.step(file);
  }
  bar.end();
  return found;
}

/** None for an object our loader does not read: a change made its calls unreadable. */
function readUnits(beeyard, folder, file, rows) {
  try {
    return unitsOf(beeyard, folder, file, rows);
  } catch (error) {
    if (error.name === 'FormatError') return [];
    throw error;
  }
}

function answersOf(path) {
  const [head, ...lines] = parseCsv(readFileSync(path, 'utf8'));
  const objects = new Map();
  for (const cells of lines) {
    const row = Object.fromEntries(head.map((name, i) => [name, cells[i]]));
    if (!objects.has(row.object)) objects.set(row.object, new Map());
    objects.get(row.object).set(row.program, row);
  }
  return objects;
}

function compareOne(beeyard, unit) {
  const { row, mode } = unit;
  const { plain, bug, refusal } = attempt(
    beeyard,
    { ...unit, spec: quiet(unit.spec) },
    { log: false },
  );
  const name = unitName(unit);
  const said = plain?.reason?.text ?? refusal?.message ?? bug?.stack ?? '';
  const base = { name, mode, kernel: row.verdict, errno: row.errno, reason: row.reason, said };
  if (bug) return { ...base, kind: 'bug' };
  if (refusal) return { ...base, kind: 'not asked' };
  if (plain.ok !== (row.verdict === 'accepted')) {
    return { ...base, kind: plain.ok ? 'wrong accept' : 'wrong reject' };
  }
  const errno = row.errno === 'ENOSPC' ? errnoWithLog(beeyard, unit) : plain.errnoName;
  if (errno !== row.errno) return { ...base, kind: 'errno', said: errno };
  const { processed, maxStatesPerInsn, totalStates, peakStates, markRead } = plain.stats;
  const ours = [processed, maxStatesPerInsn, totalStates, peakStates, markRead];
  const theirs = statistics(row);
  if (ours.every((value, i) => value === theirs[i])) return { ...base, kind: 'equal' };
  return { ...base, kind: 'statistics', said: `${ours}, kernel ${theirs}` };
}

/** With the log the kernel was asked for: that may not have fitted. */
function errnoWithLog(beeyard, unit) {
  const capabilities = capabilitiesOf(unit.file, unit.mode);
  const input = inputOf(beeyard, { ...unit, spec: quiet(unit.spec) });
  return beeyard.verify(input, beeyard.profile, { ...ASKED_LOG, capabilities }).errnoName;
}

/** Flags of the test count, its messages do not. */
function quiet(spec) {
  if (!spec) return undefined;
  const empty = (result) => ({ ...result, messages: [] });
  return { ...spec, privileged: empty(spec.privileged), unprivileged: empty(spec.unprivileged) };
}

function report(found) {
  const counts = {};
  for (const { kind } of found) counts[kind] = (counts[kind] ?? 0) + 1;
  const differences = found.filter(({ kind }) => kind !== 'equal');
  if (options.json) process.stdout.write(`${JSON.stringify({ counts, differences })}\n`);
  else {
    for (const { kind, name, kernel, errno, reason, said } of differences) {
      process.stdout.write(
        `${kind}: ${name}: kernel ${kernel} ${errno} ${reason} | ours: ${said}\n`,
      );
    }
    process.stdout.write(`${found.length} programs: ${JSON.stringify(counts)}\n`);
  }
  if (options.record) record(found, counts);
  if (counts['wrong accept'] || counts.bug) process.exitCode = 1;
}

/** Notes the run in tests/fixtures/kernel/fuzz.json, in place of one with the same seed. */
function record(found, counts) {
  const path = join(FIXTURES, 'fuzz.json');
  const runs = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : [];
  const capabilities = !options.unpriv;
  const run = {
    seed: Number(options.seed),
    capabilities,
    programs: found.length,
    accepted: found.filter(({ kernel }) => kernel === 'accepted').length,
    counts,
  };
  const others = runs.filter(({ seed }) => seed !== run.seed);
  const sorted = [...others, run].sort((one, other) => one.seed - other.seed);
  writeFileSync(path, `${JSON.stringify(sorted, undefined, 1)}\n`);
}
