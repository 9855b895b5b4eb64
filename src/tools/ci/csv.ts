import { FormatError } from '../../base/index.ts';
import type { CiBase, CiRecord, CiVerdict } from './types.ts';

/** Columns of veristat's `-o csv` that every run gives alike, and what they are of. */
export const COLUMNS = [
  ['file_name', 'file'],
  ['prog_name', 'prog'],
  ['verdict', 'verdict'],
  ['total_insns', 'insns'],
  ['total_states', 'states'],
  ['peak_states', 'peakStates'],
  ['max_states_per_insn', 'maxStatesPerInsn'],
  ['max_mark_read_len', 'markRead'],
] as const satisfies readonly (readonly [string, keyof CiRecord])[];

/**
 * Records of one kernel and shape as veristat writes them and reads them again (`-R`, `-C`). It
 * knows no third verdict: what was not loaded is left out.
 */
export function veristatCsv(records: readonly CiRecord[]): string {
  const rows = records
    .filter(({ verdict }) => verdict !== 'not_loaded')
    .map((record) =>
      COLUMNS.map(([, field]) => (field === 'file' ? baseName(record.file) : record[field])),
    );
  return [COLUMNS.map(([name]) => name), ...rows].map((row) => `${row.join(',')}\n`).join('');
}

const baseName = (path: string): string => path.split('/').at(-1)!;

/** Names veristat takes for a column of a table (its -e option), by the one it writes. */
const ALIASES: Readonly<Record<string, string>> = {
  filename: 'file_name',
  file: 'file_name',
  progname: 'prog_name',
  prog: 'prog_name',
  insns: 'total_insns',
  states: 'total_states',
  mark_read: 'max_mark_read_len',
};

/**
 * Reads what veristat or `veristatCsv` wrote, columns by their names: figures that are not in it
 * stay out. Kernel and shape are not in any. Throws FormatError, its offset the line.
 */
export function readVeristatCsv(
  text: string,
  name: string,
  kernel: string,
  shape: string,
): CiBase[] {
  const [head = '', ...lines] = text.split('\n').map((line) => line.trim());
  const names = head.split(',').map((one) => ALIASES[one] ?? one);
  for (const needed of ['file_name', 'prog_name', 'verdict']) {
    if (!names.includes(needed)) {
      throw new FormatError(name, 1, `the table has no column '${needed}'`);
    }
  }
  return lines.flatMap((line, i) => {
    if (line === '') return [];
    const cells = line.split(',');
    if (cells.length !== names.length) {
      const wrong = `line ${i + 2} has ${cells.length} cells, the head ${names.length}`;
      throw new FormatError(name, i + 2, wrong);
    }
    return [{ kernel, shape, ...rowOf(names, cells, name, i + 2) }];
  });
}

type Row = Omit<CiBase, 'kernel' | 'shape'>;

function rowOf(
  names: readonly string[],
  cells: readonly string[],
  name: string,
  line: number,
): Row {
  const cell = (column: string) => cells[names.indexOf(column)] ?? '';
  const figures = COLUMNS.slice(3).filter(([column]) => names.includes(column));
  return {
    file: cell('file_name'),
    prog: cell('prog_name'),
    verdict: verdictIn(cell('verdict'), name, line),
    ...Object.fromEntries(
      figures.map(([column, field]) => [field, figureIn(cell(column), name, line)]),
    ),
  };
}

function figureIn(text: string, name: string, line: number): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new FormatError(name, line, `line ${line}: '${text}' is no figure`);
}

function verdictIn(text: string, name: string, line: number): CiVerdict {
  if (text === 'success' || text === 'failure') return text;
  throw new FormatError(name, line, `line ${line}: a verdict is success or failure, not '${text}'`);
}
