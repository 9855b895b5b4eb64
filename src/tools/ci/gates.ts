import { FormatError } from '../../base/index.ts';
import { WHOLE_OBJECT } from './judge.ts';
import type { Allowance, CiBase, CiFinding, CiRecord, GatedFigure, Gates } from './types.ts';

export const GATED: readonly GatedFigure[] = ['insns', 'states', 'stack'];

const NAMES: Readonly<Record<GatedFigure, string>> = {
  insns: 'instructions processed',
  states: 'states',
  stack: 'bytes of stack',
};

/** '10%', '+100', '0' as what a figure may grow by. Throws FormatError. */
export function allowance(text: string, what: string): Allowance {
  const found = /^\+?(\d+(?:\.\d+)?)(%?)$/.exec(text.trim());
  if (!found) throw new FormatError(what, 0, `a gate is '10%' or '100', not '${text}'`);
  const number = Number(found[1]);
  return found[2] ? { percent: number, amount: 0 } : { percent: 0, amount: number };
}

/** Says apart the cells of a matrix. */
export const keyOf = ({ file, prog, kernel, shape }: CiBase): string =>
  [file, prog, kernel, shape].join('\0');

/** Records that a gate does not let through, in their order; then those that are gone. */
export function findings(
  records: readonly CiRecord[],
  baseline: readonly CiBase[] | undefined,
  gates: Gates,
): CiFinding[] {
  const bases = new Map(baseline?.map((one) => [keyOf(one), one]));
  const found = records.flatMap((record) => {
    const base = bases.get(keyOf(record));
    bases.delete(keyOf(record));
    return [...verdictFindings(record, base, gates), ...figureFindings(record, base, gates)];
  });
  const gone = [...bases.values()].map((base) => ({
    record: base,
    base,
    gate: 'missing' as const,
    text: 'is in the baseline, and was not judged',
  }));
  return [...found, ...gone];
}

function verdictFindings(
  record: CiRecord,
  base: CiBase | undefined,
  { verdict }: Gates,
): CiFinding[] {
  const why = record.reason === undefined ? '' : `: ${record.reason}`;
  const before = base ? `, it was ${base.verdict}` : '';
  if (record.verdict === 'not_loaded') {
    // What nothing says it once loaded is nobody's regression; a broken object is new.
    const isNew = base === undefined && record.prog === WHOLE_OBJECT;
    if (verdict === 'same' && base?.verdict !== 'success' && !isNew) return [];
    return [{ record, base, gate: 'not_loaded', text: `not loaded by user space${before}${why}` }];
  }
  if (record.verdict === 'success') return [];
  if (verdict === 'same' && base?.verdict === 'failure') return [];
  return [{ record, base, gate: 'verdict', text: `rejected by the verifier${before}${why}` }];
}

function figureFindings(record: CiRecord, base: CiBase | undefined, gates: Gates): CiFinding[] {
  if (!base || record.verdict !== 'success' || base.verdict !== 'success') return [];
  return GATED.flatMap((figure) => {
    const allowed = gates.figures[figure];
    const before = base[figure];
    if (!allowed || before === undefined) return [];
    const limit = Math.floor(before + (before * allowed.percent) / 100 + allowed.amount);
    if (record[figure] <= limit) return [];
    const text = `${record[figure]} ${NAMES[figure]}, ${before} before (at most ${limit})`;
    return [{ record, base, gate: figure, text }];
  });
}
