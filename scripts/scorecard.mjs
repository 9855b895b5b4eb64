/**
 * `npm run scorecard`: writes the README's scorecard from what is in the repository: the recorded
 * answers of Linux, the RFC vectors, the tables of helpers and maps, and bench/results.json (which
 * holds what `npm run bench -- -j` printed). tests/docs.test.ts fails when the README says anything else.
 */
import { allLabels } from '../tests/verifier/causes/labels.mjs';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { root } from './lib.mjs';

const START = '<!-- scorecard: npm run scorecard -->';
const END = '<!-- /scorecard -->';

const read = (path) => readFileSync(join(root, path), 'utf8');
const grouped = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ',');

/** What Linux answered, and how many of the answers are known to differ. */
function oracleRow() {
  const { packets, packetHelpers, mapHelpers } = JSON.parse(
    read('tests/fixtures/oracle/linux-6.12.117.json'),
  );
  const known = Object.keys(JSON.parse(read('tests/fixtures/oracle/known-differences.json')));
  const questions = Object.keys(packetHelpers).length + Object.keys(mapHelpers).length;
  const answers =
    Object.keys(packetHelpers).length * packets.length + Object.keys(mapHelpers).length;
  return [
    'helpers and maps against Linux 6.12.117 (recorded in a VM)',
    `${questions - known.length} of ${questions} questions equal (${grouped(answers)} answers)`,
    '`npm test -- tests/machine/oracle.test.ts`',
  ];
}

function vectorsRow() {
  const folder = 'tests/filetests/rfc9669';
  const lines = readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.txt'))
    .flatMap((name) => read(`${folder}/${name}`).split('\n'));
  const count = lines.filter((line) => /^(result|fault|case) /.test(line)).length;
  return [
    'RFC 9669, every instruction × edge values, both engines',
    `${grouped(count)} of ${grouped(count)}`,
    '`npm test -- tests/conformance`',
  ];
}

function helperRow(abi, missing, type, word) {
  const helpers = [...abi.helpersOf(abi.programTypeId(type)).keys()].map(abi.helperName);
  const without = helpers.filter((name) => missing[name] && name !== 'tail_call');
  return [
    `helpers ${word} programs may call that have a body`,
    `${helpers.length - without.length} of ${helpers.length}`,
    '[reasons](src/runtime/missing.ts)',
  ];
}

function mapsRow(abi) {
  const all = Object.keys(abi.enums.bpf_map_type).filter(
    (name) => !/UNSPEC|MAX|DEPRECATED/.test(name),
  );
  const numbers = new Set(all.map((name) => abi.enums.bpf_map_type[name]));
  const done = abi.mapTypes.filter((type) => type.runtime && numbers.has(type.id));
  return ['map types', `${done.length} of ${all.length}`, '`npm test -- tests/runtime`'];
}

/** What Linux answered to creations and commands of every map type. */
function mapAnswersRow() {
  const file = join(root, 'tests/fixtures/oracle/maps-6.12.117.json.gz');
  const { types } = JSON.parse(gunzipSync(readFileSync(file)));
  const known = Object.keys(JSON.parse(read('tests/fixtures/oracle/maps-known.json'))).length;
  const count = types.reduce(
    (sum, { create, runs }) =>
      sum + create.length + runs.reduce((steps, run) => steps + run.steps.length, 0),
    0,
  );
  return [
    'commands on maps against Linux 6.12.117: results, errnos, order of keys',
    `${grouped(count - known)} of ${grouped(count)}`,
    '`npm test -- tests/runtime/maps.oracle.test.ts`',
  ];
}

/** Geometric mean of side / native over results, by best samples; as text. */
function ratio(results, side) {
  const logs = results.map(({ times }) => Math.log(times[side].best / times.native.best));
  return `${Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length).toFixed(2)}×`;
}

/** Rounded down: 100 % is all of them. */
const share = ({ good, all }) =>
  `${grouped(good)} of ${grouped(all)} (${(Math.floor((good / all) * 1000) / 10).toFixed(1)} %)`;

/** How the verifier does on the kernel's own tests: tests/fixtures/kernel. */
function kernelRows() {
  const { metrics, groups, legacy } = kernelBoard();
  const of = (title, metric) =>
    groups.find((row) => row.title === title).cells[
      metrics.findIndex(({ name }) => name === metric)
    ];
  const both = (metric) => `${share(of('all', metric))}; groups 1–4: ${share(of('1–4', metric))}`;
  const see = '`npm run test:kernel`';
  return [
    [
      'verifier: annotated selftests of 6.12 with the verdict and errno of Linux',
      both('verdict'),
      see,
    ],
    ['verifier: the same, all messages found', both('messages'), see],
    ['verifier: the five figures of accepted programs', both('statistics'), see],
    ['verifier: log of level 2, to the byte', both('log'), see],
    ['verifier: the instructions as Linux rewrites them (xlated)', both('xlated'), see],
    ['verifier: table of `test_verifier` 6.12', share(legacy), see],
    ['verifier: table of `test_verifier` 6.1, by the rules of 6.1', olderTable(), see],
    fuzzRow(),
    explanationRow(),
  ];
}

const olderTable = () => share(JSON.parse(read('tests/fixtures/kernel/scorecard-6.1.json')).legacy);

