/** `beeyard ci`: objects × kernels × shapes against a baseline. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type KernelProfile, loadTargetKernel } from '../abi/index.ts';
import { FormatError } from '../base/index.ts';
import { type ObjectFile, parseObject } from '../object/index.ts';
import {
  type CiCell,
  type CiConfig,
  type CiRecord,
  DEFAULT_GATES,
  DEFAULT_SHAPE,
  judge,
  matcher,
  type Shape,
  shaped,
  unreadable,
} from '../tools/ci/index.ts';
import { isExact, MATRIX_VERSIONS } from '../tools/index.ts';
import { CiCache } from './ci-cache.ts';
import { CONFIG, configFile, gatesOf } from './ci-options.ts';
import { report } from './ci-report.ts';
import type { CommandCall } from './command.ts';
import { EXIT, usageError } from './exit.ts';
import { readBytes } from './files.ts';
import type { CliIo } from './io.ts';
import { didYouMean } from './suggest.ts';

const EVERY = 100;

/** An object on a kernel in a shape: what is judged, and remembered, at once. */
interface Cell {
  readonly path: string;
  readonly file: string;
  readonly kernel: string;
  readonly shape: Shape;
}

export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const config = configOf(call, io);
  const cells = shardOf(call, cellsOf(config, io));
  const cache = new CiCache(io, !call.flag('no-cache'));
  const records = await judgeAll(cells, cache, io);
  if (io.interrupt?.aborted) return EXIT.interrupted;
  return report(call, io, records, config);
}

// ---- What is asked for --------------------------------------------------------------------------

/** The file, with what the command line says in place of what it says. */
function configOf(call: CommandCall, io: CliIo): CiConfig {
  const file = configFile(call, io);
  const objects = call.operands.length > 0 ? call.operands : (file?.objects ?? []);
  if (objects.length === 0) {
    throw usageError(`name some objects, or have ${CONFIG} with 'objects: [build/*.bpf.o]'`);
  }
  const named = call.list('kernel').flatMap((one) => one.split(','));
  const kernels = named.length > 0 ? named : (file?.kernels ?? ['6.12']);
  for (const one of kernels) checkKernel(one);
  return {
    objects,
    kernels,
    shapes: file?.shapes ?? [DEFAULT_SHAPE],
    baseline: call.text('baseline') ?? file?.baseline,
    gates: gatesOf(call, file?.gates ?? DEFAULT_GATES),
  };
}

function checkKernel(word: string): void {
  const known = MATRIX_VERSIONS.filter(isExact);
  if (isExact(word)) return;
  const list = known.join(', ');
  throw usageError(`a kernel is one of ${list}, not '${word}'${didYouMean(word, known)}`);
}

function cellsOf({ objects, kernels, shapes }: CiConfig, io: CliIo): Cell[] {
  const files = new Map<string, string>();
  for (const path of objects.flatMap((one) => expand(one, io))) {
    files.set(shownPath(path, io), path);
  }
  return [...files].flatMap(([file, path]) =>
    kernels.flatMap((kernel) =>
      shapes.filter(isFor(file)).map((shape) => ({ path, file, kernel, shape })),
    ),
  );
}

/** A shape that names no objects is for all. */
const isFor = (file: string) => (shape: Shape) =>
  shape.objects?.some((pattern) => matcher(pattern)(file)) ?? true;

/** The same on every machine: relative to where the command runs. */
const shownPath = (path: string, io: CliIo): string =>
  relative(io.cwd, resolve(io.cwd, path)).replaceAll('\\', '/');

/** Files a pattern stands for, sorted; `*` is anything in one name. */
function expand(pattern: string, io: CliIo): string[] {
  if (!pattern.includes('*')) return [pattern];
  let found = [pattern.startsWith('/') ? '/' : '.'];
  for (const part of pattern.split('/').filter((one) => one !== '')) {
    found = found.flatMap((folder) => namesIn(folder, part, io).map((name) => join(folder, name)));
  }
  if (found.length === 0) throw usageError(`no file is named like '${pattern}'`);
  return found.sort();
}

function namesIn(folder: string, part: string, io: CliIo): string[] {
  if (!part.includes('*')) return existsSync(resolve(io.cwd, folder, part)) ? [part] : [];
  const matches = matcher(part);
  const path = resolve(io.cwd, folder);
  if (!existsSync(path) || !statSync(path).isDirectory()) return [];
  return readdirSync(path).filter((name) => matches(name));
}

/** --shard i/n: every n-th cell, so that shards take alike long. */
function shardOf(call: CommandCall, cells: readonly Cell[]): readonly Cell[] {
  const text = call.text('shard');
  if (text === undefined) return cells;
  if (call.text('blob') === undefined) {
    throw usageError('--shard judges a part: it wants --blob FILE, for `beeyard ci merge`');
  }
  const [, i, n] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const [index, count] = [Number(i), Number(n)];
  if (!(index >= 1 && index <= count)) throw usageError(`--shard takes 1/8 to 8/8, not '${text}'`);
  return cells.filter((_, k) => k % count === index - 1);
}

// ---- Judging ------------------------------------------------------------------------------------

async function judgeAll(cells: readonly Cell[], cache: CiCache, io: CliIo): Promise<CiRecord[]> {
  const build = fingerprint();
  const profiles = new Map<string, KernelProfile>();
  const records: CiRecord[] = [];
  const bytesOf = remembered((path: string) => readBytes(path, io));
  let drawn = performance.now() + EVERY * 10;
  for (const [i, cell] of cells.entries()) {
    if (io.interrupt?.aborted) break;
    const { path, file, kernel, shape } = cell;
    const bytes = bytesOf(path);
    const key = cache.key(bytes, file, kernel, shape, build);
    let judged = cache.read(key);
    if (!judged) {
      const profile = profiles.get(kernel) ?? (await loadTargetKernel(kernel as '6.12'));
      profiles.set(kernel, profile);
      judged = judgeObject({ file, kernel, shape: shape.name }, bytes, shape, profile);
      cache.write(key, judged);
    }
    records.push(...judged);
    if (io.interactive && performance.now() > drawn) {
      drawn = performance.now() + EVERY;
      io.err(`\r\u001b[2K${i + 1} of ${cells.length} judged: ${file} on ${kernel}`);
    }
  }
  if (io.interactive) io.err('\r\u001b[2K');
  return records;
}

/** One object that is broken does not keep the others from being judged. */
function judgeObject(cell: CiCell, bytes: Uint8Array, shape: Shape, profile: KernelProfile) {
  let object: ObjectFile;
  try {
    object = parseObject(bytes);
  } catch (error) {
    if (error instanceof FormatError) return [unreadable(cell, error.message)];
    throw error;
  }
  return judge(cell, shaped(object, shape, cell.file), profile);
}

/** Objects come once for each kernel and shape: the last one is kept. */
function remembered(read: (path: string) => Uint8Array): (path: string) => Uint8Array {
  let last: { readonly path: string; readonly bytes: Uint8Array } | undefined;
  return (path) => {
    if (last?.path !== path) last = { path, bytes: read(path) };
    return last.bytes;
  };
}

/** Names the build: a bundle's name has a hash of what is in it. */
function fingerprint(): string {
  const path = fileURLToPath(import.meta.url);
  const { size, mtimeMs } = statSync(path);
  return `${basename(dirname(path))}/${basename(path)}:${size}:${mtimeMs}`;
}
