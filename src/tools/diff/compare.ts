/** What two kernels said, side by side. */
import { errnoName } from '../../abi/index.ts';
import { comparableLog } from './log.ts';
import type { Aspect, Comparison, Difference, DiffRun, Observation } from './types.ts';

const NOTHING = '-';
/** Addresses of maps in a line that only logs before Linux 6.2 have. */
const OLDER = /^(regs=\S+ stack=\d+ before \d+: \(18\) r\d+ = )0x[0-9a-f]+/gm;

/**
 * Programs in the order of the first list; what the other has not is a difference. Contents of
 * maps named in `ignored` are left out.
 */
export function compare(
  simulated: readonly Observation[],
  linux: readonly Observation[],
  ignored: readonly string[] = [],
): Comparison[] {
  return simulated.map((ours) => {
    const { object, program } = ours;
    const theirs = linux.find((one) => one.object === object && one.program === program);
    if (theirs) return { object, program, ...compareOne(ours, theirs, ignored) };
    const missing = { place: '', simulated: verdict(ours), linux: NOTHING, count: 1 };
    return {
      object,
      program,
      compared: ['verdict'],
      differences: [{ aspect: 'verdict', ...missing }],
    };
  });
}

function compareOne(
  ours: Observation,
  linux: Observation,
  ignored: readonly string[],
): Pick<Comparison, 'compared' | 'differences'> {
  const compared: Aspect[] = ['verdict', 'log'];
  const differences: (Difference | undefined)[] = [
    ours.errno === linux.errno
      ? undefined
      : { aspect: 'verdict', place: '', simulated: verdict(ours), linux: verdict(linux), count: 1 },
    ours.errno === linux.errno ? logs(ours.log, linux.log) : undefined,
  ];
  if (ours.errno === 0 && linux.errno === 0) {
    if (ours.runs && linux.runs) {
      compared.push('returns', 'packets', 'contexts');
      differences.push(...runs(ours.runs, linux.runs));
    }
    compared.push('maps');
    differences.push(...maps(ours.maps, linux.maps, ignored));
  }
  return { compared, differences: differences.filter((one) => one !== undefined) };
}

/** With the last words before the statistics, which are the reason of a rejection. */
function verdict({ errno, log }: Observation): string {
  if (errno === 0) return 'loads';
  const lines = log.split('\n').filter((line) => !/^(processed \d|verification time|$)/.test(line));
  return `${errnoName(errno)}: ${lines.at(-1) ?? 'without words'}`;
}

type Row = readonly [place: string, simulated: string, linux: string];

/** The first row that differs, and how many do. */
function firstOf(aspect: Aspect, rows: Iterable<Row>): Difference | undefined {
  const different = Array.from(rows).filter(([, ours, linux]) => ours !== linux);
  const [first] = different;
  if (!first) return undefined;
  const [place, simulated, linux] = first;
  return { aspect, place, simulated, linux, count: different.length };
}

function logs(ours: string, linux: string): Difference | undefined {
  const [a, b] = [ours, linux].map((log) =>
    comparableLog(log).replace(OLDER, '$1ADDRESS').split('\n'),
  );
  const length = Math.max(a!.length, b!.length);
  const rows = Array.from({ length }, (_, i): Row => {
    return [`line ${i + 1}`, a![i] ?? NOTHING, b![i] ?? NOTHING];
  });
  return firstOf('log', rows);
}

function runs(ours: readonly DiffRun[], linux: readonly DiffRun[]): (Difference | undefined)[] {
  const rows = (word: (run: DiffRun) => string) =>
    ours.map((run, i): Row => [`packet ${i + 1}`, word(run), word(linux[i] ?? {})]);
  return [
    firstOf('returns', rows(returned)),
    firstOf(
      'packets',
      rows(({ data = 'as it was' }) => data),
    ),
    firstOf(
      'contexts',
      rows(({ context = NOTHING }) => context),
    ),
  ];
}

const returned = ({ errno, returnValue }: DiffRun): string =>
  errno === undefined ? `${returnValue}` : errnoName(errno);

/** A difference for each map that is not left out. */
function maps(
  ours: Observation['maps'],
  linux: Observation['maps'],
  ignored: readonly string[],
): (Difference | undefined)[] {
  const names = Object.keys({ ...ours, ...linux }).filter((name) => !ignored.includes(name));
  return names.map((name) => {
    const [a, b] = [ours[name] ?? [], linux[name] ?? []];
    const length = Math.max(a.length, b.length);
    const rows = Array.from({ length }, (_, i): Row => [name, a[i] ?? NOTHING, b[i] ?? NOTHING]);
    return firstOf('maps', rows);
  });
}