/** Rejected programs of our own, with what an expert says of each beside it. */
function explanationRow() {
  const count = allLabels().filter(({ slow }) => !slow).length;
  const gaps = JSON.parse(read('tests/verifier/causes/known-gaps.json'));
  const right = (kind) => {
    const part = (count - gaps[kind].length) / count;
    return `${(Math.floor(part * 1000) / 10).toFixed(1)} %`;
  };
  return [
    `explanations of ${grouped(count)} labelled rejections`,
    `right cause ${right('cause')}, right line ${right('line')}, a fix that was tried ${right('fix')}`,
    '`node scripts/explain-score.mjs`',
  ];
}

/** Programs made at random and changed ones: asked of Linux and of us. */
function fuzzRow() {
  const runs = JSON.parse(read('tests/fixtures/kernel/fuzz.json'));
  const sum = (value) => runs.reduce((total, run) => total + (value(run) ?? 0), 0);
  const all = sum(({ programs }) => programs);
  const wrong = sum(({ counts }) => counts['wrong accept']);
  return [
    'verifier: changed and random programs, verdict, errno and figures of Linux',
    `${share({ good: sum(({ counts }) => counts.equal), all })}; wrongly accepted: ${wrong}`,
    '`node scripts/verify-fuzz-oracle.mjs`',
  ];
}

const kernelBoard = () => JSON.parse(read('tests/fixtures/kernel/scorecard.json'));

/** The kernel's tests by what they need of the verifier. */
function kernelTable() {
  const { metrics, groups } = kernelBoard();
  const cell = ({ good, all }) => (all === 0 ? '' : `${grouped(good)} / ${grouped(all)}`);
  return [
    '',
    "<details><summary>The kernel's selftests, group by group</summary>",
    '',
    `| group | ${metrics.map(({ name }) => name).join(' | ')} |`,
    `|---|${metrics.map(() => '---|').join('')}`,
    ...groups.map(({ title, cells }) => `| ${title} | ${cells.map(cell).join(' | ')} |`),
    '',
    ...metrics.map(({ name, what }) => `- **${name}**: ${what}`),
    '',
    'The kernel had the modules of its selftests loaded, and so have we. Not compared: extensions of',
    'other programs, and programs whose maps the recording loader could not make.',
    'Every miss is in [known-misses.json](tests/fixtures/kernel/known-misses.json).',
    '</details>',
  ];
}

function benchRows() {
  const { machine, programs, verifier } = JSON.parse(read('bench/results.json'));
  const fair = programs.filter(({ handicap }) => !handicap);
  const cell = (results) =>
    `${ratio(results, 'unchecked')} trusted, ${ratio(results, 'checked')} checked`;
  return [
    [
      `time of compiled code / native clang -O2, geometric mean of ${programs.length} programs`,
      `${cell(programs)}, ${ratio(programs, 'interpreter')} interpreter`,
      '`npm run bench`',
    ],
    [`the same over the ${fair.length} where native has no handicap`, cell(fair), machine],
    [
      `verifier: instructions a second on ${verifier.length} large programs of the kernel`,
      verifierSpeed(verifier),
      '`npm run bench -- --section verifier`',
    ],
  ];
}

/** Lowest, middle and highest rate, and the middle one of a process that just started. */
function verifierSpeed(results) {
  const sorted = (of) => results.map(of).sort((a, b) => a - b);
  const best = sorted((one) => one.best);
  const first = sorted((one) => one.first);
  const millions = (rate) => `${rate.toFixed(2)} M`;
  const middle = best.length >> 1;
  return (
    `${millions(best[0])} to ${millions(best.at(-1))}, median ${millions(best[middle])}; ` +
    `in a new process ${millions(first[middle])}`
  );
}

/** Every program, also those where we lose. */
function speedTable() {
  const { programs } = JSON.parse(read('bench/results.json'));
  const x = (times, side) => (times[side].best / times.native.best).toFixed(2);
  const rows = programs.map(
    ({ name, title, times, handicap }) =>
      `| ${name}${handicap ? ' *' : ''} | ${title} | ${x(times, 'unchecked')} | ` +
      `${x(times, 'checked')} | ${x(times, 'interpreter')} |`,
  );
  return [
    '',
    '<details><summary>Every program of <code>npm run bench</code>: time / native clang -O2</summary>',
    '',
    '| program | | trusted | checked | interpreter |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    '\\* native has a handicap; `npm run bench` says which.',
    '</details>',
  ];
}

/** The tables as Markdown, from the modules src/abi and src/runtime/missing. */
export function scorecard(abi, { missingHelpers }) {
  const rows = [
    oracleRow(),
    vectorsRow(),
    helperRow(abi, missingHelpers, 'xdp', 'XDP'),
    helperRow(abi, missingHelpers, 'sched_cls', 'tc'),
    mapsRow(abi),
    mapAnswersRow(),
    ...kernelRows(),
    ...benchRows(),
  ];
  const lines = rows.map((cells) => `| ${cells.join(' | ')} |`);
  return [
    START,
    '| what | how much | see |',
    '|---|---|---|',
    ...lines,
    ...kernelTable(),
    ...speedTable(),
    END,
  ].join('\n');
}

/** The README with its scorecard replaced. */
export function replaced(page, table) {
  const from = page.indexOf(START);
  const to = page.indexOf(END);
  if (from < 0 || to < from) throw new Error('README.md has no scorecard markers');
  return page.slice(0, from) + table + page.slice(to + END.length);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const built = (path) => import(join(root, 'dist', path));
  const table = scorecard(await built('abi/index.js'), await built('runtime/missing.js'));
  writeFileSync(join(root, 'README.md'), replaced(read('README.md'), table));
}
