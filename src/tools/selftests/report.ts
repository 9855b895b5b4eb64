/** Results of selftests for other programs: JUnit's XML, and TAP 14. */
import { escapeXml } from '../ci/index.ts';
import type { SelftestResult } from './judge.ts';

/** All that is known of why, for people. */
export function explained({ why = '', source, log }: SelftestResult): string {
  const at = source ? `\n${source.file}:${source.line}: ${source.text}` : '';
  return `${why}${at}${log === undefined ? '' : `\n${log}`}`;
}

/** A test suite a file. */
export function selftestsJunit(results: readonly SelftestResult[]): string {
  const byFile = new Map<string, SelftestResult[]>();
  for (const one of results) byFile.set(one.file, [...(byFile.get(one.file) ?? []), one]);
  const suites = [...byFile].map(([file, cases]) => {
    const of = (status: string) => cases.filter((one) => one.status === status).length;
    const counts = `tests="${cases.length}" failures="${of('fail')}" skipped="${of('skip')}"`;
    const body = cases.map(caseXml).join('');
    return `  <testsuite name="${escapeXml(file)}" ${counts}>\n${body}  </testsuite>\n`;
  });
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<testsuites name="kernel selftests">\n${suites.join('')}</testsuites>\n`
  );
}

function caseXml(one: SelftestResult): string {
  const head = `    <testcase classname="${escapeXml(one.file)}" name="${escapeXml(one.name)}"`;
  const why = escapeXml(one.why ?? '');
  if (one.status === 'pass') return `${head}/>\n`;
  if (one.status === 'skip')
    return `${head}>\n      <skipped message="${why}"/>\n    </testcase>\n`;
  const text = escapeXml(explained(one));
  return `${head}>\n      <failure message="${why}">${text}</failure>\n    </testcase>\n`;
}

/** A line a test, as prove and the kernel's own kselftest read them. */
export function selftestsTap(results: readonly SelftestResult[]): string {
  const lines = ['TAP version 14', `1..${results.length}`];
  for (const [i, one] of results.entries()) {
    const directive = one.status === 'skip' ? ` # SKIP ${one.why}` : '';
    lines.push(`${one.status === 'fail' ? 'not ok' : 'ok'} ${i + 1} - ${one.name}${directive}`);
    if (one.status === 'fail') {
      lines.push(
        ...explained(one)
          .split('\n')
          .map((line) => `# ${line}`),
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
