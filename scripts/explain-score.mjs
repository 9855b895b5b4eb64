/**
 * `node scripts/explain-score.mjs` (after `npm run build`): how often the explanation of the labelled
 * set (tests/verifier/causes) names the right cause and line, offers a verified fix, and how often
 * the log alone is enough to name the cause. `--write` brings the list of known gaps up to date.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { allLabels } from '../tests/verifier/causes/labels.mjs';
import { caseMaker, judge, KINDS } from '../tests/verifier/causes/judge.mjs';
import { root } from './lib.mjs';

const { values: options } = parseArgs({
  options: { write: { type: 'boolean' }, json: { type: 'boolean', short: 'j' } },
});
const open = (path) => import(pathToFileURL(join(root, 'dist', path)).href);
const [objects, verifier, { formatTable }] = await Promise.all(
  ['object/index.js', 'verifier/index.js', 'cli/table.js'].map(open),
);
const profile = await verifier.loadKernelProfile();
const caseOf = caseMaker({ ...objects, ...verifier }, profile);
const all = allLabels();
const judged = all.map((label) => ({ label, ...judge(verifier, profile, caseOf(label)) }));

const counted = (some) => [
  String(some.length),
  ...KINDS.map((kind) => {
    const right = some.filter((one) => one[kind]).length;
    return `${right} ${((100 * right) / some.length).toFixed(1).padStart(5)} %`;
  }),
];
const nameOf = ({ file, program }) => `${file}/${program}`;

if (options.write) {
  const fast = judged.filter(({ label }) => !label.slow);
  const gaps = Object.fromEntries(
    KINDS.map((kind) => [kind, fast.filter((one) => !one[kind]).map(({ label }) => nameOf(label))]),
  );
  const path = join(root, 'tests', 'verifier', 'causes', 'known-gaps.json');
  writeFileSync(path, `${JSON.stringify(gaps, undefined, 2)}\n`);
}
if (options.json) {
  const rows = judged.map(({ label, ...right }) => ({ name: nameOf(label), ...right }));
  process.stdout.write(`${JSON.stringify(rows)}\n`);
} else {
  const causes = [...new Set(all.map((label) => label.cause))];
  const rows = causes.map((cause) => [
    cause,
    ...counted(judged.filter(({ label }) => label.cause === cause)),
  ]);
  const columns = [
    { head: 'cause' },
    ...['programs', 'cause', 'line', 'fix', 'log alone'].map((head) => ({ head, right: true })),
  ];
  const width = process.stdout.columns ?? 100;
  process.stdout.write(formatTable(columns, [...rows, ['all', ...counted(judged)]], width));
}
