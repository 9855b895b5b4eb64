/**
 * Writes tests/fixtures/kernel/selftests*.csv from what a virtual machine with the real kernel
 * said: `node scripts/corpus/record.mjs MODE FOLDER…`, each folder with verdicts.csv and
 * logs/OBJECT/PROGRAM.log taken at log level 2 with statistics. Rows of later folders take the place
 * of earlier ones unless they know less: the load was not reached, or the log did not fit.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBeeyard, unitsOf } from './beeyard.mjs';
import { compiledSelftests } from './compile.mjs';
import { CUT, logHash } from './normal.mjs';
import { COLUMNS, FIXTURES, csvCell, parseCsv, recordName, recorded } from './recorded.mjs';
import { load } from './source.mjs';

const { firstMissing } = await load('src/tools/selftests/patterns.ts');

const [mode, ...folders] = process.argv.slice(2);
if (!['privileged', 'unprivileged'].includes(mode) || folders.length === 0) {
  process.stderr.write('usage: record.mjs privileged|unprivileged FOLDER…\n');
  process.exit(2);
}

const beeyard = await openBeeyard();
const objects = await compiledSelftests();
const expectations = new Map();

/** Messages the tests of an object expect, by program. */
function expected(object) {
  if (!expectations.has(object)) {
    const units = existsSync(join(objects, object)) ? readUnits(object) : [];
    const messages = units
      .filter((unit) => unit.mode === mode && unit.annotated)
      .map(({ program, spec }) => [program.name, spec[mode].messages]);
    expectations.set(object, new Map(messages));
  }
  return expectations.get(object);
}

/** Objects our loader does not read expect nothing. */
function readUnits(object) {
  try {
    return unitsOf(beeyard, objects, object, {});
  } catch {
    return [];
  }
}

const rows = folders.flatMap((folder) => {
  const [head, ...lines] = parseCsv(readFileSync(join(folder, 'verdicts.csv'), 'utf8'));
  return lines.map((cells) => {
    const row = Object.fromEntries(head.map((name, i) => [name, cells[i]]));
    const log = logOf(folder, row);
    return { ...row, log: hashOf(log), unsaid: unsaid(row, log) };
  });
});

function logOf(folder, { object, program }) {
  const path = join(folder, 'logs', object, `${program.replaceAll('/', '_')}.log`);
  return existsSync(path) ? readFileSync(path, 'latin1') : undefined;
}

/** '' when there is no log; 'cut' when only its ends were kept. */
function hashOf(log) {
  if (log === undefined) return '';
  return CUT.test(log) ? 'cut' : logHash(log);
}

/** 1 when the kernel itself does not say what the test expects of it. */
function unsaid({ object, program }, log) {
  const messages = expected(object).get(program) ?? [];
  return log !== undefined && firstMissing(log, messages) >= 0 ? 1 : '';
}

const known = new Map();
for (const row of rows) {
  const key = `${row.object}:${row.program}`;
  const lost = !['accepted', 'rejected'].includes(row.verdict) || row.errno === 'ENOSPC';
  if (!lost || !known.has(key)) known.set(key, row);
}
const kept = [...known.values()].filter(({ program, note }) => program && note !== 'softened');

kept.sort((a, b) => compare(a.object, b.object) || compare(a.program, b.program));
function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

// What record-xlated.mjs filled in stays.
const before = existsSync(join(FIXTURES, recordName(mode))) ? recorded(mode) : new Map();
for (const row of kept) row.xlated = before.get(row.object)?.get(row.program)?.xlated;

let last = '';
const lines = kept.map((row) => {
  const object = row.object === last ? '' : row.object;
  last = row.object;
  return COLUMNS.map((name) => csvCell(name === 'object' ? object : row[name])).join(',');
});
mkdirSync(FIXTURES, { recursive: true });
const path = join(FIXTURES, recordName(mode));
writeFileSync(path, `${[COLUMNS.join(','), ...lines].join('\n')}\n`);
process.stdout.write(`${path}: ${lines.length} rows\n`);
