/** The table of `npm run test:vm`, its list of known differences, and what it leaves in a folder. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib.mjs';
import { ASPECTS } from './judge.mjs';

const KNOWN = join(root, 'tests/fixtures/kernel/vm-differences.json');

/** Lines of a difference that are shown without --verbose. */
const SHOWN_LINES = 4;

/**
 * Marks every check `passed`, and `known` where the list says why it differs; a listed one that agrees
 * has not passed. Returns the names in the list that were not asked.
 */
export function applyKnown(results) {
  const known = JSON.parse(readFileSync(KNOWN, 'utf8'));
  const asked = new Set();
  for (const { question, checks } of results) {
    for (const check of checks) {
      const name = `${question.name} ${check.name}`;
      asked.add(name);
      check.known = known[name];
      check.passed = (check.difference === undefined) === (check.known === undefined);
    }
  }
  return Object.keys(known).filter((name) => !asked.has(name));
}

const XLATED = join(root, 'tests/fixtures/kernel/xlated.json');

/** Notes what the kernel made of programs: a hash of each (see scripts/corpus/xlated.mjs). */
export function recordXlated(results) {
  const known = existsSync(XLATED) ? JSON.parse(readFileSync(XLATED, 'utf8')) : {};
  for (const { question, checks } of results) {
    const hash = checks.find((check) => check.hash)?.hash;
    if (hash) known[question.name] = hash;
  }
  const sorted = Object.entries(known).sort(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(XLATED, `${JSON.stringify(Object.fromEntries(sorted), null, 1)}\n`);
}

const MAP_PROGRAMS = 'tests/fixtures/map-programs/';
const MAP_ANSWERS = join(root, 'tests/fixtures/oracle/map-programs-6.12.117.json');

/** Notes what the programs of the map suite answered, and what is in their maps. */
export function recordMapPrograms(results) {
  const asked = results.filter(({ question }) => question.file.startsWith(MAP_PROGRAMS));
  const answers = asked.map(({ question, runs, maps }) => [
    question.name.slice(MAP_PROGRAMS.length),
    { runs, maps },
  ]);
  const about =
    'Linux 6.12.117: what the programs of tests/fixtures/map-programs returned, and what was in their ' +
    'maps after all runs (key and value as hex). Made by npm run test:vm -- --record map-programs.';
  if (answers.length === 0) return;
  const programs = Object.fromEntries(answers);
  writeFileSync(MAP_ANSWERS, `${JSON.stringify({ about, programs }, null, 1)}\n`);
}

/** Rows by object: how many of each aspect hold. */
export function tableRows(results) {
  const files = new Map();
  for (const result of results) {
    const { file } = result.question;
    if (!files.has(file)) files.set(file, []);
    files.get(file).push(result);
  }
  return [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, some]) => [
      file,
      String(some.length),
      ...ASPECTS.map((aspect) => share(some, aspect)),
    ]);
}

/** 'agree/compared', or one number if that is the same. */
export function share(results, aspect) {
  const checks = results.flatMap((one) => one.checks.filter((check) => check.aspect === aspect));
  const equal = checks.filter(({ difference }) => difference === undefined).length;
  if (checks.length === 0) return '';
  return equal === checks.length ? String(equal) : `${equal}/${checks.length}`;
}

/** Every check that did not pass, and with `all` the known differences, as text. */
export function differencesText(results, all) {
  const lines = [];
  for (const { question, checks } of results) {
    for (const { name, difference, known, passed } of checks) {
      if (passed && !(all && known)) continue;
      const title = `${question.name} ${name}`;
      if (difference === undefined) lines.push(`agrees now, but is listed as different: ${title}`);
      else
        lines.push(`${known ? `known (${known})` : 'differs'}: ${title}`, ...cut(difference, all));
    }
  }
  return lines.length > 0 ? `${lines.join('\n')}\n` : '';
}

function cut(text, all) {
  const lines = text.split('\n').map((line) => `    ${all ? line : line.slice(0, 200)}`);
  return all || lines.length <= SHOWN_LINES ? lines : interesting(lines);
}

/** Of a log: its title and the first lines that differ. */
function interesting(lines) {
  const marked = lines.filter((line) => /^ {4}[KB] /.test(line));
  const ours = marked.find((line) => line.startsWith('    B'));
  return marked.length > 0 ? [lines[0], marked[0], ours ?? ''] : lines.slice(0, SHOWN_LINES);
}

/** FOLDER/OBJECT/PROGRAM.kernel.log and .beeyard.log. */
export function keepLogs(folder, { question, logs }) {
  const place = join(folder, question.file.replaceAll('/', '_'));
  mkdirSync(place, { recursive: true });
  for (const [who, log] of Object.entries(logs)) {
    writeFileSync(join(place, `${question.program.name}.${who}.log`), log, 'latin1');
  }
}
