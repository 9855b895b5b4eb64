/** Holds our answers to a question against the kernel's. */
import { compareLogs } from '../corpus/diff.mjs';
import { normalized } from '../corpus/normal.mjs';
import { formHash, kernelForm, ourForm } from '../corpus/xlated.mjs';
import { kernelContents } from './contents.mjs';
import { returnValueOf } from './load-commands.mjs';
import { inputsOf } from './setup.mjs';
import { lastWords } from './verdicts.mjs';
import { ENGINES, ourRuns, ourVerdict } from './ours.mjs';

/** The aspects of a question, as the table counts them. */
export const ASPECTS = ['verdict', 'statistics', 'log', 'xlated', 'runs', 'maps'];

const statisticsLine = (log) => /^processed \d+ insns .*$/m.exec(log)?.[0] ?? '';

/** What the kernel said: `{ errno, log, xlated, runs, maps }`. */
export function kernelAnswers({ commands }, answers, symbols) {
  const { result, buffers } = answers.get(commands.load);
  const info = answers.get(commands.info);
  const runs = commands.runs?.map((command) => runText(answers.get(command)));
  const maps = commands.maps?.map(({ spec, commands: asked }) => [
    spec.name,
    kernelContents(
      spec,
      asked.map((command) => answers.get(command)),
    ),
  ]);
  return {
    errno: result < 0 ? -result : 0,
    log: buffers[0].toString('latin1') || failedMaps(commands, answers),
    xlated: info.result === 0 ? symbols.read(info.data) : undefined,
    runs,
    maps: maps && Object.fromEntries(maps),
  };
}

/** Why a load was not even tried. */
const failedMaps = ({ created }, answers) =>
  [...created]
    .map(([name, command]) => [name, answers.get(command).result])
    .filter(([, result]) => result < 0)
    .map(([name, result]) => `map ${name}: errno ${-result}`)
    .join('\n');

function runText({ result, attr, buffers }) {
  if (result < 0) return `errno ${-result}`;
  return `${returnValueOf(attr)}, ${buffers[0]?.toString('hex') ?? ''}`;
}

/**
 * The checks of a question: `{ aspect, name, difference }`, difference undefined where both agree; and
 * `refusal` when the machine does not run it, `logs` of both.
 */
export async function judge(beeyard, question, kernel, packets) {
  const ours = ourVerdict(beeyard, question);
  const checks = [...loadChecks(ours, kernel), ...xlatedChecks(beeyard, ours, kernel)];
  let refusal;
  for (const engine of kernel.runs && kernel.errno === 0 && ours.errno === 0 ? ENGINES : []) {
    const inputs = inputsOf(question, packets);
    const run = await ourRuns(beeyard, question, inputs, engine);
    if (run.refusal) refusal = run.refusal;
    else checks.push(...runChecks(run, kernel, engine, inputs));
  }
  const logs = { kernel: kernel.log, ours: ours.log };
  return { question, checks, refusal, logs, runs: kernel.runs, maps: kernel.maps };
}

function loadChecks(ours, kernel) {
  const verdict = check('verdict', 'verdict', String(ours.errno), String(kernel.errno), (a, b) => [
    `errno ${a}, kernel ${b}: ${lastWords(kernel.log)}`,
  ]);
  if (verdict.difference) return [verdict];
  const figures = [ours, kernel].map(({ log }) => statisticsLine(log));
  const [ourText, theirText] = [ours, kernel].map(({ log }) => normalized(log));
  return [
    verdict,
    check('statistics', 'statistics', ...figures, (a, b) => [`${a}`, `kernel: ${b}`]),
    check('log', 'log', ourText, theirText, () => [compareLogs(ours.log, kernel.log)]),
  ];
}

/** The rewritten program; `hash` is what a test without a machine compares. */
function xlatedChecks(beeyard, { xlated }, { xlated: answer }) {
  if (!xlated || !answer) return [];
  const mine = ourForm(beeyard, xlated);
  const theirs = kernelForm(beeyard, answer, xlated);
  const differs = () => [firstDifference(mine.split('\n'), theirs.split('\n'))];
  return [{ ...check('xlated', 'xlated', mine, theirs, differs), hash: formHash(theirs) }];
}

function runChecks(ours, kernel, engine, inputs) {
  const runs = check('runs', `runs ${engine}`, ours.runs.join('\n'), kernel.runs.join('\n'), () =>
    inputs.flatMap(({ name }, index) =>
      ours.runs[index] === kernel.runs[index]
        ? []
        : [
            `${name}: ${ours.runs[index]}`,
            `${' '.repeat(name.length)}kernel: ${kernel.runs[index]}`,
          ],
    ),
  );
  const maps = Object.entries(kernel.maps).map(([name, lines]) =>
    check('maps', `map ${name} ${engine}`, ours.maps[name].join('\n'), lines.join('\n'), (a, b) => [
      firstDifference(a.split('\n'), b.split('\n')),
    ]),
  );
  return [runs, ...maps];
}

function firstDifference(ours, kernel) {
  const at = Array.from({ length: Math.max(ours.length, kernel.length) }).findIndex(
    (_, index) => ours[index] !== kernel[index],
  );
  const counts = `${ours.length} lines, kernel ${kernel.length}`;
  return `${counts}; line ${at + 1}: ${ours[at]}\nkernel: ${kernel[at]}`;
}

function check(aspect, name, ours, kernel, words) {
  return { aspect, name, difference: ours === kernel ? undefined : words(ours, kernel).join('\n') };
}
