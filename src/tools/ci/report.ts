import type { CiFinding, CiRecord } from './types.ts';

const escapeXml = (text: string): string =>
  text.replace(
    /[<>&"'\u0000-\u0008\u000b\u000c\u000e-\u001f]/g,
    (one) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;', "'": '&apos;' })[one] ?? '',
  );

const cellName = ({ kernel, shape }: CiRecord): string =>
  shape === 'default' ? kernel : `${kernel} ${shape}`;

/** JUnit: a suite an object, a case a program on a kernel in a shape. Findings are failures. */
export function junit(records: readonly CiRecord[], found: readonly CiFinding[]): string {
  const byFile = new Map<string, CiRecord[]>();
  for (const one of records) byFile.set(one.file, [...(byFile.get(one.file) ?? []), one]);
  const suites = [...byFile].map(([file, cases]) => {
    const failed = found.filter(({ record }) => record.file === file);
    const body = cases.map((record) =>
      caseXml(
        record,
        failed.filter((one) => one.record === record),
      ),
    );
    const failures = new Set(failed.map(({ record }) => record)).size;
    const skipped = cases.filter(({ verdict }) => verdict === 'not_loaded').length;
    const counts = `tests="${cases.length}" failures="${failures}" skipped="${skipped}"`;
    return `  <testsuite name="${escapeXml(file)}" ${counts}>\n${body.join('')}  </testsuite>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="beeyard ci">\n${suites.join('')}</testsuites>\n`;
}

function caseXml(record: CiRecord, failed: readonly CiFinding[]): string {
  const name = escapeXml(`${record.prog} [${cellName(record)}]`);
  const head = `    <testcase classname="${escapeXml(record.file)}" name="${name}"`;
  const inner = failed.map(({ gate, text }) => {
    const at = record.source
      ? `\n${record.source.file}:${record.source.line}: ${record.source.text}`
      : '';
    return `      <failure type="${gate}" message="${escapeXml(text)}">${escapeXml(text + at)}</failure>\n`;
  });
  if (inner.length === 0 && record.verdict === 'not_loaded') {
    inner.push(`      <skipped message="${escapeXml(record.reason ?? 'not loaded')}"/>\n`);
  }
  return inner.length === 0 ? `${head}/>\n` : `${head}>\n${inner.join('')}    </testcase>\n`;
}

const escapeCell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** For a pull request: findings first, then figures that changed, then a line of counts. */
export function markdown(
  records: readonly CiRecord[],
  found: readonly CiFinding[],
  changed: readonly (readonly [CiRecord, CiRecord])[],
): string {
  const count = (verdict: string) => records.filter((one) => one.verdict === verdict).length;
  const lines = ['## BPF programs', ''];
  if (found.length > 0) {
    lines.push('| program | kernel | what |', '|---|---|---|');
    for (const { record, text } of found) {
      const at = record.source
        ? `<br>\`${escapeCell(record.source.text)}\` (${record.source.file}:${record.source.line})`
        : '';
      lines.push(
        `| \`${record.file}\` ${record.prog} | ${cellName(record)} | ${escapeCell(text)}${at} |`,
      );
    }
    lines.push('');
  }
  if (changed.length > 0) {
    lines.push('| program | kernel | instructions | states | stack |', '|---|---|--:|--:|--:|');
    for (const [base, now] of changed) {
      const figure = (a: number, b: number) => (a === b ? `${b}` : `${a} → ${b}`);
      lines.push(
        `| \`${now.file}\` ${now.prog} | ${cellName(now)} | ${figure(base.insns, now.insns)} ` +
          `| ${figure(base.states, now.states)} | ${figure(base.stack, now.stack)} |`,
      );
    }
    lines.push('');
  }
  const skipped = count('not_loaded');
  lines.push(
    `${found.length === 0 ? '✅' : '❌'} ${records.length} judged: ${count('success')} accepted, ` +
      `${count('failure')} rejected${skipped > 0 ? `, ${skipped} not loaded (user space)` : ''}.`,
    '',
  );
  return lines.join('\n');
}
