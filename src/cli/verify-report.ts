/** The three forms of `beeyard verify`'s answer. */
import { basename } from 'node:path';
import { wrapText } from '../base/index.ts';
import { lineOf } from '../object/index.ts';
import { counterexampleData, counterexampleText } from '../tools/counterexample/index.ts';
import { diagnosisText, type VerifierInput, type VerifyResult } from '../verifier/index.ts';
import type { CliIo, Style } from './io.ts';
import { styleFor } from './io.ts';
import { formatTable, grouped } from './table.ts';
import { toJson } from './values.ts';
import { profileText } from './verify-profile.ts';
import type { VerifiedProgram } from './verify.ts';

const COLUMNS = [
  { head: 'program' },
  { head: 'type' },
  { head: 'verdict' },
  { head: 'insns', right: true },
  { head: 'states', right: true },
  { head: 'peak', right: true },
  { head: 'stack', right: true },
  { head: 'time', right: true },
];

/** The kernel's log of every program that has one, then a table of verdicts. */
export function writeText(programs: readonly VerifiedProgram[], io: CliIo, logs: boolean): void {
  const style = styleFor(io.color);
  for (const one of programs) {
    const text = detail(one, io, logs);
    if (!text) continue;
    io.out(`${style.bold(titleOf(one, programs))}\n${text}${text.endsWith('\n') ? '' : '\n'}\n`);
  }
  if (programs.length === 0) io.err('there are no programs\n');
  else io.out(formatTable(COLUMNS, programs.map(rowOf(programs, style)), io.columns, style.dim, 0));
}

function detail(one: VerifiedProgram, io: CliIo, logs: boolean): string {
  if (one.bug) return `this is a bug in beeyard, please report it:\n${one.bug.stack}\n`;
  if (one.refusal) return `the loader: ${one.refusal.message}\n`;
  const texts = [one.result && (logs || !one.result.ok) ? one.result.log : ''];
  if (one.diagnosis) texts.push(`${diagnosisText(one.diagnosis, io.columns)}\n`);
  if (one.counterexample) {
    const lines = counterexampleText(one.counterexample);
    const wrapped = lines.flatMap((line) => wrapText(line, io.columns, '', '    '));
    texts.push(`${wrapped.join('\n')}\n`);
  }
  if (one.profile) texts.push(profileText(one.profile, io));
  return texts.filter((text) => text !== '').join('\n');
}

/** Files are named only when there are several. */
function titleOf({ file, program }: VerifiedProgram, all: readonly VerifiedProgram[]): string {
  const several = all.some((other) => other.file !== file);
  return several ? `${basename(file)}: ${program.name}` : program.name;
}

function rowOf(all: readonly VerifiedProgram[], style: Style) {
  return (one: VerifiedProgram): string[] => {
    const { result, program } = one;
    const { processed, totalStates, peakStates, stackDepths, time } = result?.stats ?? NOTHING;
    const figures = [processed, totalStates, peakStates].map((n) => (result ? grouped(n) : ''));
    return [
      titleOf(one, all),
      program.type ?? '?',
      verdictText(one, style),
      ...figures,
      stackDepths.join('+'),
      result ? timeText(time) : '',
    ];
  };
}

const NOTHING = { processed: 0, totalStates: 0, peakStates: 0, stackDepths: [], time: 0 };

/** Microseconds as people say them. */
function timeText(microseconds: number): string {
  return microseconds < 1000
    ? `${Math.round(microseconds)} µs`
    : `${(microseconds / 1000).toFixed(microseconds < 10_000 ? 1 : 0)} ms`;
}

function verdictText({ result, refusal }: VerifiedProgram, style: Style): string {
  if (refusal) return style.bad(`not loaded (${refusal.code})`);
  if (!result) return style.bad('bug');
  return result.ok ? style.good('accepted') : style.bad(`rejected (${result.errnoName})`);
}

/** The columns of veristat's `-o csv`, whose scripts read this, too. */
export function writeCsv(programs: readonly VerifiedProgram[], io: CliIo): void {
  io.out(
    'file_name,prog_name,verdict,duration,total_insns,total_states,peak_states,' +
      'max_states_per_insn,max_mark_read_len\n',
  );
  for (const { file, program, result } of programs) {
    const stats = result?.stats;
    const figures = [
      Math.round(stats?.time ?? 0),
      stats?.processed ?? 0,
      stats?.totalStates ?? 0,
      stats?.peakStates ?? 0,
      stats?.maxStatesPerInsn ?? 0,
      stats?.markRead ?? 0,
    ];
    const verdict = result?.ok ? 'success' : 'failure';
    io.out(`${[basename(file), program.name, verdict, ...figures].join(',')}\n`);
  }
}

export function writeJson(programs: readonly VerifiedProgram[], io: CliIo, pretty: boolean): void {
  io.out(`${toJson(programs.map(jsonOf), pretty)}\n`);
}

function jsonOf({ file, program, input, result, refusal, bug, ...rest }: VerifiedProgram) {
  const { diagnosis, counterexample, profile } = rest;
  return {
    file,
    name: program.name,
    section: program.section,
    type: program.type ?? null,
    verdict: result ? (result.ok ? 'accepted' : 'rejected') : refusal ? 'not_loaded' : 'bug',
    errno: result?.errno ?? (refusal ? -refusal.errno : null),
    errno_name: result?.errnoName ?? refusal?.code ?? null,
    ...(result && !result.ok ? { reason: reasonOf(result, input) } : {}),
    ...(refusal ? { error: refusal.message } : {}),
    ...(bug ? { error: bug.stack ?? bug.message } : {}),
    ...(result ? { stats: statsOf(result), log: result.log } : {}),
    ...diagnosis,
    ...(counterexample ? { counterexample: counterexampleData(counterexample) } : {}),
    ...(profile ? { profile } : {}),
  };
}

/** Where and why, with the source line the instruction came from. */
function reasonOf({ reason, insn }: VerifyResult, input: VerifierInput | undefined) {
  const line = input && lineOf(input.lineInfo, insn);
  return {
    code: reason?.code ?? null,
    text: reason?.text ?? null,
    insn: insn < 0 ? null : insn,
    source: line && { file: line.file, line: line.line, column: line.column, text: line.text },
  };
}

function statsOf({ stats }: VerifyResult) {
  return {
    insns: stats.processed,
    max_states_per_insn: stats.maxStatesPerInsn,
    total_states: stats.totalStates,
    peak_states: stats.peakStates,
    mark_read: stats.markRead,
    stack_depths: stats.stackDepths,
    duration_us: Math.round(stats.time),
  };
}
