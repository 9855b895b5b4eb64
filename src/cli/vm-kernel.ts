/** Kernels for virtual machines: a file, or a package of Debian that apt-get gives. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { modulePatterns, neededModules, newestImage } from '../tools/vm/index.ts';
import { CliError, EXIT } from './exit.ts';

/** A kernel that can be started. */
export interface VmKernel {
  /** The bzImage. */
  readonly path: string;
  /** What it is called: its version, or its file's name. */
  readonly name: string;
  /** Files of the modules the machine loads, in order. */
  readonly modules: readonly Uint8Array[];
}

const VERSION = /^\d+\.\d+(\.\d+)?([-.+]\w+)*$/;
const IMAGE = /^vmlinuz-(.+)$/;

/**
 * `wanted`: the path of a bzImage, or Debian's word for a version: 6.12, 6.1. What is fetched stays
 * in the folder `cache`. Throws CliError: no such file, no such package.
 */
export function findKernel(wanted: string, cwd: string, cache: string): VmKernel {
  const path = resolve(cwd, wanted);
  if (existsSync(path) && statSync(path).isFile()) return kernelAt(path);
  if (!VERSION.test(wanted)) {
    throw new CliError(EXIT.input, `there is no kernel ${path}`, 'a file, or a version: -k 6.12');
  }
  return kernelIn(unpackedPackage(wanted, cache));
}

/** A kernel by its path, with the modules that stand beside it where Linux keeps them. */
function kernelAt(path: string): VmKernel {
  const name = path.slice(dirname(path).length + 1);
  const release = IMAGE.exec(name)?.[1];
  const folder = release && join(dirname(dirname(path)), 'lib', 'modules', release, 'kernel');
  return { path, name: release ?? name, modules: folder ? readModules(folder) : [] };
}

function kernelIn(folder: string): VmKernel {
  const boot = join(folder, 'boot');
  const name = readdirSync(boot).find((one) => IMAGE.test(one));
  if (!name) throw new CliError(EXIT.missing, `${folder} has no kernel: remove it and try again`);
  return kernelAt(join(boot, name));
}

function readModules(folder: string): Uint8Array[] {
  if (!existsSync(folder)) return [];
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return neededModules(paths).map((path) => readFileSync(join(folder, path)));
}

/** The folder of Debian's newest package of a version, fetched once. */
function unpackedPackage(version: string, cache: string): string {
  const kernels = join(cache, 'vm-kernels');
  mkdirSync(kernels, { recursive: true });
  const kept = newestImage(readdirSync(kernels), version);
  const { stdout } = spawnSync('apt-cache', ['pkgnames', `linux-image-${version}`], {
    encoding: 'utf8',
  });
  // What apt does not know any more is still good.
  const name = newestImage((stdout ?? '').split('\n'), version) ?? kept;
  if (!name) throw new CliError(EXIT.missing, ...noPackage(version));
  if (name !== kept) fetchPackage(name, kernels, version);
  return join(kernels, name);
}

const noPackage = (version: string) =>
  [
    `no Linux ${version} among the packages of apt-cache`,
    'Debian has it: apt-get update, or name a file: -k /boot/vmlinuz-…',
  ] as const;

function fetchPackage(name: string, kernels: string, version: string): void {
  const work = mkdtempSync(join(kernels, '.fetch-'));
  try {
    run('apt-get', ['download', '-qq', name], work);
    const file = readdirSync(work).find((one) => one.endsWith('.deb'));
    if (!file) throw new Error('apt-get wrote no file');
    mkdirSync(join(work, 'x'));
    run('dpkg-deb', ['--fsys-tarfile', file], work, 'all.tar');
    const parts = ['./boot/vmlinuz-*', './boot/config-*', ...modulePatterns()];
    // Patterns that match nothing are drivers that are built in.
    const options = ['-x', '-f', 'all.tar', '-C', 'x', '--wildcards', ...parts];
    spawnSync('tar', options, { cwd: work, stdio: 'ignore' });
    if (!existsSync(join(work, 'x', 'boot'))) throw new Error('the package has no kernel');
    renameSync(join(work, 'x'), join(kernels, name));
  } catch (error) {
    if (existsSync(join(kernels, name))) return;
    const [words] = (error as Error).message.trim().split('\n').slice(-1);
    throw new CliError(EXIT.missing, `cannot fetch ${name}: ${words}`, noPackage(version)[1]);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function run(command: string, words: readonly string[], cwd: string, to?: string): void {
  const output = execFileSync(command, words, {
    cwd,
    stdio: ['ignore', to ? 'pipe' : 'ignore', 'pipe'],
    maxBuffer: 2 ** 31 - 1,
  });
  if (to) writeFileSync(join(cwd, to), output);
}
