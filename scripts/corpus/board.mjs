/**
 * The committed scoreboard: how many of each kind hold (scorecard.json), and every known miss with
 * its kind (known-misses.json). A run must give exactly these.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KERNEL } from './paths.mjs';
import { FIXTURES } from './recorded.mjs';
import { METRICS, legacyScore, scores } from './report.mjs';

/** The files of a kernel: 'scorecard.json', 'scorecard-6.1.json'. */
const fileOf = (name, kernel) =>
  join(FIXTURES, kernel === KERNEL ? `${name}.json` : `${name}-${kernel}.json`);

/** The exact versions the figures are of. */
const VERSIONS = { 6.12: '6.12.117', 6.1: '6.1.192' };

/** Why a program is missed, in one word or two. */
export function missesOf(results) {
  const missed = results.filter(({ misses }) => misses.length > 0);
  return Object.fromEntries(missed.map(({ name, misses }) => [name, misses[0][0]]));
}

/** What the README shows. */
export function boardOf(results, kernel) {
  if (kernel !== KERNEL) return { kernel: VERSIONS[kernel], legacy: legacyScore(results) };
  return {
    kernel: VERSIONS[kernel],
    metrics: METRICS.map(([name, what]) => ({ name, what })),
    groups: scores(results),
    legacy: legacyScore(results),
  };
}

/** Writes both files from a run over everything. */
export function bless(results, kernel) {
  const board = JSON.stringify(boardOf(results, kernel), null, 1);
  writeFileSync(fileOf('scorecard', kernel), `${board}\n`);
  writeFileSync(fileOf('known-misses', kernel), `${JSON.stringify(missesOf(results), null, 1)}\n`);
}

/** Lines that tell what differs from the committed files; none if a run is as good as it was. */
export function differences(results, kernel) {
  const misses = fileOf('known-misses', kernel);
  if (!existsSync(misses)) return [`there is no ${misses}: --bless writes it`];
  const known = JSON.parse(readFileSync(misses, 'utf8'));
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
  const board = JSON.stringify(JSON.parse(readFileSync(fileOf('scorecard', kernel), 'utf8')));
  if (lines.length === 0 && board !== JSON.stringify(boardOf(results, kernel))) {
    lines.push('the figures are not those of scorecard.json');
  }
  return lines;
}
