/** `beeyard test kernel-selftests`: tests of a kernel tree, compiled, verified and run here. */
import { existsSync, readdirSync, readFileSync, statSync, watch, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type KernelProfile, loadTargetKernel } from '../../abi/index.ts';
import { Host } from '../../client/index.ts';
import { bootMachine } from '../../machine/index.ts';
import { FormatError } from '../../base/index.ts';
import { type ObjectFile, parseObject } from '../../object/index.ts';
import { type Denied, matcher, readDenylist } from '../../tools/ci/index.ts';
import {
  explained,
  judgeSelftest,
  returnedBy,
  returnOf,
  selftestName,
  selftestsJunit,
  selftestsOf,
  type SelftestResult,
  selftestsTap,
  type SelftestUnit,
} from '../../tools/selftests/index.ts';
import { compilerFor as findClang } from '../compile.ts';
import type { CommandCall } from '../command.ts';
import { CliError, EXIT, usageError } from '../exit.ts';
import { readBytes } from '../files.ts';
import { type CliIo, styleFor } from '../io.ts';
import { compileAll, compilerFor, objectName } from './compile.ts';
import { cacheOf, debianTree, generatedHeaders, isTree, keyOf, SELFTESTS } from './tree.ts';

const KERNELS = ['6.12', '6.1'] as const;
/** Editors write a file in several steps. */
const SETTLE = 100;

/** What is to be run, and with what. */
interface Plan {
  readonly profile: KernelProfile;
  readonly sources: readonly string[];
  readonly objectOf: (source: string) => string;
  readonly compiler: ReturnType<typeof compilerFor>;
  readonly jobs: number;
  readonly cwd: string;
  /** Folders to watch. */
  readonly folders: readonly string[];
  readonly wants: (unit: SelftestUnit) => boolean;
  readonly denied: readonly Denied[];
}

export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const plan = await planOf(call, io);
  if (call.flag('list')) return list(plan, call, io);
  const results = await runAll(plan, plan.sources, io);
  if (io.interrupt?.aborted) return EXIT.interrupted;
  if (results.length === 0) throw new CliError(EXIT.input, 'there is no such test');
  report(results, call, io);
  if (call.flag('watch')) return watchThem(plan, call, io);
  return results.some(({ status }) => status === 'fail') ? EXIT.finding : EXIT.ok;
}

// ---- What is asked for --------------------------------------------------------------------------

async function planOf(call: CommandCall, io: CliIo): Promise<Plan> {
  const given = call.text('kernel') ?? '6.12';
  const kernel = KERNELS.find((one) => one === given);
  if (kernel === undefined) throw usageError(`--kernel takes ${KERNELS.join(' or ')}`);
  const places = call.operands.map((one) => resolve(io.cwd, one));
  for (const place of places) {
    if (!existsSync(place)) throw new CliError(EXIT.input, `${place}: there is no such file`);
  }
  const tree = treeOf(call, io, places, kernel);
  const clang = findClang(undefined, io).command;
  const profile = await loadTargetKernel(kernel);
  const build = `${kernel} ${profile.release}`;
  const include = generatedHeaders(tree, () => profile.btf(), build, io.env);
  const named = places.length > 0 ? places : [tree];
  const sources = [...new Set(named.flatMap(sourcesAt))];
  const folder = join(cacheOf(io.env), `tests-${keyOf(clang, include, tree)}`);
  const jobs = Number(call.text('jobs') ?? availableParallelism());
  if (!(Number.isInteger(jobs) && jobs > 0)) throw usageError('--jobs takes a number from 1 on');
  const wanted = patternsOf(call, io, sources.map(stem));
  return {
    profile,
    sources: sources.filter((path) => wanted.files(stem(path))),
    objectOf: (source) => join(folder, keyOf(dirname(source)), objectName(source)),
    compiler: compilerFor(clang, tree, include),
    jobs,
    cwd: io.cwd,
    folders: [...new Set(sources.map(dirname))],
    wants: wanted.units,
    denied: listsOf(call, io, 'deny'),
  };
}

/** Where headers are: what --tree says, the tree that is asked for, the tree a file is in. */
function treeOf(call: CommandCall, io: CliIo, places: readonly string[], kernel: string): string {
  const given = call.text('tree');
  if (given !== undefined) {
    const path = resolve(io.cwd, given);
    if (isTree(path)) return path;
    throw new CliError(EXIT.input, `${given}: there is no ${SELFTESTS} below it`);
  }
  for (const place of places) {
    for (let at = place; dirname(at) !== at; at = dirname(at)) if (isTree(at)) return at;
  }
  return debianTree(kernel, io.env, (text) => io.err(text));
}

