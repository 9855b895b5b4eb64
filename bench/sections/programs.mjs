// Every benchmark on every side, as a table of ratios to native clang -O2.
import { measure } from '../lib/measure.mjs';
import { geomean } from '../lib/stats.mjs';
import { nanoseconds, ratio, table } from '../lib/table.mjs';
import { programs } from '../programs.mjs';

const HEADS = { unchecked: 'wasm', checked: 'wasm, checked', interpreter: 'interpreter' };

function against(result, side, figure) {
  const { native } = result.times;
  const mine = result.times[side];
  return native && mine ? mine[figure] / native[figure] : undefined;
}

/** Geometric mean over those results that have both sides. */
function mean(results, side, figure) {
  return geomean(
    results.map((result) => against(result, side, figure)).filter((value) => value !== undefined),
  );
}

const compared = (results) => results.filter(({ times }) => times.native && times.unchecked);

function averages(results, variants) {
  const fair = results.filter((result) => !result.handicap);
  const line = (title, list, figure) => [
    title,
    `${compared(list).length} programs`,
    ...variants.map((side) => ratio(mean(list, side, figure))),
  ];
  return [
    line('GEO (best)', results, 'best'),
    line('GEO (median)', results, 'median'),
    line('GEO (best), no handicap *', fair, 'best'),
    line('GEO (median), no handicap *', fair, 'median'),
  ];
}

function row(result, variants) {
  const { native } = result.times;
  const mark = result.handicap ? ' *' : result.vectorised ? ' v' : '';
  const cells = variants.map((side) => {
    if (result.failed[side]) return 'FAILED';
    return native ? ratio(against(result, side, 'best')) : nanoseconds(result.times[side]?.best);
  });
  return [`${result.name}${mark}`, nanoseconds(native?.best), ...cells];
}

function notes(results) {
  const lines = [
    '',
    '  xdp_*: ns a packet, the others ns a call. Each cell: best sample / best sample of native.',
  ];
  for (const [why, list] of groupBy(results, (result) => result.handicap)) {
    if (why) lines.push(`  * ${list.map(({ name }) => name).join(', ')}: ${why}.`);
  }
  if (results.some((result) => result.vectorised)) {
    lines.push('  v native clang uses SIMD; V8 does not vectorise loops.');
  }
  for (const result of results) {
    for (const [side, why] of Object.entries(result.failed)) {
      lines.push(`  ! ${result.name}, ${side}: ${why}`);
    }
  }
  return lines;
}

function groupBy(list, key) {
  const groups = new Map();
  for (const item of list) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

export const title = 'Programs: compiled BPF against the same C compiled natively (clang -O2)';

export async function run(context) {
  const chosen = programs.filter(({ name }) => context.wants(name));
  const results = [];
  for (const program of chosen) {
    context.progress(`${program.name} (${results.length + 1} of ${chosen.length})`);
    results.push(await measure(program, context));
  }
  return results;
}

export function render(results, { variants }) {
  const head = ['program', 'native ns', ...variants.map((side) => HEADS[side])];
  const rows = [head, ...results.map((result) => row(result, variants))];
  const hasNative = results.some((result) => result.times.native);
  if (hasNative) rows.push(['', ''], ...averages(results, variants));
  return [...table(rows), ...notes(results)];
}

/** What a program costs against native, for other sections. */
export { against };
