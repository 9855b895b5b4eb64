/**
 * One program under one expectation: verify it, compare with what the test says and with what the
 * real kernel said.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { logHash } from './normal.mjs';
import { statistics } from './recorded.mjs';
import { load } from './source.mjs';
import { driverText, formHash, ourForm, patternsMet } from './xlated.mjs';

const loading = await load('src/tools/selftests/load.ts');
const { compilePattern, firstMissing } = await load('src/tools/selftests/patterns.ts');

export const { capabilitiesOf, OTHER_CAPABILITIES } = loading;

const LEVEL1 = 1;
const LEVEL2 = 2;
const STATS = 4;
/** Bytes of the test driver's log buffer. */
const LOG_BUFFER = 2 << 20;

/** Errors of the loader (libbpf's side): the kernel is never asked. */
function loaderRefusal(error) {
  return error.name === 'KernelError' ? error : undefined;
}

/** The kernel to relocate for: a test may name an object with other types. */
function targetOf({ profile, parseBtfFile }, { folder, spec }) {
  if (!spec?.btfPath) return profile;
  const types = parseBtfFile(readFileSync(join(folder, spec.btfPath)));
  return { ...profile, btf: () => types, modules: [] };
}

/** The input of a program, or the loader's refusal. */
export function inputOf(beeyard, unit) {
  const input = loading.selftestInput(unit, targetOf(beeyard, unit));
  const { mode, instructions } = unit;
  return instructions && mode === 'privileged' ? { ...input, insns: instructions(input) } : input;
}

/**
 * Runs the verifier as the test loader would and once more at log level 2. Results hold what came
 * out of each; exceptions that are no verdict become `bug`.
 */
export function attempt(beeyard, unit, { log }) {
  const { spec, mode, file } = unit;
  const capabilities = capabilitiesOf(file, mode);
  const logged = log;
  try {
    const input = inputOf(beeyard, unit);
    const run = (logLevel, logSize) =>
      beeyard.verify(input, beeyard.profile, { logLevel, logSize, capabilities, xlated: true });
    const outcome = { ...runs(run, spec, mode, log), logged };
    return { ...outcome, ...rewritten(beeyard, unit, input, outcome.plain, capabilities) };
  } catch (error) {
    const refusal = loaderRefusal(error);
    if (refusal) return { refusal, logged };
    return { logged, bug: error instanceof Error ? error : new Error(String(error)) };
  }
}

const BPF_F_TEST_RND_HI32 = 1 << 2;

/**
 * The rewritten program by its hash, and as the test driver prints it. With random upper halves Linux
 * 6.12.117 itself does not show the patterns of some tests: they are searched in a load without.
 */
function rewritten(beeyard, { spec, mode }, input, { xlated }, capabilities) {
  if (!xlated) return {};
  const hash = formHash(ourForm(beeyard, xlated));
  if (!spec?.[mode].xlated.length) return { hash };
  const flags = input.flags & ~BPF_F_TEST_RND_HI32;
  const options = { capabilities, xlated: true };
  const plain = beeyard.verify({ ...input, flags }, beeyard.profile, options);
  return { hash, driverText: driverText(beeyard, plain.xlated) };
}

function runs(run, spec, mode, log) {
  const messages = spec?.[mode].messages.length > 0;
  const asked = spec?.logLevel ?? 0;
  const detailed = log ? run(LEVEL2 | STATS) : undefined;
  if (!messages) return { detailed, plain: detailed ?? run(0), said: '' };
  if (asked & LEVEL2 && detailed) return { detailed, plain: detailed, said: detailed.log };
  // Level 0 has no log; when the load fails, libbpf tries again with level 1.
  const plain = run(asked || LEVEL1, asked ? LOG_BUFFER : undefined);
  return { detailed, plain, said: asked === 0 && plain.ok ? '' : plain.log };
}

/** The verdict over one attempt: which comparisons hold (undefined: not compared). */
export function judge(unit, outcome) {
  const { spec, mode, row, annotated } = unit;
  const known = row && !row.note && !OTHER_CAPABILITIES.has(unit.file) && !lacksMap(row);
  const verdict = verdictOf(outcome);
  const result = { verdict, misses: [] };
  if (outcome.bug) result.misses.push(bugMiss(outcome.bug));
  else if (outcome.plain?.reason) result.message = outcome.plain.reason.code ?? '';
  if (annotated) {
    judgeExpectation(result, outcome, spec[mode], known ? row : undefined);
    judgePatterns(result, outcome, spec[mode].xlated);
  }
  if (known) judgeAgainstKernel(result, outcome, row);
  if (lacksModule(outcome)) result.misses = result.misses.map(([, text]) => ['module', text]);
  return result;
}

