/** A column: its heading, and which side its cells stand on. */
export interface Column {
  readonly head: string;
  readonly right?: boolean;
}

/** Colours: ESC [ numbers m. */
const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** Cells a text takes on a terminal: colours take none, wide East Asian characters two. */
export function textWidth(text: string): number {
  let width = 0;
  for (const char of text.replace(ESCAPES, '')) width += isWide(char.codePointAt(0)!) ? 2 : 1;
  return width;
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff)
  );
}

/** The text cut to `width` cells, with an ellipsis where something is missing. */
export function fit(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  const plain = text.replace(ESCAPES, '');
  let kept = '';
  let used = 0;
  for (const char of plain) {
    const cells = isWide(char.codePointAt(0)!) ? 2 : 1;
    if (used + cells > width - 1) break;
    kept += char;
    used += cells;
  }
  return width > 0 ? `${kept}…` : '';
}

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - textWidth(text)));
  return right ? space + text : text + space;
}

/**
 * Rows as aligned columns, two spaces apart, not wider than `width`: the widest columns give way.
 * `head` styles the heading line.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
  head: (text: string) => string = (text) => text,
  indent = 2,
): string {
  const widths = columnWidths(columns, rows);
  shrink(widths, width - indent - 2 * (columns.length - 1));
  const line = (cells: readonly string[]) =>
    ' '.repeat(indent) +
    columns
      .map((column, i) => pad(fit(cells[i] ?? '', widths[i]!), widths[i]!, column.right === true))
      .join('  ')
      .trimEnd();
  const headings = columns.map((column) => column.head);
  const top = headings.some((text) => text !== '') ? [head(line(headings))] : [];
  return [...top, ...rows.map(line)].map((text) => `${text}\n`).join('');
}

function columnWidths(columns: readonly Column[], rows: readonly (readonly string[])[]): number[] {
  return columns.map((column, i) =>
    Math.max(textWidth(column.head), ...rows.map((row) => textWidth(row[i] ?? ''))),
  );
}

/** Width the table would need to show everything. */
export function naturalWidth(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  indent = 2,
): number {
  const widths = columnWidths(columns, rows);
  return widths.reduce((sum, one) => sum + one, 0) + indent + 2 * (columns.length - 1);
}

/**
 * Rows as a table if it fits, else each as 'name value' pairs on lines of its own: a cell that is
 * cut says nothing.
 */
export function formatRows(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
  dim: (text: string) => string,
): string {
  if (naturalWidth(columns, rows) <= width) return formatTable(columns, rows, width, dim);
  return rows.map((row) => pairLines(columns, row, width, dim)).join('');
}

function pairLines(
  columns: readonly Column[],
  row: readonly string[],
  width: number,
  dim: (text: string) => string,
): string {
  const lines: string[] = [];
  let line = ' ';
  columns.forEach(({ head }, i) => {
    const pair = ` ${dim(head)} ${fit(row[i] ?? '', width - textWidth(head) - 6)} `;
    if (line !== ' ' && textWidth(line) + textWidth(pair) > width) {
      lines.push(line);
      line = '   ';
    }
    line += pair;
  });
  return [...lines, line].map((text) => `${text.trimEnd()}\n`).join('');
}

/** Takes cells off the widest columns until the sum fits. */
function shrink(widths: number[], room: number): void {
  let excess = widths.reduce((sum, one) => sum + one, 0) - room;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= 8) return;
    const second = Math.max(8, ...widths.filter((_, i) => i !== widest));
    const step = Math.max(1, Math.min(excess, widths[widest]! - second));
    widths[widest]! -= step;
    excess -= step;
  }
}

/** 1234567 → '1,234,567'. */
export function grouped(value: number | bigint): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** Names whose numbers are not amounts: their digits stand together. */
const LABEL = /port|proto|vlan|mark|index|^id$|_id$|flags|^key$|^pid$|^tgid$|^cpu$/i;

/** A number of a field: amounts are grouped, labels are not. */
export function fieldNumber(value: number | bigint, name: string): string {
  return LABEL.test(name) ? String(value) : grouped(value);
}

/** 0.1234 → '12.3 %'. */
export function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`;
}

/** 2_345_678 → '2.35 M'. */
export function short(value: number): string {
  const units: readonly [number, string][] = [
    [1e9, ' G'],
    [1e6, ' M'],
    [1e3, ' k'],
  ];
  for (const [size, unit] of units) {
    if (value >= size) return `${(value / size).toPrecision(3)}${unit}`;
  }
  return value.toPrecision(3);
}

/** Milliseconds as people say them. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(2)} s`;
  const minutes = Math.floor(milliseconds / 60_000);
  return `${minutes} min ${Math.round((milliseconds % 60_000) / 1000)} s`;
}

/** Bytes as people say them. */
export function byteSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(1)} ${units[unit]}`;
}
