/** What is drawn of a program's flow: boxes with instructions, and edges between them. */
import type { CodeRow, FlowBlock, ProgramGraph } from '../protocol.ts';
import { foldGraph } from './fold.ts';
import type { Link } from './layers.ts';
import type { Size } from './layout.ts';

export interface FlowNode {
  /** Blocks it stands for, in their order; of calls: none. */
  readonly blocks: readonly number[];
  readonly title: string;
  readonly lines: readonly FlowLine[];
  readonly visits: number;
  readonly kept: number;
  readonly pruned: number;
  /** Its first instruction, and the one behind its last. */
  readonly start: number;
  readonly end: number;
}

export interface FlowLine {
  /** Undefined: words about what is left out. */
  readonly insn?: number | undefined;
  readonly text: string;
}

export interface FlowLink extends Link {
  readonly walked: number;
  /** The way of a jump that is taken. */
  readonly jump: boolean;
  /** Blocks at its ends, for each edge it stands for. */
  readonly ends: readonly (readonly [from: number, to: number])[];
}

export interface Flow {
  readonly nodes: readonly FlowNode[];
  readonly links: readonly FlowLink[];
}

/** More blocks are folded unless the reader says no. */
export const FOLD_FROM = 60;
const MOST_LINES = 9;
const MOST_LETTERS = 44;
const LETTER = 6.95;
const LINE = 16;
const HEAD = 24;

/** The blocks of one function. */
export function flowOf(
  { blocks, edges }: ProgramGraph,
  rows: readonly CodeRow[],
  number: number,
  fold: boolean,
): Flow {
  const own = blocks.flatMap((block, i) => (block.function === number ? [i] : []));
  const first = own[0] ?? 0;
  const inside = edges.filter(({ from }) => blocks[from]!.function === number);
  const links = inside.flatMap((edge) =>
    blocks[edge.to]!.function === number
      ? [{ ...edge, from: edge.from - first, to: edge.to - first }]
      : [],
  );
  const folded = foldGraph(own.length, links, fold);
  return {
    nodes: folded.groups.map((group) =>
      nodeOf(
        group.map((i) => i + first),
        blocks,
        rows,
      ),
    ),
    links: folded.links.map(({ from, to, links: all }) => ({
      from,
      to,
      walked: all.reduce((sum, i) => sum + links[i]!.walked, 0),
      jump: all.every((i) => links[i]!.jump),
      ends: all.map((i) => [links[i]!.from + first, links[i]!.to + first] as const),
    })),
  };
}

function nodeOf(
  group: readonly number[],
  blocks: readonly FlowBlock[],
  rows: readonly CodeRow[],
): FlowNode {
  const members = group.map((i) => blocks[i]!);
  const [head] = members;
  const sum = (of: (block: FlowBlock) => number) => members.reduce((all, one) => all + of(one), 0);
  const last = members.at(-1)!;
  const lines = group.length === 1 ? linesOf(rowsIn(rows, head!)) : checksOf(members, rows);
  return {
    blocks: group,
    title: group.length === 1 ? `block ${group[0]}` : `${group.length} blocks`,
    lines,
    visits: Math.max(...members.map(({ visits }) => visits)),
    kept: sum(({ kept }) => kept),
    pruned: sum(({ pruned }) => pruned),
    start: head!.start,
    end: last.end,
  };
}

/** Functions, and who calls whom. */
export function callsOf({ functions, blocks, calls }: ProgramGraph): Flow {
  const nodes = functions.map(({ name, start }, i): FlowNode => {
    const own = blocks.filter((block) => block.function === i);
    const sum = (of: (block: FlowBlock) => number) => own.reduce((all, one) => all + of(one), 0);
    const end = own.at(-1)?.end ?? start;
    const made = calls.filter(({ from }) => from === i).length;
    return {
      blocks: [],
      title: name,
      lines: [
        { text: `${end - start} instructions, ${own.length} blocks` },
        { text: made === 0 ? 'calls no other' : `${made} ${made === 1 ? 'call' : 'calls'}` },
      ],
      visits: own[0]?.visits ?? 0,
      kept: sum(({ kept }) => kept),
      pruned: sum(({ pruned }) => pruned),
      start,
      end,
    };
  });
  const found = new Map<string, FlowLink & { walked: number }>();
  for (const { insn, from, to, callback } of calls) {
    const key = `${from} ${to} ${callback}`;
    const known = found.get(key) ?? { from, to, walked: 0, jump: callback, ends: [] };
    const block = blocks.findLast(({ start }) => start <= insn);
    known.walked += block?.visits ?? 0;
    found.set(key, known);
  }
  return { nodes, links: [...found.values()] };
}

/** Rows of the instructions of a block. */
export function rowsIn(
  rows: readonly CodeRow[],
  { start, end }: { readonly start: number; readonly end: number },
): CodeRow[] {
  const own: CodeRow[] = [];
  for (let i = lowerBound(rows, start); i < rows.length && rows[i]!.insn < end; i++) {
    own.push(rows[i]!);
  }
  return own;
}

function lowerBound(rows: readonly CodeRow[], insn: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.insn < insn) low = middle + 1;
    else high = middle;
  }
  return low;
}

const lineOf = ({ insn, text }: CodeRow): FlowLine => ({ insn, text });

/** Its beginning, and the last one, which says where it goes. */
function linesOf(rows: readonly CodeRow[]): FlowLine[] {
  if (rows.length <= MOST_LINES) return rows.map(lineOf);
  const first = rows.slice(0, MOST_LINES - 2).map(lineOf);
  const left = rows.length - first.length - 1;
  return [...first, { text: `⋮ ${left.toLocaleString('en-US')} more` }, lineOf(rows.at(-1)!)];
}

/** Of each block of a row the end: what it asks. */
function checksOf(members: readonly FlowBlock[], rows: readonly CodeRow[]): FlowLine[] {
  const ends = members.flatMap((block) => {
    const row = rowsIn(rows, block).at(-1);
    return row ? [row] : [];
  });
  return linesOf(ends);
}

/** Room a node takes. */
export function sizeOf({ title, lines }: FlowNode): Size {
  const letters = lines.map(
    ({ insn, text }) => shortened(text).length + (insn === undefined ? 0 : 6),
  );
  const longest = Math.max(title.length + 18, ...letters);
  return { width: Math.ceil(longest * LETTER) + 20, height: HEAD + lines.length * LINE + 10 };
}

export function shortened(text: string): string {
  return text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS - 1)}…` : text;
}

/** Where the lines of a node stand. */
export const lineTop = (line: number): number => HEAD + 14 + line * LINE;
