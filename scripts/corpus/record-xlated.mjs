/**
 * Fills the column `xlated` of tests/fixtures/kernel/selftests*.csv: asks Debian's kernel in QEMU for
 * every selftest program it accepts (but the longest, which take an emulated machine minutes) what it
 * made of it: a hash of that is recorded. The tests of the table (test_verifier) are asked about, too,
 * and compared. What differs is printed.
 *
 *   node scripts/corpus/record-xlated.mjs [--only PATTERN] [--answers FILE] [--machines N]
 *     [--limit SECONDS]
 *
 * PATTERN: names (OBJECT:PROGRAM, test_verifier:NUMBER) it matches. FILE keeps the kernel's answers: if
 * it is there, no machine is asked.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fail } from '../lib.mjs';
import { chooseAccelerator, missingTools } from '../vm/machine.mjs';
import { askXlated } from '../vm/xlated.mjs';
import { openBeeyard, unitName, unitsOf } from './beeyard.mjs';
import { compiledSelftests } from './compile.mjs';
import { OTHER_CAPABILITIES, capabilitiesOf, inputOf } from './judge.mjs';
import { legacyLoads, legacyTests } from './legacy.mjs';
import { progress } from './progress.mjs';
import { COLUMNS, FIXTURES, csvCell, recordName, recorded } from './recorded.mjs';
import { formHash, kernelForm, ourForm } from './xlated.mjs';

/** Instructions the verifier takes for the longest program that is asked for. */
const LONGEST = 50_000;
const MODES = ['privileged', 'unprivileged'];

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    answers: { type: 'string' },
    machines: { type: 'string', default: '2' },
    limit: { type: 'string', default: '3600' },
  },
});

const beeyard = await openBeeyard();
const folder = await compiledSelftests();
const rows = Object.fromEntries(MODES.map((mode) => [mode, recorded(mode)]));
const only = new RegExp(options.only);
const objects = readdirSync(folder).filter(
  (file) => file.endsWith('.o') && !OTHER_CAPABILITIES.has(file),
);
const groups = [
  ...objects.flatMap((file) => MODES.map((mode) => questionsOf(file, mode))),
  ...tableQuestions(),
]
  .map((group) => group.filter(({ name }) => only.test(name)))
  .filter((group) => group.length > 0);
const answers = options.answers && existsSync(options.answers) ? readAnswers() : await ask();
compareAll();
for (const mode of MODES) writeRows(mode);

/** Programs of an object that the kernel accepts. */
function questionsOf(file, mode) {
  const own = Object.fromEntries(MODES.map((one) => [one, rows[one].get(file)]));
  return readUnits(file, own).flatMap((unit) => {
    const { row } = unit;
    if (unit.mode !== mode || row?.verdict !== 'accepted' || row.processed > LONGEST) return [];
    try {
      const input = inputOf(beeyard, unit);
      return [{ name: unitName(unit), unit, input, unprivileged: mode === 'unprivileged' }];
    } catch (error) {
      if (error.name === 'KernelError') return [];
      throw error;
    }
  });
}

/** One group each: their maps are of many kinds. */
function tableQuestions() {
  return legacyLoads(beeyard, legacyTests())
    .filter(({ input, capabilities }) => isAccepted(input, capabilities))
    .map((question) => [question]);
}

function isAccepted(input, capabilities) {
  const { ok, stats } = beeyard.verify(input, beeyard.profile, { capabilities });
  return ok && stats.processed <= LONGEST;
}

function readUnits(file, own) {
  try {
    return unitsOf(beeyard, folder, file, own);
  } catch (error) {
    if (error.name === 'FormatError') return [];
    throw error;
  }
}

function readAnswers() {
  return new Map(Object.entries(JSON.parse(readFileSync(options.answers, 'utf8'))));
}

async function ask() {
  const missing = missingTools();
  if (missing) fail(missing, 4);
  const bar = progress('asking Linux', groups.flat().length);
  const limits = {
    machines: Number(options.machines),
    seconds: Number(options.limit),
    accelerator: await chooseAccelerator(),
  };
  const { answers: found, troubles } = await askXlated(groups, limits, bar.step);
  bar.end();
  for (const trouble of troubles) process.stderr.write(`${trouble}\n`);
  if (options.answers) writeFileSync(options.answers, JSON.stringify(Object.fromEntries(found)));
  return found;
}

function compareAll() {
  let equal = 0;
  const asked = groups.flat().filter(({ name }) => answers.has(name));
  for (const { name, unit, input, ...question } of asked) {
    const capabilities = question.capabilities ?? capabilitiesOf(unit.file, unit.mode);
    const { xlated } = beeyard.verify(input, beeyard.profile, { capabilities, xlated: true });
    const form = xlated && ourForm(beeyard, xlated);
    const theirs = xlated && kernelForm(beeyard, answers.get(name), xlated);
    if (xlated && form === theirs) equal++;
    else process.stdout.write(`${name}: ${xlated ? firstDifference(form, theirs) : 'rejected'}\n`);
    if (theirs && unit) unit.row.xlated = formHash(theirs);
  }
  process.stdout.write(`${equal} of ${asked.length} programs are equal\n`);
}

function firstDifference(ours, theirs) {
  const kernel = theirs.split('\n');
  const mine = ours.split('\n');
  const at = kernel.findIndex((line, i) => line !== mine[i]);
  return `line ${at}: ${mine[at]}, kernel ${kernel[at]}`;
}

function writeRows(mode) {
  let last = '';
  const lines = [...rows[mode].values()].flatMap((programs) =>
    [...programs.values()].map((row) => {
      const object = row.object === last ? '' : row.object;
      last = row.object;
      return COLUMNS.map((name) => csvCell(name === 'object' ? object : row[name])).join(',');
    }),
  );
  writeFileSync(join(FIXTURES, recordName(mode)), `${[COLUMNS.join(','), ...lines].join('\n')}\n`);
}
