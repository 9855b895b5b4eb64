/** `beeyard compat`: from which kernel on an object loads, and what in it is not standard. */
import { basename } from 'node:path';
import { KERNEL_VERSIONS, loadTargetKernel, versionCodeOf } from '../abi/index.ts';
import type { ObjectFile } from '../object/index.ts';
import {
  type BeyondStandard,
  type CompatNeed,
  compatOf,
  type ObjectCompat,
  type Place,
  type ProgramCompat,
  requirementText,
} from '../tools/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT } from './exit.ts';
import { readObject } from './files.ts';
import { type CliIo, type Style, styleFor } from './io.ts';
import { formatTable } from './table.ts';
import { toJson } from './values.ts';

/** Those whose rules are known, the oldest first. */
const KERNELS = KERNEL_VERSIONS.toSorted((a, b) => versionCodeOf(a) - versionCodeOf(b));

interface Answer {
  readonly file: string;
  readonly object: ObjectFile;
  readonly compat: ObjectCompat;
}

export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const objects = call.operands.map((file) => ({ file, object: readObject(file, io) }));
  const profiles = new Map(
    await Promise.all(
      KERNELS.map(async (kernel) => [kernel, await loadTargetKernel(kernel)] as const),
    ),
  );
  const answers: Answer[] = [];
  for (const { file, object } of objects) {
    if (io.interrupt?.aborted) return EXIT.interrupted;
    const compat = compatOf(object, profiles, basename(file).split('.')[0]!);
    answers.push({ file, object, compat });
  }
  const plain = answers.map(({ file, compat }) => ({ file, ...jsonOf(compat) }));
  if (call.json) io.out(`${toJson(plain, call.flag('pretty'))}\n`);
  else for (const answer of answers) writeReport(answer, io);
  return answers.every(({ compat }) => compat.lowest !== undefined) ? EXIT.ok : EXIT.finding;
}

const jsonOf = (compat: ObjectCompat) => ({
  ...compat,
  lowest: compat.lowest ?? null,
  programs: compat.programs.map((one) => ({ ...one, lowest: one.lowest ?? null })),
});

function writeReport({ file, compat }: Answer, io: CliIo): void {
  const style = styleFor(io.color);
  io.out(`${style.bold(basename(file))} ${sentence(compat, style)}\n\n`);
  const { programs, needs, unknown, replaced } = compat;
  const columns = [
    { head: 'program' },
    { head: 'from', right: true },
    ...KERNELS.map((kernel) => ({ head: kernel })),
    { head: 'groups' },
  ];
  const rows = programs.map((one) => programRow(one, style));
  io.out(formatTable(columns, rows, io.columns, style.dim, 0));
  for (const { program, verdicts } of programs) {
    for (const { kernel, reason } of verdicts) {
      if (reason) io.out(`${style.bad('rejected')} ${program} on ${kernel}: ${reason}\n`);
    }
  }
  for (const map of unknown) {
    io.out(`${style.bad('rejected')} map ${map}: no Linux has maps of its type\n`);
  }
  writeNeeds(uniqueNeeds([...programs.flatMap((one) => one.needs), ...needs]), io, style);
  writeBeyond(merged(programs), io, style);
  if (replaced.length === 0) return;
  const kinds = replaced.map(({ name, since }) => `${name} (${since})`).join(', ');
  io.out(style.dim(`\nlibbpf takes out of its types what older kernels do not know: ${kinds}\n`));
}

function sentence({ lowest, atMost }: ObjectCompat, style: Style): string {
  if (lowest === undefined) {
    return style.bad(`loads on none of the kernels that are known: ${KERNELS.join(', ')}`);
  }
  if (atMost) return `loads from Linux ${lowest} … ${atMost} on`;
  return `loads from Linux ${style.good(lowest)} on`;
}

function programRow({ program, lowest, atMost, verdicts, groups }: ProgramCompat, style: Style) {
  const from = lowest === undefined ? 'none' : atMost ? `${lowest}…${atMost}` : lowest;
  const cells = KERNELS.map((kernel) => {
    const verdict = verdicts.find((one) => one.kernel === kernel)?.verdict ?? '';
    return verdict === 'accepted' ? style.good('verified') : style.bad(verdict);
  });
  return [program, from, ...cells, groups.join(' ')];
}

/** One of each feature, the newest first. */
function uniqueNeeds(needs: readonly CompatNeed[]): CompatNeed[] {
  const found = new Map<string, CompatNeed>();
  for (const one of needs) {
    const key = `${one.kind} ${one.name}`;
    if (!found.has(key)) found.set(key, one);
  }
  const all = [...found.values()];
  return all.sort((a, b) => versionCodeOf(b.since) - versionCodeOf(a.since));
}

function writeNeeds(needs: readonly CompatNeed[], io: CliIo, style: Style): void {
  if (needs.length === 0) return;
  io.out('\n');
  const rows = needs.map((one) => {
    const word = requirementText(one).replace(/: [\d.]+$/, '');
    return [one.weak ? `${word} (optional)` : word, one.since, placeText(one.place)];
  });
  const columns = [{ head: 'needs' }, { head: 'since', right: true }, { head: 'where' }];
  io.out(formatTable(columns, rows, io.columns, style.dim, 0));
}

/** What all programs use, counted together. */
function merged(programs: readonly ProgramCompat[]): BeyondStandard[] {
  const found = new Map<string, BeyondStandard>();
  for (const one of programs.flatMap(({ beyond }) => beyond)) {
    const key = `${one.kind} ${one.name}`;
    const before = found.get(key);
    found.set(key, before ? { ...before, uses: before.uses + one.uses } : one);
  }
  return [...found.values()];
}

function writeBeyond(beyond: readonly BeyondStandard[], io: CliIo, style: Style): void {
  if (beyond.length === 0) {
    io.out('\nNothing in it goes beyond RFC 9669.\n');
    return;
  }
  io.out('\n');
  const rows = beyond.map(({ kind, name, uses, place }) => [
    `${WORDS[kind]} ${name}`,
    String(uses),
    placeText(place),
  ]);
  const columns = [{ head: 'not in RFC 9669' }, { head: 'uses', right: true }, { head: 'where' }];
  io.out(formatTable(columns, rows, io.columns, style.dim, 0));
}

const WORDS: Readonly<Record<BeyondStandard['kind'], string>> = {
  instruction: 'instruction',
  helper: 'helper',
  kfunc: 'kfunc',
  kernel_symbol: 'kernel symbol',
  kconfig: 'kernel configuration',
  core: 'CO-RE',
  map: 'map',
};

/** 'drop:12 firewall.bpf.c:30'. */
function placeText({ program, map, insn, function: name, source }: Place): string {
  if (map !== undefined) return `map ${map}`;
  const where = [insn === undefined ? (program ?? '') : `${name ?? program}:${insn}`];
  if (source) where.push(`${basename(source.file)}:${source.line}`);
  return where.join(' ');
}
