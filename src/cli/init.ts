/** `beeyard init`: a folder with a BPF program and its tests. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FormatError } from '../base/index.ts';
import type { CommandCall } from './command.ts';
import { EXIT } from './exit.ts';
import { type CliIo, styleFor } from './io.ts';
import { toJson } from './values.ts';
import { packageFile } from './version.ts';

const TEMPLATE = 'examples/vitest';
const SETTINGS = 'package.json';
/** What the project needs besides beeyard itself, in the versions this one is tested with. */
const TOOLS = ['@vitest/coverage-istanbul', 'fast-check', 'vite', 'vitest'] as const;

interface PackageJson {
  readonly version?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

interface Done {
  readonly written: readonly string[];
  /** Files that were there and stay as they are. */
  readonly kept: readonly string[];
}

export function run(call: CommandCall, io: CliIo): Promise<number> {
  const folder = resolve(io.cwd, call.operands[0] ?? '.');
  mkdirSync(folder, { recursive: true });
  const done = copyTemplate(folder);
  const settings = completePackage(folder);
  const all: Done = settings ? { ...done, written: [...done.written, SETTINGS] } : done;
  if (call.json) io.out(`${toJson({ folder, ...all }, call.flag('pretty'))}\n`);
  else io.out(report(folder, all, io));
  return Promise.resolve(EXIT.ok);
}

function copyTemplate(folder: string): Done {
  const from = fileURLToPath(packageFile(TEMPLATE));
  const written: string[] = [];
  const kept: string[] = [];
  for (const name of readdirSync(from).sort()) {
    const to = join(folder, name);
    if (existsSync(to)) {
      kept.push(name);
      continue;
    }
    copyFileSync(join(from, name), to);
    written.push(name);
  }
  return { written, kept };
}

/** Adds what is missing to package.json. Returns whether there was something. */
function completePackage(folder: string): boolean {
  const path = join(folder, SETTINGS);
  const old = existsSync(path) ? readPackage(path) : { name: basename(folder), private: true };
  const own = JSON.parse(readFileSync(packageFile(SETTINGS), 'utf8')) as PackageJson;
  const wanted: Record<string, string> = { beeyard: own.version! };
  for (const name of TOOLS) wanted[name] = own.devDependencies![name]!;
  const { dependencies = {}, devDependencies = {}, scripts = {} } = old as PackageJson;
  const missing = Object.entries(wanted).filter(
    ([name]) => !(name in dependencies) && !(name in devDependencies),
  );
  if (missing.length === 0 && 'test' in scripts) return false;
  const next = {
    ...old,
    type: 'module',
    scripts: { test: 'vitest run', ...scripts },
    devDependencies: { ...devDependencies, ...Object.fromEntries(missing) },
  };
  writeFileSync(path, `${JSON.stringify(next, null, 2)}\n`);
  return true;
}

function readPackage(path: string): object {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
    throw new SyntaxError('it is no object');
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new FormatError(path, 0, `package.json cannot be read: ${text}`);
  }
}

function report(folder: string, { written, kept }: Done, io: CliIo): string {
  const style = styleFor(io.color);
  const lines = written.map((name) => `  ${style.good('+')} ${name}`);
  lines.push(...kept.map((name) => `  ${style.dim(`= ${name} (was there, stays)`)}`));
  const where = relative(io.cwd, folder);
  const next = [...(where ? [`cd ${where}`] : []), 'npm install', 'npm test -- --coverage'];
  return `${lines.join('\n')}\n\nNext:\n${next.map((one) => `  ${style.bold(one)}`).join('\n')}\n`;
}
