/** What is on the screen as a command line, and as a test. */
import { type CodeForm, NEWEST } from './route.ts';
import type { Coverage } from '../protocol.ts';

/** A word of a POSIX shell. */
export const shellWord = (text: string): string =>
  /^[\w./:=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

export interface ShownRun {
  readonly file: string;
  readonly program: string;
  /** The bytes that ran last. */
  readonly packet: Uint8Array;
  /** Where they are in a capture, from 1, and whether those before ran first. */
  readonly capture?: { readonly name: string; readonly number: number } | undefined;
  readonly before: number;
  readonly step: number;
  readonly outcome: string;
}

export const verifyCommand = (file: string, kernel?: string): string =>
  `beeyard verify ${shellWord(file)}${kernel === undefined ? '' : ` --kernel ${kernel}`} --explain`;

/** Opens a source where there is a compiler. */
export const studioCommand = (source: string): string => `beeyard studio ${shellWord(source)}`;

/** The listings that Code shows. */
export const dumpCommand = (file: string, program: string, form: CodeForm): string =>
  `beeyard prog dump ${form === 'wasm' ? 'jited' : form} ${shellWord(file)} ${shellWord(program)}`;

export const matrixCommand = (file: string, program: string): string =>
  `beeyard matrix ${shellWord(file)} --prog ${shellWord(program)}`;

/** The flow as DOT. */
export const graphCommand = (file: string, program: string): string =>
  `beeyard prog dump xlated ${shellWord(file)} ${shellWord(program)} visual`;

/** A run with others before it needs the capture; alone its bytes say all. `look`: commands. */
export function debugCommand(
  { file, program, packet, capture, before, step }: ShownRun,
  look = `goto ${step}; where; registers`,
): string {
  const input =
    capture && before > 0
      ? `--pcap ${shellWord(capture.name)} --packet ${capture.number}`
      : `--data ${hex(packet)}`;
  const start = `beeyard debug ${shellWord(file)} --prog ${shellWord(program)} ${input}`;
  return `${start} -x ${shellWord(look)}`;
}

const IMPORTS = (file: string): string => `import object from './${file}';`;
const word = (text: string): string => `'${text.replace(/[\\']/g, '\\$&').replaceAll('\n', ' ')}'`;

/** That it loads, or that it is rejected with these words (or at all, on another kernel). */
export function verifyTest(
  file: string,
  program: string,
  rejection?: string,
  kernel: string = NEWEST,
): string {
  const title = `Linux ${kernel} ${rejection === undefined ? 'accepts' : 'rejects'} ${program}`;
  const verifies = `toVerifyOn('${kernel}', { programs: [${word(program)}] });`;
  const isOther = kernel !== NEWEST;
  const body =
    rejection === undefined || isOther
      ? [`  await expect(object).${rejection === undefined ? '' : 'not.'}${verifies}`]
      : [
          '  using host = await machine();',
          `  const loading = host.load(object, { programs: [${word(program)}] });`,
          `  await expect(loading).rejects.toThrow(${word(rejection)});`,
        ];
  const names = rejection === undefined || isOther ? 'expect, test' : 'expect, machine, test';
  return `${[
    `import { ${names} } from 'beeyard/testing';`,
    IMPORTS(file),
    '',
    `test(${word(title)}, async () => {`,
    ...body,
    '});',
  ].join('\n')}\n`;
}

/** The run and its verdict; with packets before it the capture is read. */
export function runTest(shown: ShownRun): string {
  const { program, packet, capture, before } = shown;
  const outcome = verdictOf(shown);
  const replays = capture !== undefined && before > 0;
  const run = (data: string) => `programs[${word(program)}].run({ data: ${data}, device: 'eth0' })`;
  const input = replays
    ? [
        `  const { packets } = readCapture(readFileSync(${word(capture.name)}));`,
        `  const results = packets.slice(0, ${capture.number}).map(({ data }) => ${run('data')});`,
        `  expect(results.at(-1)).toHaveVerdict(${word(outcome)});`,
      ]
    : [
        `  const data = Buffer.from('${hex(packet)}', 'hex');`,
        `  expect(${run('data')}).toHaveVerdict(${word(outcome)});`,
      ];
  return testOf(shown, `${program}: ${outcome}`, replays, input);
}

// What has no name of its own is a verdict all the same: 'unknown 7'.
const verdictOf = ({ outcome }: ShownRun): string => outcome.replace(/^returned /, 'unknown ');

function testOf(
  { file, program }: Pick<ShownRun, 'file' | 'program'>,
  title: string,
  readsCapture: boolean,
  body: readonly string[],
  taken = 'programs',
): string {
  return `${[
    ...(readsCapture
      ? ["import { readFileSync } from 'node:fs';", "import { readCapture } from 'beeyard';"]
      : []),
    "import { expect, machine, test } from 'beeyard/testing';",
    IMPORTS(file),
    '',
    `test(${word(title)}, async () => {`,
    '  using host = await machine({ devices: { eth0: {} } });',
    `  const { ${taken} } = await host.load(object, { programs: [${word(program)}] });`,
    ...body,
    '});',
  ].join('\n')}\n`;
}

/** That the maps have as many entries after the run as were seen at its end. */
export function mapsTest(shown: ShownRun, sizes: readonly (readonly [string, number])[]): string {
  const { program, packet, capture, before } = shown;
  const replays = capture !== undefined && before > 0;
  const run = `programs[${word(program)}].run({ data, device: 'eth0' })`;
  const input = replays
    ? [
        `  const { packets } = readCapture(readFileSync(${word(capture.name)}));`,
        `  for (const { data } of packets.slice(0, ${capture.number})) ${run};`,
      ]
    : [`  const data = Buffer.from('${hex(packet)}', 'hex');`, `  ${run};`];
  const body = sizes.map(
    ([name, size]) => `  expect([...maps[${word(name)}]]).toHaveLength(${size});`,
  );
  const title = `${program}: what it leaves in its maps`;
  return testOf(shown, title, replays, [...input, ...body], 'programs, maps');
}

/** That a capture has these verdicts. */
export function coverageTest(
  shown: { readonly file: string; readonly program: string; readonly capture: string },
  { packets, verdicts }: Pick<Coverage, 'packets' | 'verdicts'>,
): string {
  const { program, capture } = shown;
  const run = `programs[${word(program)}].run({ data, device: 'eth0' }).verdict`;
  return testOf(shown, `${program}: verdicts of ${capture}`, true, [
    `  const { packets } = readCapture(readFileSync(${word(capture)}));`,
    '  const counts: Record<string, number> = {};',
    `  for (const { data } of packets.slice(0, ${packets})) {`,
    `    const verdict = ${run};`,
    '    counts[verdict] = (counts[verdict] ?? 0) + 1;',
    '  }',
    '  expect(counts).toEqual({',
    ...verdicts.map(
      ([verdict, count]) => `    ${word(verdict.replace(/^returned /, 'unknown '))}: ${count},`,
    ),
    '  });',
  ]);
}

/** The capture through the program, with the lines that ran most. */
export const coverageCommand = (file: string, program: string, capture: string): string =>
  `beeyard run ${shellWord(file)} --prog ${shellWord(program)} --pcap ${shellWord(capture)} --top`;
