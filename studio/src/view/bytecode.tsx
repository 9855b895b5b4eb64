/** The instructions of a program, with what is beside them on Code and on Run. */
import { insnStop } from '../model/stops.ts';
import type { CodeRow } from '../protocol.ts';
import { grouped, StopNumber } from './parts.tsx';
import { List } from './list.tsx';

interface BytecodeProps {
  readonly rows: readonly CodeRow[];
  readonly insn: number;
  /** Times each ran or was walked; 0 is shown as such. */
  readonly counts: Uint32Array | Float64Array;
  readonly countName: string;
  readonly bad?: number | undefined;
  readonly onSelect: (insn: number) => void;
  readonly stops?: readonly string[];
  readonly onStop?: (insn: number) => void;
}

export const lineKey = (row: CodeRow | undefined): string =>
  row?.line ? `${row.line.file}:${row.line.line}` : '';

/** Index of the row of an instruction. */
export function rowOf(rows: readonly CodeRow[], insn: number): number {
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (rows[middle]!.insn <= insn) low = middle;
    else high = middle - 1;
  }
  return low;
}

export function Bytecode(props: BytecodeProps) {
  const { rows, insn, counts, countName, bad, onSelect, stops, onStop } = props;
  const selected = rowOf(rows, insn);
  const line = lineKey(rows[selected]);
  let most = 1;
  for (const count of counts) most = Math.max(most, count);
  const classOf = (i: number): string => {
    const row = rows[i]!;
    const linked = line !== '' && lineKey(row) === line ? 'linked' : '';
    const dead = counts[row.insn] === 0 ? 'dead' : '';
    return `${linked} ${dead} ${row.insn === bad ? 'bad' : ''}`;
  };
  return (
    <List
      id="insn"
      label="Instructions"
      count={rows.length}
      selected={selected}
      onSelect={(i) => onSelect(rows[i]!.insn)}
      rowClass={classOf}
    >
      {(i) => {
        const row = rows[i]!;
        const count = counts[row.insn]!;
        return (
          <>
            <span class="heat" title={`${countName} ${grouped(count)} times`}>
              <i style={{ width: `${heatWidth(count, most)}%` }} />
              <b>{count > 0 ? short(count) : ''}</b>
            </span>
            <StopNumber
              number={row.insn}
              isStop={stops?.includes(insnStop(row.insn)) === true}
              onStop={onStop && (() => onStop(row.insn))}
            />
            <code class="insn-text">{row.text}</code>
            {row.insn === bad && <span class="mark">✕ rejected here</span>}
            {row.function !== undefined && <span class="function">{row.function}</span>}
          </>
        );
      }}
    </List>
  );
}

/** By order of magnitude: once must be seen beside a million times. */
function heatWidth(count: number, most: number): number {
  return count === 0 ? 0 : Math.round(12 + (88 * Math.log1p(count - 1)) / Math.log1p(most));
}

function short(n: number): string {
  if (n < 10_000) return String(n);
  return n < 1_000_000 ? `${Math.round(n / 1000)}k` : `${(n / 1e6).toFixed(1)}M`;
}
