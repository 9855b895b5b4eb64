/**
 * Writes tests/fixtures/kernel/selftests*.csv from what a virtual machine with the real kernel
 * said: `node scripts/corpus/record.mjs MODE FOLDER…`, each folder with verdicts.csv and
 * logs/OBJECT/PROGRAM.log taken at log level 2 with statistics. Rows of later folders take the place
 * of earlier ones unless they know less: the load was not reached, or the log did not fit.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CUT, logHash } from './normal.mjs';
import { COLUMNS, FIXTURES, csvCell, parseCsv, recordName } from './recorded.mjs';

const [mode, ...folders] = process.argv.slice(2);
if (!['privileged', 'unprivileged'].includes(mode) || folders.length === 0) {
  process.stderr.write('usage: record.mjs privileged|unprivileged FOLDER…\n');
  process.exit(2);
}

const rows = folders.flatMap((folder) => {
  const [head, ...lines] = parseCsv(readFileSync(join(folder, 'verdicts.csv'), 'utf8'));
  return lines.map((cells) => {
    const row = Object.fromEntries(head.map((name, i) => [name, cells[i]]));
    return { ...row, log: hashOf(folder, row) };
  });
});

/** '' when there is no log; 'cut' when only its ends were kept. */
function hashOf(folder, { object, program }) {
  const path = join(folder, 'logs', object, `${program.replaceAll('/', '_')}.log`);
  if (!existsSync(path)) return '';
  const log = readFileSync(path, 'latin1');
  return CUT.test(log) ? 'cut' : logHash(log);
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
