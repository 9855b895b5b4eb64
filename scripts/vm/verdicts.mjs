/**
 * Verdicts of a folder of objects, as a kernel in a virtual machine gives them: what
 * verify-fuzz-oracle.mjs reads. Every program is loaded alone, as BPF_PROG_LOAD gets it from us.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { csvCell } from '../corpus/recorded.mjs';
import { chooseAccelerator } from './machine.mjs';
import { askTogether, createMap, loadProgram, notPlanned } from './load-commands.mjs';
import { askMachines } from './session.mjs';

const LEVEL1 = 1;
const STATS = 4;
/** The log that is asked for: one that does not fit is an error of its own (ENOSPC). */
export const ASKED_LOG = { logLevel: LEVEL1 | STATS, logSize: 64 << 20 };
const COLUMNS =
  'object program verdict errno processed max_states_per_insn total_states peak_states mark_read reason'.split(
    ' ',
  );

/**
 * Asks about `questions` (`{ name, file, program, input, unprivileged }`, in groups by object) and
 * writes FOLDER/verdicts.csv. Resolves to what went wrong, in lines.
 */
export async function writeVerdicts(groups, folder, { errnoName, machines, seconds, step }) {
  const rows = [];
  const troubles = await askMachines(groups, {
    machines,
    seconds,
    accelerator: await chooseAccelerator(),
    ask: askGroup,
    answered(question, answers) {
      step(question.name);
      rows.push(rowOf(question, answers.get(question.commands.load), errnoName));
    },
  });
  mkdirSync(folder, { recursive: true });
  const lines = rows.map((row) => COLUMNS.map((name) => csvCell(row[name])).join(','));
  writeFileSync(join(folder, 'verdicts.csv'), `${[COLUMNS.join(','), ...lines].join('\n')}\n`);
  return troubles;
}

function askGroup(plan, questions) {
  const asked = questions.filter(({ input }) => !notPlanned(input));
  askTogether(plan, asked, ({ input }, btf) => {
    const created = input.maps.map((map) => createMap(plan, map, btf));
    return { load: loadProgram(plan, input, created, btf, ASKED_LOG), created: new Map() };
  });
}

const ECANCELED = 125;
const FIGURES =
  /^processed (\d+) insns .* max_states_per_insn (\d+) total_states (\d+) peak_states (\d+) mark_read (\d+)$/m;

function rowOf({ file, program }, { result, buffers }, errnoName) {
  const log = buffers[0].toString('latin1');
  const [, processed, perInsn, total, peak, markRead] = FIGURES.exec(log) ?? [];
  return {
    object: file,
    program: program.name,
    verdict: result >= 0 ? 'accepted' : result === -ECANCELED ? 'not-asked' : 'rejected',
    errno: result >= 0 ? '' : errnoName(result),
    processed,
    max_states_per_insn: perInsn,
    total_states: total,
    peak_states: peak,
    mark_read: markRead,
    reason: result < 0 ? lastWords(log) : '',
  };
}

/** The last line of a log that is no statistics. */
export function lastWords(log) {
  const lines = log.trim().split('\n');
  return lines.findLast((line) => !/^(processed|verification time|stack depth)/.test(line)) ?? '';
}
