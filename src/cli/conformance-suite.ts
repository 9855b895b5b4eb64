/** `beeyard conformance`: the public suite's files, on both engines, counted by group. */
import { readdirSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { FormatError } from '../base/index.ts';
import { BareFault, type Engine, ProgramFaultError, runBare } from '../engine/index.ts';
import { type EngineName, engineNamed } from '../machine/create.ts';
import { createRuntime, type Runtime } from '../runtime/index.ts';
import { CONFORMANCE_GROUPS } from '../isa/index.ts';
import { parseSuiteTest, type SuiteTest } from '../tools/index.ts';
import type { CommandCall } from './command.ts';
import { CliError, EXIT } from './exit.ts';
import { fileError, readBytes } from './files.ts';
import { type CliIo, styleFor } from './io.ts';
import { formatTable } from './table.ts';
import { toJson } from './values.ts';

/** A file of the suite, read or not. */
interface SuiteFile {
  /** Below the folder. */
  readonly path: string;
  readonly test?: SuiteTest;
  /** What is wrong with the file. */
  readonly broken?: string;
}

/** A test on an engine. */
interface Outcome {
  readonly file: SuiteFile;
  readonly engine: EngineName;
  readonly passed: boolean;
  /** What came out, and what should have; undefined: it passed. */
  readonly reason: string | undefined;
}

export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const files = readSuite(call.operands[0]!, io).filter(({ path }) => chosen(path, call));
  if (files.length === 0) throw new CliError(EXIT.input, 'there is no such test');
  const engines = call.text('engine') ? [call.text('engine') as EngineName] : ENGINES;
  const outcomes: Outcome[] = [];
  for (const engine of engines) {
    if (io.interrupt?.aborted) return EXIT.interrupted;
    outcomes.push(...(await runOn(engine, files)));
  }
  if (call.json) io.out(`${toJson(jsonOf(files, outcomes, engines), call.flag('pretty'))}\n`);
  else writeReport(files, outcomes, engines, io);
  if (outcomes.some(({ passed }) => !passed)) return EXIT.finding;
  return files.some(({ broken }) => broken) ? EXIT.input : EXIT.ok;
}

const ENGINES: readonly EngineName[] = ['wasm', 'interpreter'];

const chosen = (path: string, call: CommandCall): boolean => {
  const words = call.list('test');
  return words.length === 0 || words.some((word) => path.includes(word));
};

/** All *.data files of a folder and those below it, or the one file that is named. */
function readSuite(folder: string, io: CliIo): SuiteFile[] {
  const root = resolve(io.cwd, folder);
  let paths: string[];
  try {
    paths = statSync(root).isDirectory() ? dataFiles(root) : [root];
  } catch (error) {
    throw fileError(folder, error);
  }
  if (paths.length === 0) {
    const hint = 'the suite is https://github.com/Alan-Jowett/bpf_conformance, folder tests';
    throw new CliError(EXIT.input, `${folder}: there is no .data file in it`, hint);
  }
  return paths.map((path) => {
    const name = relative(root, path) || folder;
    try {
      return { path: name, test: parseSuiteTest(new TextDecoder().decode(readBytes(path, io))) };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      const reason = error.reason.replace(/^line \d+: /, '');
      return { path: name, broken: `${name}:${error.offset}: ${reason}` };
    }
  });
}

function dataFiles(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.data'))
    .sort()
    .map((name) => join(folder, name));
}

async function runOn(engineName: EngineName, files: readonly SuiteFile[]): Promise<Outcome[]> {
  const engine = await engineNamed(engineName);
  const runtime = createRuntime({ cpus: 1 });
  return files
    .filter(({ test }) => test && !test.skip)
    .map((file) => {
      const reason = lossOf(file.test!, engine, runtime);
      return { file, engine: engineName, passed: reason === undefined, reason };
    });
}

const hex = (value: bigint) => `0x${value.toString(16)}`;

/** Runs a test; what is wrong with what came out. */
function lossOf(test: SuiteTest, engine: Engine, runtime: Runtime): string | undefined {
  const { insns, memory, result } = test;
  let found: bigint;
  try {
    found = runBare(engine, runtime, { insns, memory, checks: true }).r0;
  } catch (error) {
    const refused =
      error instanceof BareFault ||
      error instanceof ProgramFaultError ||
      error instanceof FormatError;
    if (!refused) throw error;
    return result === undefined ? undefined : `${error.message}, not ${hex(result)}`;
  }
  if (result === undefined) return `r0 is ${hex(found)}, but the program must fail`;
  return found === result ? undefined : `r0 is ${hex(found)}, not ${hex(result)}`;
}

const lossesOf = (outcomes: readonly Outcome[]) => outcomes.filter(({ passed }) => !passed);

function writeReport(
  files: readonly SuiteFile[],
  outcomes: readonly Outcome[],
  engines: readonly EngineName[],
  io: CliIo,
): void {
  const style = styleFor(io.color);
  const columns = [
    { head: 'group' },
    { head: 'tests', right: true },
    ...engines.map((engine) => ({ head: engine, right: true })),
  ];
  const rows = countsOf(files, outcomes, engines).map(({ group, tests, passed }) => [
    group,
    String(tests),
    ...engines.map((engine) => {
      const text = tests === 0 ? '–' : `${passed[engine]} of ${tests}`;
      return passed[engine] === tests ? style.good(text) : style.bad(text);
    }),
  ]);
  io.out(formatTable(columns, rows, io.columns, style.dim, 0));
  for (const { file, engine, reason } of lossesOf(outcomes)) {
    io.out(`${style.bad('lost')}    ${file.path} (${engine}): ${reason}\n`);
  }
  for (const { broken } of files) if (broken) io.out(`${style.bad('broken')}  ${broken}\n`);
  for (const { path, test } of files) {
    if (test?.skip) io.out(`${style.dim('skipped')} ${path}: ${test.skip}\n`);
  }
}

interface Counts {
  readonly group: string;
  readonly tests: number;
  readonly passed: Readonly<Record<string, number>>;
}

/** Tests that use each group, and all. */
function countsOf(
  files: readonly SuiteFile[],
  outcomes: readonly Outcome[],
  engines: readonly EngineName[],
): Counts[] {
  const count = (group: string, has: (file: SuiteFile) => boolean): Counts => ({
    group,
    tests: files.filter((file) => file.test && !file.test.skip && has(file)).length,
    passed: Object.fromEntries(
      engines.map((engine) => [
        engine,
        outcomes.filter((one) => one.engine === engine && one.passed && has(one.file)).length,
      ]),
    ),
  });
  return [
    ...CONFORMANCE_GROUPS.map((group) =>
      count(group, ({ test }) => test?.groups.includes(group) === true),
    ),
    count('all', () => true),
  ];
}

function jsonOf(
  files: readonly SuiteFile[],
  outcomes: readonly Outcome[],
  engines: readonly EngineName[],
) {
  return {
    groups: countsOf(files, outcomes, engines),
    losses: lossesOf(outcomes).map(({ file, engine, reason }) => ({
      file: file.path,
      engine,
      reason,
    })),
    broken: files.flatMap(({ broken }) => (broken ? [broken] : [])),
    skipped: files.flatMap(({ path, test }) =>
      test?.skip ? [{ file: path, reason: test.skip }] : [],
    ),
  };
}
