import { hexBytes } from '../base/index.ts';
import {
  type BasicBlock,
  basicBlocks,
  type Code,
  insnSlots,
  isConditional,
  jumpTarget,
} from '../isa/index.ts';
import type { FunctionSpec } from '../object/index.ts';
import { insnsOf, type Listing } from '../tools/index.ts';
import type { ListingOptions } from './prog-listing.ts';

/** Numbers bpftool gives the two blocks every function has. */
const ENTRY = 0;
const EXIT = 1;
const FIRST_BLOCK = 2;

interface Block extends BasicBlock {
  readonly index: number;
}

/** The program's control flow as a DOT graph with bpftool's names (`visual`). */
export function dotGraph(listing: Listing, options: ListingOptions): string {
  const parts = listing.program.functions.map((fn, i) => functionGraph(listing, fn, i, options));
  return `digraph "DOT graph for eBPF program" {\n${parts.join('')}}\n`;
}

function functionGraph(
  listing: Listing,
  fn: FunctionSpec,
  index: number,
  options: ListingOptions,
): string {
  const blocks = blocksOf(listing.code, fn);
  const node = (block: number, shape: string, label: string) =>
    `\tfn_${index}_bb_${block} [shape=${shape},style=filled,label="${label}"];\n\n`;
  const bodies = blocks.map((block) => {
    return node(block.index, 'record', `{\\\n${blockLabel(listing, block, fn.start, options)}}`);
  });
  const last = blocks[blocks.length - 1]!;
  const edges = [
    [ENTRY, FIRST_BLOCK] as const,
    ...blocks.flatMap((block) => successors(listing.code, block, blocks, last)),
  ].map(([from, to]) => edge(index, from, to, '"solid,bold", color=black, weight=10'));
  return [
    `subgraph "cluster_${index}" {\n\tstyle="dashed";\n\tcolor="black";\n`,
    `\tlabel="func_${index} ()";\n`,
    node(ENTRY, 'Mdiamond', 'ENTRY'),
    ...bodies,
    node(EXIT, 'Mdiamond', 'EXIT'),
    ...edges,
    edge(index, ENTRY, EXIT, '"invis"'),
    '}\n',
  ].join('');
}

const edge = (fn: number, from: number, to: number, style: string): string =>
  `\tfn_${fn}_bb_${from}:s -> fn_${fn}_bb_${to}:n [style=${style}, constraint=true];\n`;

const blocksOf = (code: Code, { start, size }: FunctionSpec): Block[] =>
  basicBlocks(code, start, start + size).map((block, i) => ({ ...block, index: FIRST_BLOCK + i }));

/** Edges out of a block: to the next one, and to where its last instruction jumps. */
function successors(
  code: Code,
  block: Block,
  blocks: readonly Block[],
  last: Block,
): (readonly [from: number, to: number])[] {
  const tail = block.end - 1;
  const target = jumpTarget(code, tail);
  const next = block === last ? EXIT : block.index + 1;
  const to = target === undefined ? undefined : blocks.find(({ start }) => start === target)?.index;
  const jump = to === undefined ? [] : [[block.index, to] as const];
  if (target === undefined) return [[block.index, next]];
  return isConditional(code.op[tail]!) ? [[block.index, next], ...jump] : jump;
}

/** Instructions of a block, counted from the start of the function as bpftool does. */
function blockLabel(
  listing: Listing,
  block: Block,
  start: number,
  { opcodes, linum }: ListingOptions,
): string {
  let label = '';
  for (const insn of insnsOf(listing, block.start, block.end)) {
    const proto = listing.proto.get(insn);
    if (proto !== undefined) label += `; ${escaped(proto)}:\\l\\\n`;
    const line = listing.lines.get(insn);
    if (line && linum) {
      label += `; [${escaped(line.file)} line:${line.line} col:${line.column}]\\l\\\n`;
    }
    if (line?.text.trim()) label += `; ${escaped(line.text.trimStart())}\\l\\\n`;
    label += `${insn - start}: ${escaped(listing.text(insn))}\\l\\\n`;
    if (opcodes) {
      const bytes = listing.program.insns.subarray(
        8 * insn,
        8 * (insn + insnSlots(listing.code, insn)),
      );
      const text = hexBytes(bytes, '\\ ');
      label += `\\ \\ \\ \\ ${text}\\l\\\n`;
    }
  }
  return label;
}

/** Letters with a meaning in record labels. */
const escaped = (text: string): string => text.replace(/[\\"{}<>| ]/g, '\\$&');
