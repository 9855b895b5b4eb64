/**
 * The committed scoreboard: how many of each kind hold (scorecard.json), and every known miss with
 * its kind (known-misses.json). A run must give exactly these.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FIXTURES } from './recorded.mjs';
import { METRICS, legacyScore, scores } from './report.mjs';

const BOARD = join(FIXTURES, 'scorecard.json');
const MISSES = join(FIXTURES, 'known-misses.json');

/** Why a program is missed, in one word or two. */
export function missesOf(results) {
  const missed = results.filter(({ misses }) => misses.length > 0);
  return Object.fromEntries(missed.map(({ name, misses }) => [name, misses[0][0]]));
}

/** What the README shows. */
export function boardOf(results) {
  return {
    kernel: '6.12.117',
    metrics: METRICS.map(([name, what]) => ({ name, what })),
    groups: scores(results),
    legacy: legacyScore(results),
  };
}

/** Writes both files from a run over everything. */
export function bless(results) {
  writeFileSync(BOARD, `${JSON.stringify(boardOf(results), null, 1)}\n`);
  writeFileSync(MISSES, `${JSON.stringify(missesOf(results), null, 1)}\n`);
}

/** Lines that tell what differs from the committed files; none if a run is as good as it was. */
export function differences(results) {
  if (!existsSync(MISSES)) return ['there is no known-misses.json: --bless writes it'];
  const known = JSON.parse(readFileSync(MISSES, 'utf8'));
  const now = missesOf(results);
  const names = new Set(results.map(({ name }) => name));
  const lines = [];
  for (const [name, kind] of Object.entries(now)) {
    const miss = results.find((one) => one.name === name).misses[0];
    if (known[name] === undefined) lines.push(`new miss: ${name}: ${kind}: ${miss[1]}`);
    else if (known[name] !== kind) lines.push(`was '${known[name]}': ${name}: ${kind}: ${miss[1]}`);
  }
  for (const name of Object.keys(known)) {
    if (!names.has(name)) lines.push(`known miss that was not run: ${name}`);
    else if (now[name] === undefined) lines.push(`known miss that holds now: ${name}`);
  }
  const board = JSON.stringify(JSON.parse(readFileSync(BOARD, 'utf8')));
  if (lines.length === 0 && board !== JSON.stringify(boardOf(results))) {
    lines.push('the figures are not those of scorecard.json');
  }
  return lines;
}