/** The loader of the record got no further than its maps: it says nothing of the program. */
const lacksMap = ({ verdict, reason }) =>
  verdict === 'not-asked' && reason.includes('failed to create');

/** It needs types of a kernel module (bpf_testmod, nf_conntrack, …), which the profile has not. */
const lacksModule = ({ refusal }) =>
  /not found in kernel|failed to find kernel BTF type/.test(refusal?.message ?? '');

function verdictOf({ bug, refusal, plain }) {
  if (bug) return 'bug';
  if (refusal) return 'not-asked';
  return plain.ok ? 'accepted' : 'rejected';
}

function judgeExpectation(result, outcome, expected, row) {
  const accepted = result.verdict === 'accepted';
  const as = result.verdict !== 'bug' && accepted !== expected.failure;
  // What the machine's kernel itself does not do is nothing to be measured by.
  result.judged = row !== undefined && (row.verdict === 'accepted') !== expected.failure;
  result.expectation = as && (!result.judged || errnoOf(outcome) === row.errno);
  if (!as && !outcome.bug && (result.judged || !row)) {
    const why = accepted ? `kernel: ${row?.reason ?? '?'}` : saidBy(outcome);
    result.misses.push([accepted ? 'wrong accept' : 'wrong reject', why]);
  }
  if (expected.messages.length === 0 || row?.unsaid) return;
  const missing = outcome.said === undefined ? 0 : firstMissing(outcome.said, expected.messages);
  result.messages = missing < 0;
  if (as && missing >= 0) result.misses.push(['message', `want: ${expected.messages[missing]}`]);
}

/** Patterns of the rewritten program: on succeeding lines. */
function judgePatterns(result, { driverText: text }, patterns) {
  if (patterns.length === 0 || !result.expectation) return;
  const found = patternsMet(text ?? '', patterns, compilePattern);
  result.patterns = { met: found.met, all: found.all };
  if (found.met < found.all) result.misses.push(['pattern', `want: ${found.missing}`]);
}

function judgeAgainstKernel(result, outcome, row) {
  const same = result.verdict === row.verdict;
  result.kernel = same && errnoOf(outcome) === row.errno;
  if (!same && !outcome.bug) {
    const why = result.verdict === 'accepted' ? `kernel: ${row.reason}` : saidBy(outcome);
    result.misses.push([`${result.verdict}, kernel ${row.verdict}`, why]);
  } else if (!result.kernel && !outcome.bug) {
    result.misses.push(['errno', `${errnoOf(outcome)}, kernel ${row.errno}: ${saidBy(outcome)}`]);
  }
  if (row.verdict === 'not-asked') return;
  result.accepted = row.verdict === 'accepted';
  result.statistics =
    same && outcome.plain ? statisticsMiss(outcome.plain.stats, row) === '' : false;
  if (result.kernel && !result.statistics) {
    result.misses.push(['statistics', statisticsMiss(outcome.plain.stats, row)]);
  }
  result.stack = same && outcome.plain?.stats.stackDepths.join('+') === row.stack;
  if (row.xlated) {
    result.xlated = outcome.hash === row.xlated;
    if (result.kernel && !result.xlated) result.misses.push(['xlated', '']);
  }
  if (/^[0-9a-f]{16}$/.test(row.log) && outcome.logged) {
    result.log = outcome.detailed !== undefined && logHash(outcome.detailed.log) === row.log;
    if (result.statistics && !result.log) result.misses.push(['log', '']);
  }
}

function errnoOf({ refusal, plain }) {
  return refusal?.code ?? plain?.errnoName ?? '';
}

function saidBy({ refusal, plain }) {
  if (refusal) return `loader: ${refusal.message}`;
  return plain.reason
    ? (plain.reason.text ?? plain.log.trim().split('\n').at(-1))
    : plain.errnoName;
}

const FIGURES = ['processed', 'maxStatesPerInsn', 'totalStates', 'peakStates', 'markRead'];

/** '' or the first figures that differ: 'totalStates 3, kernel 4'. */
function statisticsMiss(stats, row) {
  const kernel = statistics(row);
  const wrong = FIGURES.findIndex((name, i) => stats[name] !== kernel[i]);
  return wrong < 0 ? '' : `${FIGURES[wrong]} ${stats[FIGURES[wrong]]}, kernel ${kernel[wrong]}`;
}

/** The class and the top of the stack inside the verifier. */
function bugMiss(thrown) {
  const error = thrown.cause instanceof Error ? thrown.cause : thrown;
  const frame = (error.stack ?? '').split('\n').find((line) => line.includes('/src/'));
  const place = /\/src\/([^):]+:\d+)/.exec(frame ?? '')?.[1] ?? '';
  return ['bug', `${error.name}: ${error.message.split('\n')[0]} (${place})`, error.stack];
}
