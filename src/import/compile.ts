/** C to object, with what was compiled before kept on disk by its content. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { compileArguments } from '../tools/index.ts';
import { jsonHead, keepFile } from './cache.ts';
import { CompileError } from './compile-error.ts';
import { type Compiler, findCompiler } from './compiler.ts';
import { cacheFolder, includeFolder } from './places.ts';

/** How sources that are imported are compiled. */
export interface CompileSettings {
  /** Folders with headers, besides that of the source and beeyard's own. */
  readonly include?: readonly string[];
  /** Macros: NAME or NAME=VALUE. */
  readonly define?: readonly string[];
  /** Instruction set, 'v1' to 'v4'. Default 'v3'. */
  readonly cpu?: string;
  /** The compiler; by default the first clang that knows the bpf target. */
  readonly clang?: string;
}

export interface CompiledObject {
  readonly bytes: Uint8Array;
  /** Every file the object is made of, the source first: paths. */
  readonly dependencies: readonly string[];
  /** What the compiler had to say; '' when it did not have to run. */
  readonly warnings: string;
}

/** Changes when the layout of a cache file does. */
const FORMAT = 1;

/**
 * Compiles a source, or takes the object from the cache if compiler, arguments, source and every
 * header are the same as before.
 *
 * Throws `CompileError` with the compiler's words, `MissingCompiler`, and Node's error for a source
 * that cannot be read.
 */
export function compileObject(path: string, settings: CompileSettings = {}): CompiledObject {
  const source = readFileSync(path);
  const compiler = compilerFor(settings.clang, dirname(path));
  const args = argumentsFor(path, settings);
  const key = digest(JSON.stringify([FORMAT, compiler, args, digest(source)]));
  const folder = cacheFolder(process.env);
  const place = folder && join(folder, 'objects', `${key}.o`);
  return (place && fromCache(place)) || compile(path, compiler, args, place);
}

const compilers = new Map<string, Compiler>();

/** Asking compilers what they can do takes longer than compiling: done once per process. */
function compilerFor(clang: string | undefined, cwd: string): Compiler {
  const key = clang ?? '';
  const compiler = compilers.get(key) ?? findCompiler(clang, process.env, cwd);
  compilers.set(key, compiler);
  return compiler;
}

/** The place of the object is not part of it: it changes each time. */
function argumentsFor(path: string, { include = [], define = [], cpu = 'v3' }: CompileSettings) {
  const includes = [...include.map((folder) => resolve(folder)), includeFolder()];
  return compileArguments(path, 'OBJECT', { cpu, includes, defines: define, color: false });
}

function compile(
  path: string,
  compiler: Compiler,
  args: readonly string[],
  place: string | undefined,
): CompiledObject {
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-'));
  const started = performance.timeOrigin + performance.now();
  try {
    const object = join(folder, 'object.o');
    const list = join(folder, 'object.d');
    const all = args.map((arg) => (arg === 'OBJECT' ? object : arg));
    const command = [...compiler.before, ...all, '-MD', '-MF', list];
    const { status, stderr, error } = spawnSync(compiler.command, command, { encoding: 'utf8' });
    if (error) throw error;
    if (status !== 0) throw new CompileError(path, stderr);
    const dependencies = dependenciesIn(readFileSync(list, 'utf8'));
    const bytes = new Uint8Array(readFileSync(object));
    if (place) toCache(place, started, dependencies, bytes);
    return { bytes, dependencies, warnings: stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads a rule as make has it: 'object.o: a.c b\ c.h \⏎ d.h'. */
export function dependenciesIn(rule: string): string[] {
  const text = rule.slice(rule.indexOf(': ') + 2).replace(/\\\r?\n/g, ' ');
  const words = text.match(/(?:\\.|[^\s\\])+/g) ?? [];
  const paths = words.map((word) => word.replace(/\\([ #])/g, '$1').replaceAll('$$', '$'));
  return [...new Set(paths.map((path) => resolve(path)))];
}

const digest = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex');

/** A cache file: u32 length of the JSON list of [path, digest], the list, then the object. */
function fromCache(place: string): CompiledObject | undefined {
  try {
    const file = readFileSync(place);
    const size = file.readUInt32LE(0);
    const list = JSON.parse(file.toString('utf8', 4, 4 + size)) as [string, string][];
    if (list.some(([path, before]) => digest(readFileSync(path)) !== before)) return undefined;
    const dependencies = list.map(([path]) => path);
    return { bytes: new Uint8Array(file.subarray(4 + size)), dependencies, warnings: '' };
  } catch {
    return undefined;
  }
}

/** Keeps nothing if a file was written meanwhile: the compiler may have seen what it was. */
function toCache(
  place: string,
  started: number,
  paths: readonly string[],
  bytes: Uint8Array,
): void {
  if (paths.some((path) => statSync(path).mtimeMs > started)) return;
  const list = paths.map((path) => [path, digest(readFileSync(path))]);
  keepFile(place, jsonHead(list), bytes);
}
