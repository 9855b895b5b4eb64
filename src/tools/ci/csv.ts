import { FormatError } from '../../base/index.ts';
import type { CiRecord, CiVerdict } from './types.ts';

/** Columns of veristat's `-o csv` that every run gives alike, and what they are of. */
const COLUMNS = [
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

/** Reads what veristat or `veristatCsv` wrote: `kernel` and `shape` are not in it. */
export function readVeristatCsv(
  text: string,
  name: string,
  kernel: string,
  shape: string,
): CiRecord[] {
  const [head = '', ...lines] = text.split('\n').map((line) => line.trim());
  const names = head.split(',');
  for (const needed of ['file_name', 'prog_name', 'verdict']) {
    if (!names.includes(needed))
      throw new FormatError(name, 0, `the table has no column '${needed}'`);
  }
  return lines.flatMap((line, i) => {
    if (line === '') return [];
    const cells = line.split(',');
    if (cells.length !== names.length) {
      const wrong = `line ${i + 2} has ${cells.length} cells, the head ${names.length}`;
      throw new FormatError(name, i + 2, wrong);
    }
    const cell = (column: string) => cells[names.indexOf(column)] ?? '';
    const figure = (column: string) => Number(cell(column) || 0);
    return [
      {
        file: cell('file_name'),
        prog: cell('prog_name'),
        kernel,
        shape,
        verdict: verdictIn(cell('verdict'), name, i + 2),
        insns: figure('total_insns'),
        states: figure('total_states'),
        peakStates: figure('peak_states'),
        maxStatesPerInsn: figure('max_states_per_insn'),
        markRead: figure('max_mark_read_len'),
        stack: 0,
        size: 0,
        type: '',
        attachType: '',
      },
    ];
  });
}

function verdictIn(text: string, name: string, line: number): CiVerdict {
  if (text === 'success' || text === 'failure') return text;
  throw new FormatError(name, line, `line ${line}: a verdict is success or failure, not '${text}'`);
}
