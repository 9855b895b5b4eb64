import {
  type KernelProfile,
  type KfuncAccess,
  kfuncAccess,
  type KfuncObstacle,
  maskWords,
  type OperationMasks,
  programTypeName,
  structOpsTables,
} from '../abi/index.ts';
import { wrapText } from '../base/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT } from './exit.ts';
import { type CliIo, type Style, styleFor } from './io.ts';
import { kernelOf } from './kernel-parts.ts';
import { type NamedPlace, placeNamed } from './kfunc-place.ts';
import { formatRows } from './table.ts';
import { toJson } from './values.ts';

/** `beeyard kfuncs`: what programs may call of the kernel's own functions, and why not. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const name = call.text('prog');
  const kernel = await kernelOf(call, name?.includes('sched_ext_ops') === true);
  const place = name === undefined ? undefined : placeNamed(name, kernel);
  const rows = kfuncAccess(kernel, place?.place);
  if (call.json) io.out(`${toJson(jsonOf(rows, place, kernel), call.flag('pretty'))}\n`);
  else if (place) io.out(placeText(rows, place, kernel, call.flag('all'), io));
  else io.out(listText(rows, io));
  return EXIT.ok;
}

const WORDS: Readonly<Record<KfuncObstacle, string>> = {
  hook: 'registered for other types of programs',
  filter: 'refused by the filter of their set',
  run_time: 'Linux 6.12 loads the call and stops the operation when it runs (--strict-ops refuses)',
  sleepable: 'only in sleepable programs',
  capability: 'destructive: with CAP_SYS_BOOT',
  device: 'only in programs loaded for one device',
  only_in: 'only in certain programs',
};

function jsonOf(
  rows: readonly KfuncAccess[],
  named: NamedPlace | undefined,
  kernel: KernelProfile,
) {
  return {
    kernel: kernel.release,
    ...(hasSchedExt(kernel) && { with: ['sched_ext'] }),
    ...(named && { program: programJson(named, kernel) }),
    kfuncs: rows.map((row) => ({
      name: row.kfunc.name,
      id: row.kfunc.id,
      ...(row.module !== undefined && { module: row.module }),
      set: row.kfunc.set,
      flags: row.flags,
      programs: row.programs,
      ...(named && { callable: row.callable, obstacle: row.obstacle, why: row.why }),
    })),
  };
}

function programJson({ name, place }: NamedPlace, kernel: KernelProfile) {
  const masks = masksOf(place.operation?.table, kernel);
  return {
    name,
    type: programTypeName(place.type),
    sleepable: place.sleepable,
    ...(place.operation && {
      struct_ops: place.operation.table,
      member: place.operation.member,
      ...(masks && { mask: masks.members[place.operation.member] ?? 0 }),
    }),
  };
}

const masksOf = (table: string | undefined, kernel: KernelProfile): OperationMasks | undefined =>
  table === undefined ? undefined : structOpsTables(kernel.modules).get(table)?.masks;

const hasSchedExt = ({ modules }: KernelProfile): boolean =>
  modules.some(({ name }) => name === 'sched_ext');

const GROUP = ['    ', '    '] as const;

function placeText(
  rows: readonly KfuncAccess[],
  named: NamedPlace,
  kernel: KernelProfile,
  all: boolean,
  io: CliIo,
): string {
  const style = styleFor(io.color);
  const open = rows.filter(({ callable }) => callable === 'yes');
  const lines = [
    ...headLines(named, kernel, style, io.columns),
    '',
    style.bold(`${open.length} of ${rows.length} kernel functions may be called`),
    ...groups(open, ({ kfunc, module }) => (module ? `${kfunc.set} of ${module}` : kfunc.set))
      .map(([set, members]) => [`  ${style.dim(set)}`, ...namesOf(members, io.columns)])
      .flat(),
    '',
    ...closedLines(rows, all, style, io.columns),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function headLines(
  { name, place }: NamedPlace,
  kernel: KernelProfile,
  style: Style,
  columns: number,
): string[] {
  const masks = masksOf(place.operation?.table, kernel);
  const mask = masks?.members[place.operation!.member] ?? 0;
  const facts = [
    `type ${programTypeName(place.type)}`,
    { yes: 'sleepable', possible: 'may be sleepable', no: 'never sleepable' }[place.sleepable],
    ...(masks ? [`mask 0x${mask.toString(16)} ${maskWords(mask, masks)}`] : []),
  ];
  const note = hasSchedExt(kernel)
    ? wrapText("With sched_ext, which Debian's kernel is built without: from the source.", columns)
    : [];
  return [style.bold(name), ...wrapText(facts.join(', '), columns, '  ').map(style.dim), ...note];
}

function groups<T>(rows: readonly T[], keyOf: (row: T) => string): [string, T[]][] {
  const found = new Map<string, T[]>();
  for (const row of rows) found.set(keyOf(row), [...(found.get(keyOf(row)) ?? []), row]);
  return [...found];
}

const namesOf = (rows: readonly KfuncAccess[], columns: number): string[] =>
  wrapText(rows.map(({ kfunc }) => kfunc.name).join(' '), columns, ...GROUP);

/** What is left, by reason: how many, or with `all` which and why. */
function closedLines(
  rows: readonly KfuncAccess[],
  all: boolean,
  { bold, dim }: Style,
  columns: number,
): string[] {
  const closed = rows.filter(({ obstacle }) => obstacle !== undefined);
  const byReason = groups(closed, ({ obstacle }) => obstacle!);
  const counts = byReason.flatMap(([obstacle, members]) => {
    const words = WORDS[obstacle as KfuncObstacle];
    const count = String(members.length).padStart(5);
    if (!all) return wrapText(words, columns, `${count}  `, '       ');
    const details = groups(members, ({ why }) => why ?? '');
    return [
      bold(`${members.length} ${words}`),
      ...details.flatMap(([why, names]) => [
        ...wrapText(why, columns, '  ', '  ').map(dim),
        ...namesOf(names, columns),
      ]),
    ];
  });
  const hint = all ? [] : ['', dim('--all names them, -j has everything')];
  return [bold('the others'), ...counts, ...hint];
}

function listText(rows: readonly KfuncAccess[], io: CliIo): string {
  const columns = [{ head: 'kfunc' }, { head: 'flags' }, { head: 'programs' }, { head: 'in' }];
  const cells = rows.map(({ kfunc, flags, programs, module }) => [
    kfunc.name,
    flags.join(' '),
    programs.join(' '),
    module ?? '',
  ]);
  return formatRows(columns, cells, io.columns, styleFor(io.color).dim);
}
