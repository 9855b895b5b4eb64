import type { CiBase, CiFinding, CiRecord } from './types.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '&': '&amp;',
  '"': '&quot;',
  "'": '&apos;',
};

/** XML has no control characters but three, not even as entities. */
export const escapeXml = (text: string): string =>
  Array.from(text, (one) => {
    const isControl = one < ' ' && !'\t\n\r'.includes(one);
    return isControl || one === '\uFFFE' || one === '\uFFFF' ? '' : (ENTITIES[one] ?? one);
  }).join('');

const cellName = ({ kernel, shape }: CiBase): string =>
  shape === 'default' ? kernel : `${kernel} ${shape}`;

/** JUnit: a suite an object, a case a program on a kernel in a shape. Findings are failures. */
export function junit(records: readonly CiRecord[], found: readonly CiFinding[]): string {
  const missing = found.filter(({ gate }) => gate === 'missing').map(({ record }) => record);
  const byFile = new Map<string, CiBase[]>();
  for (const one of [...records, ...missing]) {
    byFile.set(one.file, [...(byFile.get(one.file) ?? []), one]);
  }
  const suites = [...byFile].map(([file, cases]) => suiteXml(file, cases, found));
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<testsuites name="beeyard ci">\n${suites.join('')}</testsuites>\n`
  );
}

function suiteXml(file: string, cases: readonly CiBase[], found: readonly CiFinding[]): string {
  const here = found.filter(({ record }) => record.file === file);
  const failed = here.filter(({ denied }) => denied === undefined);
  const of = (record: CiBase) => here.filter((one) => one.record === record);
  const failures = new Set(failed.map(({ record }) => record));
  const skipped = cases.filter((one) => !failures.has(one) && isSkipped(one, of(one))).length;
  const counts = `tests="${cases.length}" failures="${failures.size}" skipped="${skipped}"`;
  const body = cases.map((record) => caseXml(record, of(record))).join('');
  return `  <testsuite name="${escapeXml(file)}" ${counts}>\n${body}  </testsuite>\n`;
}

/** Without a failure: it was not loaded, or is known to fail. */
const isSkipped = ({ verdict }: CiBase, found: readonly CiFinding[]): boolean =>
  verdict === 'not_loaded' || found.length > 0;

function caseXml(record: CiBase, found: readonly CiFinding[]): string {
  const name = escapeXml(`${record.prog} [${cellName(record)}]`);
  const head = `    <testcase classname="${escapeXml(record.file)}" name="${name}"`;
  const { source } = record;
  const at = source ? `\n${source.file}:${source.line}: ${source.text}` : '';
  const inner = found
    .filter(({ denied }) => denied === undefined)
    .map(
      ({ gate, text }) =>
        `      <failure type="${gate}" message="${escapeXml(text)}">` +
        `${escapeXml(text + at)}</failure>\n`,
    );
  if (inner.length === 0 && isSkipped(record, found)) {
    const why = found[0]?.denied ?? record.reason ?? 'not loaded';
    inner.push(`      <skipped message="${escapeXml(why)}"/>\n`);
  }
  return inner.length === 0 ? `${head}/>\n` : `${head}>\n${inner.join('')}    </testcase>\n`;
}

/** Words of programs and kernels shall be no markup. */
const escapeCell = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('|', '\\|')
    .replaceAll('\n', ' ');

/** Text as code in a table. */
const code = (text: string): string => `<code>${escapeCell(text)}</code>`;

/** For a pull request: findings first, then figures that changed, then a line of counts. */
export function markdown(
  records: readonly CiRecord[],
  found: readonly CiFinding[],
  changed: readonly (readonly [CiBase, CiRecord])[],
): string {
  const lines = ['## BPF programs', ''];
  if (found.length > 0) {
    lines.push('| program | kernel | what |', '|---|---|---|', ...found.map(findingRow), '');
  }
  if (changed.length > 0) {
    lines.push('| program | kernel | instructions | states | stack |', '|---|---|--:|--:|--:|');
    lines.push(...changed.map(changeRow), '');
  }
  const fails = found.some(({ denied }) => denied === undefined);
  lines.push(`${fails ? '❌' : '✅'} ${countsText(records)}`, '');
  return lines.join('\n');
}

function findingRow({ record, text, denied }: CiFinding): string {
  const { source } = record;
  const at = source ? `<br>${code(source.text)} (${escapeCell(source.file)}:${source.line})` : '';
  const known = denied === undefined ? '' : ` (known: ${escapeCell(denied)})`;
  const name = `${code(record.file)} ${escapeCell(record.prog)}`;
  return `| ${name} | ${escapeCell(cellName(record))} | ${escapeCell(text)}${known}${at} |`;
}

function changeRow([base, now]: readonly [CiBase, CiRecord]): string {
  const figure = (a: number | undefined, b: number) =>
    a === undefined || a === b ? `${b}` : `${a} → ${b}`;
  const name = `${code(now.file)} ${escapeCell(now.prog)} | ${escapeCell(cellName(now))}`;
  const figures = (['insns', 'states', 'stack'] as const).map((one) => figure(base[one], now[one]));
  return `| ${name} | ${figures.join(' | ')} |`;
}

function countsText(records: readonly CiRecord[]): string {
  const count = (verdict: string) => records.filter((one) => one.verdict === verdict).length;
  const skipped = count('not_loaded');
  return (
    `${records.length} judged: ${count('success')} accepted, ` +
    `${count('failure')} rejected${skipped > 0 ? `, ${skipped} not loaded (user space)` : ''}.`
  );
}
