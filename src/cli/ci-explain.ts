/** `beeyard ci explain`: why a program costs more than it did. */
import { loadTargetKernel } from '../abi/index.ts';
import { wrapText } from '../base/index.ts';
import type { ObjectFile, ProgramSpec } from '../object/index.ts';
import { explainRegression, type Regression } from '../tools/ci/index.ts';
import type { Decision, LineDelta, Side } from '../tools/ci/explain.ts';
import { isExact, MATRIX_VERSIONS } from '../tools/index.ts';
import { verifierInput } from '../verifier/index.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT, usageError } from './exit.ts';
import { readObject } from './files.ts';
import { type CliIo, styleFor } from './io.ts';
import { formatTable, grouped } from './table.ts';
import { toJson } from './values.ts';

const MOST_LINES = 15;
const MOST_REASONS = 4;

export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const [oldPath = '', newPath = oldPath] = call.operands;
  const [oldKernel = '6.12', newKernel = oldKernel] = call.text('kernel')?.split(',') ?? [];
  if (oldPath === newPath && oldKernel === newKernel) {
    throw usageError('name two objects, or two kernels: --kernel 6.1,6.12');
  }
  const old = await sideOf(oldPath, oldKernel, call, io);
  const now = await sideOf(newPath, newKernel, call, io);
  const found = explainRegression(old, now);
  io.out(call.json ? `${toJson(found, call.flag('pretty'))}\n` : text(found, io));
  return found.old.ok && !found.now.ok ? EXIT.finding : EXIT.ok;
}

async function sideOf(path: string, kernel: string, call: CommandCall, io: CliIo): Promise<Side> {
  if (!isExact(kernel)) {
    throw usageError(`a kernel is one of ${MATRIX_VERSIONS.filter(isExact).join(', ')}`);
  }
  const profile = await loadTargetKernel(kernel);
  const object = readObject(path, io);
  return { input: verifierInput(object, programOf(object, call, path), profile), profile };
}

function programOf({ programs }: ObjectFile, call: CommandCall, path: string): ProgramSpec {
  const name = call.text('prog');
  const list = programs.map((one) => one.name).join(', ');
  const found = name === undefined ? programs : programs.filter((one) => one.name === name);
  if (found.length === 1) return found[0]!;
  if (name === undefined) throw usageError(`name a program of ${path}: --prog ${list}`);
  throw new CliError(EXIT.input, `${path} has no program '${name}' (it has: ${list})`);
}

const LINES = [
  { head: 'old', right: true },
  { head: 'new', right: true },
  { head: 'more', right: true },
  { head: 'where' },
  { head: 'source' },
];

function text({ old, now, first, lines, cut }: Regression, io: CliIo): string {
  const { bold, dim } = styleFor(io.color);
  const figure = (of: (stats: Regression['old']['stats']) => number) =>
    `${grouped(of(old.stats))} → ${grouped(of(now.stats))}`;
  const parts = [
    `${verdict(old)} → ${verdict(now)}; instructions ${figure((one) => one.processed)}, ` +
      `states ${figure((one) => one.totalStates)}\n`,
    `${bold('Where the pruning first differs')}\n${firstText(first, cut, io)}`,
  ];
  if (lines.length > 0) {
    const rows = lines.slice(0, MOST_LINES).map(row);
    parts.push(`${bold('Cost by source line')}\n${formatTable(LINES, rows, io.columns, dim)}`);
  }
  return parts.join('\n');
}

const verdict = ({ ok }: Regression['old']): string => (ok ? 'accepted' : 'rejected');

function row({ old, now, source, insn }: LineDelta): string[] {
  const more = `${now < old ? '-' : '+'}${grouped(Math.abs(now - old))}`;
  return [grouped(old), grouped(now), more, placeOf(source, insn), source?.text ?? ''];
}

const placeOf = (source: LineDelta['source'], insn: number): string =>
  source ? `${source.file.split('/').at(-1)}:${source.line}` : `#${insn}`;

function firstText(first: Regression['first'], cut: boolean, io: CliIo): string {
  if (!first) {
    const upTo = cut ? ' (as far as they were compared)' : '';
    return `  It does not: both keep and compare the same states${upTo}.\n`;
  }
  const lines = [
    `${grouped(first.same)} decisions are the same. Then:`,
    `old: ${decision(first.old)}`,
    `new: ${decision(first.now)}`,
    ...first.because.slice(0, MOST_REASONS).map((why) => `states differ there in ${why}`),
  ];
  return `${lines.flatMap((one) => wrapText(one, io.columns, '  ', '    ')).join('\n')}\n`;
}

const WORDS: Readonly<Record<Decision['kind'], string>> = {
  kept: 'keeps a state',
  missed: 'is not covered by a state kept before',
  covered: 'ends the path: a state kept before covers it',
};

function decision(one: Decision | undefined): string {
  if (!one) return 'has no further decision';
  const at = `${placeOf(one.source, one.insn)}${one.source ? ` (${one.source.text})` : ''}`;
  return `after ${grouped(one.processed)} instructions, at ${at}: ${WORDS[one.kind]}`;
}
