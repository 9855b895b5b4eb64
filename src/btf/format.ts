import type { BtfValue } from './value.ts';

const INDENT = '    ';
const WIDTH = 88;

/**
 * A decoded value as text in the manner of `bpftool map dump`: JSON, with 64-bit integers as plain
 * digits. What fits a line stays on it. `indent` is the depth the text will stand at.
 *
 * @example
 * formatValue({ packets: 12n, name: 'eth0' }); // {"packets": 12, "name": "eth0"}
 */
export function formatValue(value: BtfValue, indent = 0): string {
  const flat = formatFlat(value);
  if (flat.length + indent * INDENT.length <= WIDTH || typeof value !== 'object') return flat;
  const pad = INDENT.repeat(indent + 1);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const items = Array.isArray(value)
    ? foldItems(value, indent + 1)
    : Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${formatValue(v, indent + 1)}`);
  const lines = items.map((item) => pad + item).join(',\n');
  return `${open}\n${lines}\n${INDENT.repeat(indent)}${close}`;
}

/** Array items as lines: scalars share lines, others get their own. */
function foldItems(items: readonly BtfValue[], indent: number): string[] {
  const lines: string[] = [];
  let open = false;
  for (const item of items) {
    const text = formatValue(item, indent);
    const scalar = typeof item !== 'object';
    const last = lines.length - 1;
    if (open && scalar && lines[last]!.length + text.length + 2 <= WIDTH - indent * INDENT.length) {
      lines[last] += `, ${text}`;
    } else {
      lines.push(text);
    }
    open = scalar;
  }
  return lines;
}

/** On one line. */
export function formatFlat(value: BtfValue): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map(formatFlat).join(', ')}]`;
  const members = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${formatFlat(v)}`);
  return `{${members.join(', ')}}`;
}
