/** `beeyard matrix`: programs × kernels. */
import { basename } from 'node:path';
import { type KernelProfile, loadTargetKernel } from '../abi/index.ts';
import {
  isExact,
  MATRIX_VERSIONS,
  type MatrixCell,
  matrixRow,
  type MatrixRow,
  requirementText,
} from '../tools/index.ts';
import type { CommandCall } from './command.ts';
import { choosePrograms } from './choose-programs.ts';
import { EXIT, usageError } from './exit.ts';
import { type CliIo, type Style, styleFor } from './io.ts';
import { didYouMean } from './suggest.ts';
import { formatTable, grouped } from './table.ts';
import { toJson } from './values.ts';

/** A row and the file its program is in. */
interface NamedRow extends MatrixRow {
  readonly file: string;
}

export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const versions = chosenVersions(call);
  const failOn = exactVersions(call);
  const programs = choosePrograms(call, io);
  const profiles = await loadProfiles([...versions, ...failOn]);
  const rows: NamedRow[] = [];
  for (const { file, object, program } of programs) {
    if (io.interrupt?.aborted) return EXIT.interrupted;
    const name = basename(file).split('.')[0]!;
    rows.push({ file, ...matrixRow(object, program, versions, profiles, name) });
  }
  if (call.json) io.out(`${toJson(rows.map(jsonOf), call.flag('pretty'))}\n`);
  else writeTable(rows, io);
  return rows.some(({ cells }) => cells.some((cell) => fails(cell, failOn)))
    ? EXIT.finding
    : EXIT.ok;
}

const fails = ({ kernel, verdict }: MatrixCell, failOn: readonly string[]): boolean =>
  verdict === 'rejected' && failOn.includes(kernel);

/** --kernel, or all. */
function chosenVersions(call: CommandCall): readonly string[] {
  const named = call.list('kernel').flatMap((text) => text.split(','));
  for (const one of named) checkVersion(one, MATRIX_VERSIONS, '--kernel');
  const wanted = named.length > 0 ? named.concat(exactVersions(call)) : MATRIX_VERSIONS;
  return MATRIX_VERSIONS.filter((one) => wanted.includes(one));
}

/** --fail-on: kernels whose rules are known. */
function exactVersions(call: CommandCall): readonly string[] {
  const exact = MATRIX_VERSIONS.filter(isExact);
  const named = call.list('fail-on').flatMap((text) => text.split(','));
  for (const one of named) if (one !== 'exact') checkVersion(one, exact, '--fail-on');
  return named.includes('exact') ? exact : named;
}

function checkVersion(word: string, known: readonly string[], option: string): void {
  if (known.includes(word)) return;
  const list = known.join(', ');
  throw usageError(`${option} takes some of ${list}, not '${word}'${didYouMean(word, known)}`);
}

async function loadProfiles(versions: readonly string[]): Promise<Map<string, KernelProfile>> {
  // The newest one always: it tells best what a program needs.
  const wanted = new Set([...versions.filter(isExact), '6.12' as const]);
  const loaded = await Promise.all(
    [...wanted].map(async (version) => [version, await loadTargetKernel(version)] as const),
  );
  return new Map(loaded);
}

const COLUMNS = [
  { head: 'program' },
  { head: 'kernel', right: true },
  { head: 'rules' },
  { head: 'verdict' },
  { head: 'insns', right: true },
  { head: 'reason' },
];

function writeTable(rows: readonly NamedRow[], io: CliIo): void {
  if (rows.length === 0) return io.err('there are no programs\n');
  const style = styleFor(io.color);
  const several = rows.some(({ file }) => file !== rows[0]!.file);
  const lines = rows.flatMap(({ file, program, cells }) =>
    cells.map((cell, i) => {
      const title = several ? `${basename(file)}: ${program.name}` : program.name;
      return [i === 0 ? title : '', ...cellTexts(cell, style)];
    }),
  );
  io.out(formatTable(COLUMNS, lines, io.columns, style.dim, 0));
  for (const { program, needs } of rows) {
    const newest = needs.slice(0, 3).map(requirementText).join(', ');
    if (newest) io.out(style.dim(`${program.name} needs ${newest}\n`));
  }
}

function cellTexts(cell: MatrixCell, style: Style): string[] {
  const { kernel, certainty, verdict, insns, reason = '' } = cell;
  const sure = certainty === 'exact';
  const word = sure ? verdict : verdict === 'accepted' ? 'probably' : 'probably not';
  const colour = verdict === 'accepted' ? style.good : style.bad;
  const figure = insns === undefined ? '' : grouped(insns);
  return [kernel, certainty, sure ? colour(word) : style.dim(word), figure, why(cell) ?? reason];
}

/** What is missing tells more than what the verifier said of it. */
function why({ certainty, missing, reason }: MatrixCell): string | undefined {
  if (certainty !== 'exact' || missing.length === 0) return undefined;
  return `${requirementText(missing[0]!)}; ${reason ?? ''}`;
}

function jsonOf({ file, program, needs, cells }: NamedRow) {
  return {
    file,
    name: program.name,
    section: program.section,
    type: program.type ?? null,
    needs,
    kernels: cells.map(({ kernel, certainty, verdict, insns, reason, missing }) => ({
      kernel,
      certainty,
      verdict,
      insns: insns ?? null,
      reason: reason ?? null,
      missing,
    })),
  };
}