/** A tree, a folder of sources, or a source. */
function sourcesAt(place: string): string[] {
  if (!statSync(place).isDirectory()) return [place];
  const folder = [join(place, SELFTESTS, 'progs'), join(place, 'progs'), place].find(existsSync)!;
  return readdirSync(folder)
    .filter((name) => name.endsWith('.c'))
    .sort()
    .map((name) => join(folder, name));
}

const stem = (source: string): string => objectName(source).replace(/\.bpf\.o$/, '');

/**
 * -t and --allow: which files may hold tests that are wanted, and which of those are. A pattern
 * without '/' that no file is called by names programs, which may be anywhere.
 */
function patternsOf(call: CommandCall, io: CliIo, files: readonly string[]) {
  const patterns = [
    ...call.list('test').map((pattern) => ({ pattern, matches: matcher(pattern) })),
    ...listsOf(call, io, 'allow'),
  ];
  const all = patterns.length === 0;
  const ofFiles = patterns.map(({ pattern }) => matcher(pattern.split('/')[0]!));
  const anywhere = patterns.some(
    ({ pattern }, i) => !pattern.includes('/') && !files.some(ofFiles[i]!),
  );
  return {
    files: (name: string) => all || anywhere || ofFiles.some((matches) => matches(name)),
    units: (unit: SelftestUnit) => all || patterns.some(({ matches }) => named(unit, matches)),
  };
}

/** By file, program, or both; with the mode or without. */
function named(unit: SelftestUnit, matches: (name: string) => boolean): boolean {
  const name = selftestName(unit);
  const [file] = name.split('/');
  const { name: program } = unit.program;
  return [file!, program, `${file}/${program}`, name].some(matches);
}

function listsOf(call: CommandCall, io: CliIo, option: string): Denied[] {
  return call
    .list(option)
    .flatMap((path) => readDenylist(new TextDecoder().decode(readBytes(path, io))));
}

// ---- Running ------------------------------------------------------------------------------------

async function runAll(
  plan: Plan,
  sources: readonly string[],
  io: CliIo,
): Promise<SelftestResult[]> {
  const results: SelftestResult[] = [];
  const broken = await compiled(plan, sources, io);
  for (const [i, source] of sources.entries()) {
    if (io.interrupt?.aborted) break;
    if (io.interactive) io.err(`\r\u001b[Kverifying ${i + 1}/${sources.length}  ${stem(source)}`);
    const error = broken.get(source);
    if (error !== undefined) results.push(wholeFile(source, 'fail', 'it does not compile', error));
    else results.push(...(await runFile(plan, source)));
  }
  if (io.interactive) io.err('\r\u001b[K');
  return results;
}

async function compiled(plan: Plan, sources: readonly string[], io: CliIo) {
  const broken = new Map<string, string>();
  let done = 0;
  await compileAll(sources, plan.objectOf, plan.compiler, plan.jobs, (source, error) => {
    if (error !== '') broken.set(source, error);
    done++;
    if (io.interactive) io.err(`\r\u001b[Kcompiling ${done}/${sources.length}  ${stem(source)}`);
  });
  return broken;
}

async function runFile(plan: Plan, source: string): Promise<SelftestResult[]> {
  const object = opened(plan.objectOf(source));
  if (typeof object === 'string') return [wholeFile(source, 'skip', object)];
  const file = objectName(source);
  const results: SelftestResult[] = [];
  for (const unit of selftestsOf(file, object).filter(plan.wants)) {
    const judged = await judgeSelftest(unit, plan.profile, (one) => returned(one, plan.profile));
    const result = shownFrom(plan.cwd, judged);
    const entry = plan.denied.find(({ matches }) => named(unit, matches));
    const excused = entry && result.status === 'fail';
    results.push(excused ? { ...result, status: 'skip', why: `denied: ${entry.reason}` } : result);
  }
  return results;
}

/** Names files below a folder from there. */
function shownFrom(cwd: string, { source, ...result }: SelftestResult): SelftestResult {
  if (!source) return result;
  const { file } = source;
  const below = file.startsWith(`${cwd}/`);
  return { ...result, source: { ...source, file: below ? file.slice(cwd.length + 1) : file } };
}

