/** Runs the corpus over worker threads: one task an object, long programs each on their own. */
import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { countLegacy } from './legacy.mjs';
import { progress } from './progress.mjs';
import { recorded } from './recorded.mjs';

/** Programs the kernel needed more instructions for are tasks of their own. */
const LONG = 50_000;

/** Instructions a second below which a program counts as hanging, and what each may take anyway. */
const SLOWEST = 20_000;
const GRACE = 20_000;

/**
 * Verifies everything `options` select; resolves with the results by name. Without a folder of
 * objects only the tests of the table.
 */
export async function runCorpus(folder, options) {
  const tasks = [...makeTasks(folder, options), ...legacyTasks(options)];
  const bar = progress('verifying', tasks.length);
  const results = [];
  const lanes = Array.from({ length: Math.min(options.jobs, tasks.length) }, () =>
    lane(folder, options, tasks, results, bar),
  );
  await Promise.all(lanes);
  bar.end();
  return results.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** Tests of the table a task judges. */
const PIECE = 30;

function legacyTasks({ legacy }) {
  if (!legacy) return [];
  const pieces = Math.ceil(countLegacy(legacy) / PIECE);
  return Array.from({ length: pieces }, (_, i) => ({
    legacy: true,
    file: legacy,
    from: 1 + i * PIECE,
    to: 1 + (i + 1) * PIECE,
  }));
}

function makeTasks(folder, options) {
  if (!folder) return [];
  const rows = { privileged: recorded('privileged'), unprivileged: recorded('unprivileged') };
  const files = readdirSync(folder).filter((name) => name.endsWith('.o'));
  return files
    .flatMap((file) => {
      const own = {
        privileged: rows.privileged.get(file),
        unprivileged: rows.unprivileged.get(file),
      };
      if (!mayMatch(file, own, options.only)) return [];
      const cost = (row) => Number(row.processed);
      const all = [...(own.privileged?.values() ?? [])];
      const long = all.filter((row) => cost(row) > LONG);
      const except = long.map(({ program }) => program);
      const short = all.reduce((sum, row) => sum + Math.min(cost(row), LONG), 0);
      return [
        { file, rows: own, except, cost: short },
        ...long.map((row) => ({ file, rows: own, programs: [row.program], cost: cost(row) })),
      ];
    })
    .sort((a, b) => b.cost - a.cost);
}

/** Whether a pattern over 'OBJECT:PROGRAM[@unpriv]' matches one of the programs that are known. */
function mayMatch(file, own, only) {
  if (!only) return true;
  const pattern = new RegExp(only);
  const names = [
    ...[...(own.privileged?.keys() ?? [])].map((program) => `${file}:${program}`),
    ...[...(own.unprivileged?.keys() ?? [])].map((program) => `${file}:${program}@unpriv`),
  ];
  return names.length === 0 ? pattern.test(file) : names.some((name) => pattern.test(name));
}

/** One worker after the other (a hanging one is ended) until no task is left. */
async function lane(folder, options, tasks, results, bar) {
  while (tasks.length > 0) {
    const unfinished = await runWorker(folder, options, tasks, results, bar);
    if (unfinished) tasks.unshift(unfinished);
  }
}

/** Resolves when there is no task left, or with the task that was under way when the thread died. */
function runWorker(folder, options, tasks, results, bar) {
  const { kernel, only, group, log, longest, insns } = options;
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
    workerData: { kernel, folder, only, group, log, longest, insns },
    resourceLimits: { maxOldGenerationSizeMb: 4096 },
  });
  return new Promise((resolve, reject) => {
    let task;
    let current;
    let timer;
    const finish = (value) => {
      clearTimeout(timer);
      resolve(value);
      worker.terminate();
    };
    const lost = (why) => {
      clearTimeout(timer);
      if (!current) return reject(new Error(`a worker ended: ${why}`));
      results.push({ name: current, verdict: 'bug', misses: [['bug', why]] });
      const skip = [...(task.skip ?? []), ...task.done, current];
      finish({ ...task, skip });
    };
    worker.on('message', (message) => {
      clearTimeout(timer);
      if (message.kind === 'begin') {
        current = message.name;
        const limit = GRACE + (message.processed / SLOWEST) * 1000;
        timer = setTimeout(() => lost(`no end after ${Math.round(limit / 1000)} s`), limit);
      } else if (message.kind === 'result') {
        task.done.push(message.name);
        current = undefined;
        results.push(message);
      } else {
        if (task) bar.step(task.file);
        task = tasks.shift();
        if (!task) return finish(undefined);
        task.done = [];
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a Worker has none
        worker.postMessage(task);
      }
    });
    worker.on('error', (error) => lost(error.message));
  });
}
