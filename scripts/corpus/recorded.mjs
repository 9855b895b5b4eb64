/** What the real kernel said of the corpus: tests/fixtures/kernel/selftests*.csv. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib.mjs';

export const FIXTURES = join(root, 'tests', 'fixtures', 'kernel');

export const COLUMNS = [
  'object',
  'program',
  'verdict',
  'errno',
  'processed',
  'max_states_per_insn',
  'total_states',
  'peak_states',
  'mark_read',
  'stack',
  'log',
  'xlated',
  'note',
  'unsaid',
  'reason',
];

/** Name of the file for a mode. */
export const recordName = (mode) =>
  mode === 'unprivileged' ? 'selftests-unpriv.csv' : 'selftests.csv';

/** Rows by object, then by program. */
export function recorded(mode) {
  const objects = new Map();
  let object = '';
  const [head, ...lines] = parseCsv(readFileSync(join(FIXTURES, recordName(mode)), 'utf8'));
  const places = COLUMNS.map((name) => [name, head.indexOf(name)]);
  for (const cells of lines) {
    const row = Object.fromEntries(places.map(([name, at]) => [name, cells[at] ?? '']));
    // An object's name stands once, on its first row.
    object = row.object || object;
    row.object = object;
    if (!objects.has(object)) objects.set(object, new Map());
    objects.get(object).set(row.program, row);
  }
  return objects;
}

/** The five figures of the kernel's statistics line, as numbers. */
export function statistics(row) {
  return COLUMNS.slice(4, 9).map((name) => Number(row[name]));
}

/** Rows of cells. Cells in quotes may hold commas and doubled quotes, no line ends. */
export function parseCsv(text) {
  const cell = /"((?:[^"]|"")*)"(?:,|$)|([^,]*)(?:,|$)/y;
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const cells = [];
      cell.lastIndex = 0;
      while (cell.lastIndex <= line.length) {
        const [whole, quoted, plain] = cell.exec(line);
        cells.push(quoted?.replaceAll('""', '"') ?? plain);
        if (!whole.endsWith(',')) break;
      }
      return cells;
    });
}

/** One cell. */
export function csvCell(value) {
  const text = String(value ?? '').replaceAll('\n', ' ');
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
