/** `beeyard verify --profile`: where the work of the verifier goes, as text for a terminal. */
import { wrapText } from '../base/index.ts';
import type { CostProfile, MissCost } from '../verifier/index.ts';
import type { CliIo, Style } from './io.ts';
import { styleFor } from './io.ts';
import { type Column, duration, formatTable, grouped, percent } from './table.ts';

/** Rows of a table, unless fewer hold nearly all of the cost. */
const MOST_ROWS = 15;
const NEARLY_ALL = 0.98;
/** Reasons, loops and pairs that are told. */
const MOST_TOLD = 6;

type Place = CostProfile['lines'][number]['at'];

/** The profile of one program. */
export function profileText(profile: CostProfile, io: CliIo): string {
  const style = styleFor(io.color);
  const parts = [
    headline(profile),
    lineTable(profile, io, style),
    functionTable(profile, io, style),
    listing('Why paths did not end where others had been', missLines(profile), io, style),
    listing('Loops', loopLines(profile), io, style),
    listing('Branches that multiply paths', pairLines(profile), io, style),
    listing('What may help', profile.advice, io, style),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function headline({ ok, reason, stats }: CostProfile): string {
  const verdict = ok ? 'accepted' : `rejected${reason && `: ${firstLine(reason)}`}`;
  return (
    `${verdict}\n${grouped(stats.processed)} instructions processed, ` +
    `${grouped(stats.totalStates)} states kept, at most ` +
    `${grouped(stats.maxStatesPerInsn)} at one place; ${duration(stats.time / 1000)}\n`
  );
}

const firstLine = (text: string): string => text.split('\n')[0]!;

/** A bar of `width` cells, in eighths of a cell. */
function bar(share: number, width: number): string {
  const eighths = Math.round(share * width * 8);
  const rest = eighths % 8;
  return '█'.repeat(eighths >> 3) + (rest > 0 ? String.fromCodePoint(0x2590 - rest) : '');
}

const barWidth = ({ columns }: CliIo): number => Math.min(20, Math.max(6, columns >> 3));

const LINE_COLUMNS: readonly Column[] = [
  { head: 'insns', right: true },
  { head: 'share', right: true },
  { head: '' },
  { head: 'states', right: true },
  { head: 'where' },
  { head: 'source' },
];

function lineTable({ lines, stats }: CostProfile, io: CliIo, style: Style): string {
  const shown = dearest(lines, stats.processed, ({ processed }) => processed);
  if (shown.length === 0) return '';
  const most = shown[0]!.processed;
  const rows = shown.map(({ at, processed, states }) => [
    grouped(processed),
    percent(processed, stats.processed),
    bar(processed / most, barWidth(io)),
    grouped(states),
    whereText(at),
    (at.line?.text ?? at.text).trim(),
  ]);
  const rest = lines.slice(shown.length);
  const left = rest.reduce((sum, { processed }) => sum + processed, 0);
  const more =
    rest.length > 0 ? `  and ${rest.length} more with ${percent(left, stats.processed)}\n` : '';
  return (
    style.bold('Cost by source line\n') +
    formatTable(LINE_COLUMNS, rows, io.columns, style.dim) +
    style.dim(more)
  );
}

/** The first ones, until nearly all of the cost is told. */
function dearest<T>(items: readonly T[], whole: number, cost: (item: T) => number): readonly T[] {
  let sum = 0;
  let count = 0;
  while (count < items.length && count < MOST_ROWS && sum < whole * NEARLY_ALL) {
    sum += cost(items[count++]!);
  }
  return items.slice(0, count);
}

const FUNCTION_COLUMNS: readonly Column[] = [
  { head: 'insns', right: true },
  { head: 'share', right: true },
  { head: 'with calls', right: true },
  { head: 'states', right: true },
  { head: 'entered', right: true },
  { head: 'calls', right: true },
  { head: 'function' },
];

function functionTable({ functions, stats }: CostProfile, io: CliIo, style: Style): string {
  const walked = functions.filter(({ own }) => own > 0);
  if (walked.length < 2) return '';
  const rows = dearest(walked, stats.processed, ({ own }) => own).map((one) => [
    grouped(one.own),
    percent(one.own, stats.processed),
    percent(one.total, stats.processed),
    grouped(one.states),
    grouped(one.entered),
    one.kind === 'main' ? '' : grouped(one.callsites),
    `${one.name} (${one.kind})`,
  ]);
  return (
    style.bold('Cost by function\n') + formatTable(FUNCTION_COLUMNS, rows, io.columns, style.dim)
  );
}

function listing(title: string, texts: readonly string[], io: CliIo, style: Style): string {
  if (texts.length === 0) return '';
  const lines = texts.flatMap((text) => wrapText(text, io.columns, '  - ', '    '));
  return `${style.bold(title)}\n${lines.join('\n')}\n`;
}

/** 'x.bpf.c:12', '#41'. */
function whereText({ insn, line }: Place): string {
  return line ? `${line.file.slice(line.file.lastIndexOf('/') + 1)}:${line.line}` : `#${insn}`;
}

const placeText = (at: Place): string =>
  at.line ? `insn ${at.insn} (${whereText(at)})` : `insn ${at.insn}`;

function missLines({ comparisons, misses }: CostProfile): string[] {
  const { covered, missed, open } = comparisons;
  if (covered + missed + open === 0) return [];
  const counts =
    `${many(covered, 'path')} ended at a state that covers them; ` +
    `a state differed ${many(missed, 'time')}`;
  const loops = `, and ${many(open, 'time')} it was one of the same path, as in a loop`;
  return [`${counts}${open > 0 ? loops : ''}.`, ...misses.slice(0, MOST_TOLD).map(missText)];
}

function missText(miss: MissCost): string {
  const { at, count, compared, alone, old, current, precise } = miss;
  const values = old === current ? '' : `: old ${old}, new ${current}`;
  const need = precise ? `; it has to be exact for ${placeText(precise)}` : '';
  const only = alone > 0 ? `; in ${grouped(alone)} nothing else` : '';
  return (
    `At ${placeText(at)} ${many(compared, 'comparison')} failed; in ${grouped(count)} of them ` +
    `${MISS_WORDS[miss.kind].replace('%', miss.place)}${values}${need}${only}.`
  );
}

const many = (count: number, word: string): string =>
  `${grouped(count)} ${word}${count === 1 ? '' : 's'}`;

/** `%`: the place. */
const MISS_WORDS: Readonly<Record<MissCost['kind'], string>> = {
  type: '% is of another type',
  range: '% may be a number the other could not be',
  pointer: '% leads elsewhere',
  packet: '% is known for fewer bytes of the packet',
  ids: '% is linked with other values',
  slot: '% is written in another way',
  references: 'other references are held',
  lock: 'another lock or section is open',
  frames: 'the callers are others',
  callback: 'a callback is in another round',
  speculative: 'one is only speculated',
};

function loopLines({ loops, stats }: CostProfile): string[] {
  return loops.slice(0, MOST_TOLD).map((loop) => {
    const copies = loop.copies > 1 ? ` (unrolled into ${loop.copies})` : '';
    const kind = loop.iterator ? ', with an iterator' : '';
    return (
      `${placeText(loop.at)} in ${loop.function}${copies}${kind}: entered ` +
      `${many(loop.entered, 'time')}, another round begun ${many(loop.rounds, 'time')}; ` +
      `${percent(loop.processed, stats.processed)} of the cost, ${many(loop.states, 'state')}.`
    );
  });
}

function pairLines({ pairs, misses }: CostProfile): string[] {
  return pairs.slice(0, MOST_TOLD).map(({ first, second, wentOn, jumped, because }) => {
    const reason = because < 0 ? undefined : misses[because]!;
    const why = reason
      ? `, kept apart as ${MISS_WORDS[reason.kind].replace('%', reason.place)}`
      : '';
    return (
      `${placeText(second)} went both ways ${many(wentOn, 'time')} after ${placeText(first)} ` +
      `went on, and ${many(jumped, 'time')} after it jumped${why}.`
    );
  });
}
