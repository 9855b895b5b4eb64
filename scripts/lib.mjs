/** What every script of this folder shares: where the repository is, running commands, installing. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a command with our terminal; ends this process with its exit code when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error) fail(`cannot run ${command}: ${result.error.message}`, 4);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** Like `run`, but returns the exit code. */
export function tryRun(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  return result.error ? 127 : (result.status ?? 1);
}

export function fail(message, code = 1) {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

/** True if a program of that name is on the PATH. */
export function has(program) {
  const paths = (process.env.PATH ?? '').split(':');
  return paths.some((path) => existsSync(join(path, program)));
}

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`beeyard needs Node 20.19 or newer; this is ${process.versions.node}`, 4);
}

/** True if node_modules holds what package-lock.json asks for. */
function installed() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const want = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const have = JSON.parse(readFileSync(record, 'utf8')).packages;
  return Object.entries(want).every(
    ([path, entry]) => path === '' || entry.optional || have[path]?.version === entry.version,
  );
}

/** `npm ci`, if anything is missing. No install scripts: none of our packages needs one. */
export function install() {
  checkNode();
  if (installed()) return;
  process.stderr.write('Installing packages (npm ci) …\n');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Path of a package's executable. */
export function bin(name) {
  return join(root, 'node_modules', '.bin', name);
}
