/** The first process of a virtual machine, compiled when it is needed. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CliError, EXIT } from './exit.ts';
import { packageFile } from './version.ts';

const SOURCE = 'include/vm/guest.c';
const COMPILERS = ['gcc', 'cc', 'clang'];

/** The program, kept in the folder `cache`. Throws CliError when there is no C compiler. */
export function guestProgram(cache: string): Uint8Array {
  const source = fileURLToPath(packageFile(SOURCE));
  const key = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 12);
  const path = join(cache, `vm-guest-${key}`);
  if (!existsSync(path)) compile(source, path, cache);
  return readFileSync(path);
}

function compile(source: string, path: string, cache: string): void {
  mkdirSync(cache, { recursive: true });
  const partial = `${path}.${process.pid}`;
  const compiler = COMPILERS.find((name) => spawnSync(name, ['--version']).status === 0);
  if (!compiler) {
    throw new CliError(
      EXIT.missing,
      'a C compiler is missing',
      'apt-get install --no-install-recommends gcc libc6-dev',
    );
  }
  const words = ['-static', '-O1', '-o', partial, source];
  const { status, stderr } = spawnSync(compiler, words, { encoding: 'utf8' });
  if (status === 0) return renameSync(partial, path);
  rmSync(partial, { force: true });
  throw new CliError(
    EXIT.missing,
    `${compiler} cannot compile the machine's first program: ${stderr.trim().split('\n')[0]}`,
    'apt-get install --no-install-recommends libc6-dev',
  );
}
