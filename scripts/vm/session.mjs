/** Asks several machines at once; the answers to a question are handed on when they are complete. */
import { runPlan } from './machine.mjs';
import { Plan } from './plan.mjs';

/**
 * `groups`: questions that go to the same machine together; `ask(plan, group)` adds their commands and
 * notes in each question which they are (`commands`); `answered(question, answers)` gets the answers
 * by command, `given(command, answer)` each as it comes. Resolves to what went wrong, in lines.
 */
export async function askMachines(groups, { machines, ask, answered, given, ...limits }) {
  const shares = shareOut(groups, machines).filter((share) => share.length > 0);
  const troubles = await Promise.all(
    shares.map((share) => askMachine(share, { ask, answered, also: given, limits })),
  );
  return troubles.flat();
}

/** The biggest groups first, each to the machine with least so far. */
function shareOut(groups, machines) {
  const shares = Array.from({ length: machines }, () => ({ groups: [], size: 0 }));
  for (const group of groups.toSorted((a, b) => b.length - a.length)) {
    const least = shares.reduce((one, other) => (other.size < one.size ? other : one));
    least.groups.push(group);
    least.size += group.length;
  }
  return shares.map((share) => share.groups);
}

async function askMachine(groups, { ask, answered, also, limits }) {
  const plan = new Plan();
  for (const group of groups) ask(plan, group);
  const open = new Map();
  for (const question of groups.flat()) {
    if (!question.commands) continue;
    const waiting = { question, left: commandsOf(question.commands), answers: new Map() };
    for (const command of waiting.left) open.set(command, waiting);
  }
  const given = (command, answer) => {
    also?.(command, answer);
    const waiting = open.get(command);
    if (!waiting) return;
    open.delete(command);
    waiting.answers.set(command, answer);
    waiting.left.delete(command);
    if (waiting.left.size === 0) answered(waiting.question, waiting.answers);
  };
  const { ended, last, console, seconds } = await runTwice(plan, given, limits);
  if (ended && open.size === 0) return [];
  const [next] = open.values();
  const where = next ? `while it was asked about ${next.question.name}` : `after command ${last}`;
  return [`the machine stopped after ${seconds.toFixed()} s ${where}: ${console}`];
}

/** A machine that did not even come up gets a second chance. */
async function runTwice(plan, given, limits) {
  const first = await runPlan(plan, given, limits);
  return first.last < 0 && first.seconds < limits.seconds ? runPlan(plan, given, limits) : first;
}

const commandsOf = ({ load, created, info, runs = [], maps = [] }) => {
  const first = info === undefined ? [load] : [load, info];
  const contents = maps.flatMap(({ commands }) => commands);
  return new Set([...first, ...created.values(), ...runs, ...contents]);
};
