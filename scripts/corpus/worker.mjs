/** A thread that verifies the programs of one object after the other and reports each. */
import { parentPort, workerData } from 'node:worker_threads';
import { openBeeyard, unitName, unitsOf } from './beeyard.mjs';
import { instructionsFrom } from './instructions.mjs';
import { attempt, judge } from './judge.mjs';
import { judgeLegacy } from './legacy.mjs';

const beeyard = await openBeeyard(workerData.kernel);

function report(message) {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a MessagePort has none
  parentPort.postMessage(message);
}

parentPort.on('message', (task) => {
  try {
    if (task.legacy) runLegacy(task);
    else runTask(task);
  } catch (error) {
    for (const row of task.rows?.privileged?.values() ?? []) {
      if (row.note) continue;
      report({ kind: 'result', ...unreadable(task.file, row, error) });
    }
  }
  report({ kind: 'ready' });
});
report({ kind: 'ready' });

function runTask({ file, programs, except, skip, rows }) {
  for (const unit of unitsOf(beeyard, workerData.folder, file, rows)) {
    const name = unitName(unit);
    const program = unit.program.name;
    if (programs && !programs.includes(program)) continue;
    if (except?.includes(program) || skip?.includes(name) || !wanted(unit, name)) continue;
    report({ kind: 'begin', name, processed: Number(unit.row?.processed ?? 0) });
    report({ kind: 'result', ...runUnit(unit, name) });
  }
}

/** The result for a program of an object that our loader does not read. */
function unreadable(file, { program, verdict }, error) {
  const kernel = verdict === 'not-asked';
  return {
    name: `${file}:${program}`,
    mode: 'privileged',
    verdict: 'not-asked',
    kernel,
    misses: kernel ? [] : [['object', error.message]],
  };
}

function runLegacy({ file, from, to }) {
  const pattern = new RegExp(workerData.only ?? '');
  for (const { name, judge: run } of judgeLegacy(beeyard, file, from, to)) {
    if (!pattern.test(name)) continue;
    report({ kind: 'begin', name, processed: 0 });
    report({ kind: 'result', name, legacy: true, ...run() });
  }
}

function wanted(unit, name) {
  const { only, group } = workerData;
  if (group && unit.group !== group) return false;
  return !only || new RegExp(only).test(name);
}

function runUnit(unit, name) {
  if (workerData.insns) unit.instructions = instructionsFrom(workerData.insns, unit);
  const start = performance.now();
  const outcome = attempt(beeyard, unit, { log: wantsLog(unit) });
  const { group, annotated, mode } = unit;
  return {
    name,
    group,
    annotated,
    mode,
    type: unit.program.type,
    ms: performance.now() - start,
    processed: outcome.plain?.stats.processed ?? 0,
    ...judge(unit, outcome),
  };
}

/** Logs are compared unless they are too long to be made every day. */
function wantsLog({ row }) {
  return workerData.log && row !== undefined && Number(row.processed) <= workerData.longest;
}
