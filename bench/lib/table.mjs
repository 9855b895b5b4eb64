// Plain text tables: first column left, the others right.
import { stripVTControlCharacters } from 'node:util';

const width = (text) => stripVTControlCharacters(text).length;

/** Rows of strings to lines; the first row is the head. */
export function table(rows, { left = 1, indent = '  ' } = {}) {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(...rows.map((row) => width(row[i] ?? ''))),
  );
  const cell = (text, i) => {
    const space = ' '.repeat(widths[i] - width(text));
    return i < left ? text + space : space + text;
  };
  return rows.map((row) => (indent + row.map((text, i) => cell(text, i)).join('  ')).trimEnd());
}

/** 0.97 as '0.97', 13.4 as '13.4', nothing as '–'. */
export function ratio(value) {
  if (value === undefined) return '–';
  return value < 10 ? value.toFixed(2) : value.toFixed(1);
}

export function nanoseconds(value) {
  if (value === undefined) return '–';
  return value < 1000 ? value.toFixed(1) : Math.round(value).toLocaleString('en');
}
