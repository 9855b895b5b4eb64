/** The scorecard as text: one row a feature group, and the reasons of what is missed. */
import { GROUPS } from './groups.mjs';

/** Metrics: name, which results count, which of these are good. */
export const METRICS = [
  [
    'verdict',
    'annotated subtests as they say, errno as the kernel',
    (r) => r.judged,
    (r) => r.expectation,
  ],
  [
    'messages',
    'subtests with messages: all found',
    (r) => r.judged && r.messages !== undefined,
    (r) => r.messages,
  ],
  [
    'kernel',
    'every program: verdict and errno as the kernel',
    (r) => r.kernel !== undefined,
    (r) => r.kernel,
  ],
  [
    'statistics',
    'the five figures, programs the kernel accepts',
    accepted('statistics'),
    (r) => r.statistics,
  ],
  ['stack', 'stack depths, programs the kernel accepts', accepted('stack'), (r) => r.stack],
  [
    'xlated',
    'rewritten program as the kernel shows it',
    (r) => r.xlated !== undefined,
    (r) => r.xlated,
  ],
  [
    'patterns',
    'subtests with patterns of the rewritten program: all found',
    (r) => r.patterns !== undefined,
    ({ patterns }) => patterns.met === patterns.all,
  ],
  ['log', 'level-2 log to the byte', (r) => r.log !== undefined, (r) => r.log],
];

/** Tests of the table: how many pass. */
export function legacyScore(results) {
  const all = results.filter(({ legacy }) => legacy);
  return { good: all.filter(({ pass }) => pass).length, all: all.length };
}

function accepted(field) {
  return (result) => result[field] !== undefined && result.accepted !== false;
}

/** Counts by group: `{ group, cells: [{ good, all }…] }`, then groups 1–4, then all. */
export function scores(results) {
  const counted = (chosen) =>
    METRICS.map(([, , counts, good]) => {
      const all = chosen.filter(counts);
      return { good: all.filter(good).length, all: all.length };
    });
  const rows = GROUPS.slice(1).map((title, i) => ({
    title: `${i + 1} ${title}`,
    cells: counted(results.filter(({ group }) => group === i + 1)),
  }));
  rows.push({ title: '1–4', cells: counted(results.filter(({ group }) => group <= 4)) });
  rows.push({ title: 'all', cells: counted(results) });
  return rows;
}

/** The table for a terminal. */
export function scoreTable(results) {
  const rows = scores(results).map(({ title, cells }) => [title, ...cells.map(cellText)]);
  const head = ['group', ...METRICS.map(([name]) => name)];
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)));
  return [head, ...rows]
    .map((row) => row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))))
    .map((row) => row.join('  ').trimEnd())
    .join('\n');
}

/** Rounded down: 100 % is all of them. */
export function cellText({ good, all }) {
  return all === 0 ? '' : `${good}/${all} ${(Math.floor((good / all) * 1000) / 10).toFixed(1)}%`;
}

/** The first reason a result is a miss, or undefined. */
export const firstMiss = ({ misses }) => misses[0];

/** Reasons with how often they come and an example, most frequent first. */
export function reasons(results, kind) {
  const counts = new Map();
  for (const result of results) {
    for (const [word, text] of result.misses.slice(0, 1)) {
      if (kind && word !== kind) continue;
      const key = `${word}: ${shortened(text)}`;
      const entry = counts.get(key) ?? { key, count: 0, examples: [] };
      entry.count++;
      if (entry.examples.length < 3) entry.examples.push(result.name);
      counts.set(key, entry);
    }
  }
  return [...counts.values()].sort((a, b) => b.count - a.count);
}

/** Without the numbers that make equal reasons look different. */
function shortened(text) {
  return text
    .split('\n')[0]
    .replace(/\b(R\d+|-?\d+|0x[0-9a-f]+)\b/g, (n) => (n.startsWith('R') ? 'R#' : '#'))
    .replace(/:#\)$/, ')')
    .slice(0, 150);
}

export function reasonLines(results, count, kind) {
  return reasons(results, kind)
    .slice(0, count)
    .map(
      ({ key, count: n, examples }) =>
        `${String(n).padStart(5)}  ${key}\n         e.g. ${examples[0]}`,
    )
    .join('\n');
}