/** Runs a program that says what it returns; words for what is wrong. */
async function returned(unit: SelftestUnit, kernel: KernelProfile): Promise<string | undefined> {
  const { retval } = unit.spec!.privileged;
  if (retval === undefined || unit.mode !== 'privileged') return undefined;
  const wanted = returnOf(retval);
  const { machine, network } = await bootMachine({ kernel });
  using host = new Host(machine, network.devices, network);
  try {
    const value = await returnedBy(unit, host);
    const right = wanted === 'pointer' || (value | 0) === wanted;
    return right ? undefined : `it returned ${value | 0}, and the test says ${retval}`;
  } catch (error) {
    return `it could not be run: ${(error as Error).message}`;
  }
}

/** Words for halves of programs, which are there to be linked. */
function opened(path: string): ObjectFile | string {
  try {
    return parseObject(new Uint8Array(readFileSync(path)));
  } catch (error) {
    if (error instanceof FormatError) return `no object by itself: ${error.reason}`;
    throw error;
  }
}

/** Stands for all tests of a file. */
function wholeFile(
  source: string,
  status: SelftestResult['status'],
  why: string,
  log?: string,
): SelftestResult {
  return {
    name: stem(source),
    file: objectName(source),
    program: '',
    mode: 'privileged',
    description: '',
    status,
    why,
    ...(log === undefined ? {} : { log }),
    processed: 0,
  };
}

// ---- What is shown ------------------------------------------------------------------------------

async function list(plan: Plan, call: CommandCall, io: CliIo): Promise<number> {
  const broken = await compiled(plan, plan.sources, io);
  if (io.interactive) io.err('\r\u001b[K');
  const names = plan.sources
    .filter((source) => !broken.has(source))
    .flatMap((source) => {
      const object = opened(plan.objectOf(source));
      if (typeof object === 'string') return [];
      return selftestsOf(objectName(source), object).filter(plan.wants).map(selftestName);
    });
  io.out(call.json ? `${JSON.stringify(names)}\n` : names.map((name) => `${name}\n`).join(''));
  return EXIT.ok;
}

function report(results: readonly SelftestResult[], call: CommandCall, io: CliIo): void {
  const junit = call.text('junit');
  if (junit !== undefined) writeFileSync(resolve(io.cwd, junit), selftestsJunit(results));
  if (call.flag('tap')) return io.out(selftestsTap(results));
  if (call.json) {
    io.out(`${JSON.stringify(results, undefined, call.flag('pretty') ? 2 : undefined)}\n`);
    return;
  }
  const style = styleFor(io.color);
  for (const one of results.filter(({ status }) => status === 'fail')) {
    const text = explained(one)
      .split('\n')
      .map((line) => `    ${line}\n`);
    io.out(`${style.bold(`✗ ${one.name}`)}\n${text.join('')}\n`);
  }
  const count = (status: string) => results.filter((one) => one.status === status).length;
  const files = new Set(results.map(({ file }) => file)).size;
  const skipped = count('skip') === 0 ? '' : `, ${count('skip')} skipped`;
  io.out(
    `${count('pass')} passed, ${count('fail')} failed${skipped}` +
      ` (${counted(results.length, 'test')} of ${counted(files, 'file')})\n`,
  );
}

const counted = (count: number, word: string): string =>
  `${count} ${word}${count === 1 ? '' : 's'}`;

// ---- Watching -----------------------------------------------------------------------------------

/** Runs tests of files that change, all of them when a header does, until the user stops it. */
function watchThem(plan: Plan, call: CommandCall, io: CliIo): Promise<number> {
  io.err('Watching; Ctrl-C ends it.\n');
  const changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let busy = Promise.resolve();
  const again = async () => {
    const all = [...changed].some((path) => path.endsWith('.h'));
    const sources = plan.sources.filter((path) => all || changed.has(path));
    changed.clear();
    if (sources.length > 0) report(await runAll(plan, sources, io), call, io);
  };
  const watchers = plan.folders.map((folder) =>
    watch(folder, (_event, name) => {
      if (name === null || !/\.[ch]$/.test(name)) return;
      changed.add(join(folder, name));
      clearTimeout(timer);
      timer = setTimeout(() => (busy = busy.then(again)), SETTLE);
    }),
  );
  return new Promise((done) => {
    const stop = () => {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
      void busy.then(() => done(EXIT.interrupted));
    };
    if (io.interrupt?.aborted) return stop();
    io.interrupt?.addEventListener('abort', stop, { once: true });
  });
}
