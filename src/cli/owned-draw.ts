/** Trees, lists and kptrs as drawings that fit a terminal. */
import type { Style } from './io.ts';
import { cell, flatten } from './map-report.ts';
import type { ShownField, ShownObject, ShownValue } from './owned-value.ts';
import { fit, grouped, textWidth } from './table.ts';

/** What a drawing needs to know of the terminal. */
interface Canvas {
  readonly width: number;
  /** Objects drawn of one list or tree. */
  readonly limit: number;
  readonly style: Style;
}

/** What the values of a map own, drawn. */
export function drawOwners(name: string, values: readonly ShownValue[], canvas: Canvas): string {
  const { style } = canvas;
  if (values.length === 0) return `${style.bold(name)} ${style.dim('(owns nothing)')}\n`;
  const parts = values.slice(0, canvas.limit).map(({ key, owns }) => {
    const fields = owns.filter(({ objects }) => objects.length > 0);
    const keyText = flatten(key)
      .map(([, one]) => cell(one))
      .join(' ');
    return fields
      .map((field) => drawField(`${name}[${keyText}].${field.name}`, field, canvas))
      .join('');
  });
  const hidden = moreLine(values.length - canvas.limit, '', canvas);
  return [...parts, ...hidden.map((line) => `${line}\n`)].join('');
}

/** Its heading, then its objects on lines of their own. */
function drawField(name: string, field: ShownField, canvas: Canvas): string {
  const { style, width } = canvas;
  const heading = `${style.bold(name)} ${style.dim(`(${headline(field)})`)}`;
  return [heading, ...linesOf(field, canvas)].map((line) => `${fit(line, width)}\n`).join('');
}

function headline({ kind, type, objects }: ShownField): string {
  if (kind === 'kptr') return `kptr to ${type}`;
  const count = `${grouped(objects.length)} ${type}`;
  if (kind === 'percpu_kptr') return `per-CPU ${type}, one for each of ${objects.length} CPUs`;
  if (kind === 'list') return `list of ${count}`;
  const height = 1 + Math.max(-1, ...objects.map(({ node }) => node!.depth));
  return `tree of ${count}, height ${height}`;
}

function linesOf(field: ShownField, canvas: Canvas): string[] {
  if (field.kind === 'tree') return treeLines(field, canvas);
  const isFlat = field.kind === 'list' && field.objects.every(({ owns }) => !ownsAny(owns));
  return isFlat ? chainLines(field, canvas) : branchLines(field, canvas);
}

const ownsAny = (fields: readonly ShownField[]): boolean =>
  fields.some(({ objects }) => objects.length > 0);

/** Members that are worth showing, on one line. */
function label({ value }: ShownObject): string {
  return flatten(value)
    .map(([name, one]) => (name ? `${name} ${cell(one, name)}` : cell(one)))
    .join('  ');
}

function moreLine(hidden: number, prefix: string, { style }: Canvas): string[] {
  return hidden > 0 ? [`${prefix}${style.dim(`… ${grouped(hidden)} more`)}`] : [];
}

// ---- Trees: lying on their side, in order from top to bottom ----------------------------------

/** The part of a tree between two objects, `root` the one that is above all others. */
function rootOf(objects: readonly ShownObject[], from: number, to: number): number {
  let root = from;
  for (let i = from; i < to; i++) {
    if (objects[i]!.node!.depth < objects[root]!.node!.depth) root = i;
  }
  return root;
}

function treeLines({ objects }: ShownField, canvas: Canvas): string[] {
  const lines: string[] = [];
  const deepest = deepestDrawn(objects, canvas.limit);
  const visit = (from: number, to: number, prefix: string, side: '┌─' | '└─' | '──'): void => {
    if (from >= to) return;
    const at = rootOf(objects, from, to);
    if (objects[at]!.node!.depth > deepest) {
      lines.push(`${prefix}${side}${canvas.style.dim(`… ${grouped(to - from)} more`)}`);
      return;
    }
    visit(from, at, prefix + (side === '└─' ? '│ ' : '  '), '┌─');
    lines.push(`${prefix}${side}${dot(objects[at]!, canvas)}`);
    visit(at + 1, to, prefix + (side === '┌─' ? '│ ' : '  '), '└─');
  };
  visit(0, objects.length, '  ', '──');
  return lines;
}

/** Levels that fit into `limit` lines, with one for each part that is left out below them. */
function deepestDrawn(objects: readonly ShownObject[], limit: number): number {
  const levels: number[] = [];
  for (const { node } of objects) levels[node!.depth] = (levels[node!.depth] ?? 0) + 1;
  let drawn = 0;
  for (const [depth, count] of levels.entries()) {
    drawn += count;
    if (drawn + (levels[depth + 1] ?? 0) > limit) return depth - 1;
  }
  return levels.length;
}

/** A node: red ones are open where there are no colours. */
function dot(object: ShownObject, { style }: Canvas): string {
  const { red } = object.node!;
  return `${red ? style.bad('○') : style.dim('●')} ${label(object)}`;
}

// ---- Lists ------------------------------------------------------------------------------------

const ARROW = ' → ';

/** Objects one after the other, as many on a line as fit. */
function chainLines({ objects }: ShownField, canvas: Canvas): string[] {
  const lines: string[] = [];
  let line = '';
  for (const object of objects.slice(0, canvas.limit)) {
    const text = `[${label(object)}]`;
    const joined = line === '' ? `  ${text}` : `${line}${ARROW}${text}`;
    if (line !== '' && textWidth(joined) > canvas.width - 2) {
      lines.push(`${line} →`);
      line = `  ${text}`;
    } else line = joined;
  }
  if (line !== '') lines.push(line);
  return [...lines, ...moreLine(objects.length - canvas.limit, '  ', canvas)];
}

/** Objects below each other, with what they own themselves. */
function branchLines(field: ShownField, canvas: Canvas, prefix = '  '): string[] {
  const shown = field.objects.slice(0, canvas.limit);
  const hidden = field.objects.length - shown.length;
  const lines = shown.flatMap((object, i) => {
    const isLast = i === shown.length - 1 && hidden === 0;
    const name = field.kind === 'percpu_kptr' ? `cpu ${i}  ` : '';
    const inner = `${prefix}${isLast ? '  ' : '│ '}`;
    return [
      `${prefix}${isLast ? '└─' : '├─'} ${name}${label(object)}`,
      ...object.owns.flatMap((one) => ownedLines(one, canvas, inner)),
    ];
  });
  return [...lines, ...moreLine(hidden, prefix, canvas)];
}

function ownedLines(field: ShownField, canvas: Canvas, prefix: string): string[] {
  if (field.objects.length === 0) return [];
  const heading = `${prefix}${field.name} ${canvas.style.dim(`(${headline(field)})`)}`;
  const narrow = { ...canvas, width: canvas.width - prefix.length };
  const lines =
    field.kind === 'tree'
      ? treeLines(field, narrow).map((line) => prefix + line)
      : branchLines(field, canvas, `${prefix}  `);
  return [heading, ...lines];
}
