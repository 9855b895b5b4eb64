/** Two tables side by side, as `veristat -C` does (tools/testing/selftests/bpf/veristat.c). */
import { COLUMNS } from './csv.ts';
import type { CiBase, CiRecord } from './types.ts';

/** A program in both tables, or in one. */
export interface Compared {
  readonly file: string;
  readonly prog: string;
  readonly base: CiBase | undefined;
  readonly comp: CiBase | undefined;
}

/** Cells of a column: before, now, what became of it. */
export type ComparedCells = readonly [base: string, comp: string, diff: string];

/** A column that is compared, by veristat's name. */
export interface ComparedColumn {
  readonly name: string;
  readonly field: keyof CiRecord;
}

const WITHOUT = 'N/A';

/** Every program of either table, by object and program. */
export function compareRecords(base: readonly CiBase[], comp: readonly CiBase[]): Compared[] {
  const rows = new Map<string, Compared>();
  const key = ({ file, prog }: CiBase) => `${file}\0${prog}`;
  for (const one of base) {
    rows.set(key(one), { file: one.file, prog: one.prog, base: one, comp: undefined });
  }
  for (const one of comp) {
    const before = rows.get(key(one))?.base;
    rows.set(key(one), { file: one.file, prog: one.prog, base: before, comp: one });
  }
  const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return [...rows.values()].sort((a, b) => order(a.file, b.file) || order(a.prog, b.prog));
}

/** What can be compared: the verdict, and figures that both tables have. */
export function comparedColumns(
  base: readonly CiBase[],
  comp: readonly CiBase[],
): ComparedColumn[] {
  const has = (records: readonly CiBase[], field: keyof CiRecord) =>
    records.length === 0 || records.some((one) => one[field] !== undefined);
  return COLUMNS.slice(2)
    .filter(([, field]) => has(base, field) && has(comp, field))
    .map(([name, field]) => ({ name, field }));
}

/** The three cells of a column, in veristat's words. */
export function comparedCells({ base, comp }: Compared, field: keyof CiRecord): ComparedCells {
  const [a, b] = [base?.[field], comp?.[field]];
  const cells = [String(a ?? WITHOUT), String(b ?? WITHOUT)] as const;
  if (a === undefined || b === undefined) return [...cells, WITHOUT];
  if (typeof a !== 'number' || typeof b !== 'number') {
    return [...cells, a === b ? 'MATCH' : 'MISMATCH'];
  }
  return [...cells, `${signed(b - a)} (${signed(percentOf(a, b), 2)}%)`];
}

/** From nothing to something is all of it. */
function percentOf(a: number, b: number): number {
  if (a === 0) return b === 0 ? 0 : 100;
  return ((b - a) * 100) / a;
}

const signed = (value: number, digits = 0): string =>
  `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(digits)}`;

/** The table as `veristat -C -o csv` writes it. */
export function compareCsv(base: readonly CiBase[], comp: readonly CiBase[]): string {
  const columns = comparedColumns(base, comp);
  const heads = columns.flatMap(({ name }) => ['base', 'comp', 'diff'].map((x) => `${name}_${x}`));
  const rows = compareRecords(base, comp).map((row) => [
    row.file,
    row.prog,
    ...columns.flatMap(({ field }) => comparedCells(row, field)),
  ]);
  return [['file_name', 'prog_name', ...heads], ...rows]
    .map((row) => `${row.join(',')}\n`)
    .join('');
}

/** True if a program is accepted no more: what `ci compare` ends with 1 for. */
export const isWorse = ({ base, comp }: Compared): boolean =>
  base?.verdict === 'success' && comp?.verdict === 'failure';
