/** The first place where our log leaves the kernel's. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { unitName, unitsOf } from './beeyard.mjs';
import { attempt, judge } from './judge.mjs';
import { normalized } from './normal.mjs';

const BEFORE = 15;
const AFTER = 6;

/** Our level-2 log of one program. */
export function ourLog(beeyard, folder, _logs, rows, name) {
  const unit = unitsOf(beeyard, folder, name.split(':')[0], rows).find(
    (one) => unitName(one) === name,
  );
  if (!unit) return `there is no ${name}\n`;
  const { detailed, bug, refusal } = attempt(beeyard, unit, { log: true });
  return detailed?.log ?? `${bug?.stack ?? refusal?.message}\n`;
}

/** What to print about one program; `logs` is the folder of the kernel's level-2 logs. */
export function diffText(beeyard, folder, logs, rows, name) {
  const [file, rest] = name.split(':');
  const units = unitsOf(beeyard, folder, file, rows);
  const unit = units.find((one) => unitName(one) === name);
  if (!unit) return `there is no ${rest} in ${file}: ${units.map(unitName).join(' ')}\n`;
  const outcome = attempt(beeyard, unit, { log: true });
  const result = judge(unit, outcome);
  const { spec, row } = unit;
  const lines = [
    `${name}: group ${unit.group}, ${result.verdict}; kernel ${row?.verdict} ${row?.errno ?? ''} ${row?.note ?? ''}`,
  ];
  if (spec)
    lines.push(
      `expects: ${JSON.stringify({ ...spec[unit.mode], flags: spec.flags, logLevel: spec.logLevel })}`,
    );
  for (const [kind, text, stack] of result.misses) lines.push(`${kind}: ${stack ?? text}`);
  const path = join(logs, unit.mode, file, `${unit.program.name.replaceAll('/', '_')}.log`);
  if (!existsSync(path)) lines.push(`no log of the kernel: ${path}`);
  else if (outcome.detailed)
    lines.push(compareLogs(outcome.detailed.log, readFileSync(path, 'latin1')));
  return `${lines.join('\n')}\n`;
}

export function compareLogs(ourLog, theirLog) {
  const ours = normalized(ourLog).split('\n');
  const theirs = normalized(theirLog).split('\n');
  const at = theirs.findIndex((line, i) => line !== ours[i]);
  if (at < 0 && ours.length === theirs.length) return `logs are equal (${ours.length} lines)`;
  const from = at < 0 ? theirs.length : at;
  return [
    `logs differ at line ${from + 1} of ${theirs.length} (ours has ${ours.length})`,
    ...theirs.slice(Math.max(0, from - BEFORE), from).map((line) => `  ${line}`),
    ...theirs.slice(from, from + AFTER).map((line) => `K ${line}`),
    ...ours.slice(from, from + AFTER).map((line) => `B ${line}`),
  ].join('\n');
}
