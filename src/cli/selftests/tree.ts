/** A kernel's tree as its BPF selftests need it, and the headers that its build would generate. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Btf, printC } from '../../btf/index.ts';
import { CliError, EXIT } from '../exit.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Where a tree has its BPF selftests. */
export const SELFTESTS = 'tools/testing/selftests/bpf';

/** What of a source package is unpacked. */
const PARTS = [
  SELFTESTS,
  'tools/lib',
  'tools/include',
  'tools/arch/x86/include',
  'tools/scripts',
  'scripts/bpf_doc.py',
  'include/uapi',
];

/** Everything that can be made again: $BEEYARD_CACHE, or ~/.cache/beeyard. */
export const cacheOf = (env: Env): string =>
  env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');

/** First twelve digits of the SHA-256 of some texts. */
export function keyOf(...texts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text).update('\0');
  return hash.digest('hex').slice(0, 12);
}

/** Debian's package of a kernel's source. */
export const sourceArchive = (kernel: string): string => `/usr/src/linux-source-${kernel}.tar.xz`;

export const isTree = (path: string): boolean => existsSync(join(path, SELFTESTS, 'progs'));

/**
 * The tree of Debian's source package of a kernel, or the one that $BEEYARD_KERNEL_TREE names;
 * unpacked into the cache if it is not there. Throws CliError.
 */
export function debianTree(kernel: string, env: Env, say: (text: string) => void): string {
  const variable = `BEEYARD_KERNEL_TREE${kernel === '6.12' ? '' : `_${kernel.replace('.', '_')}`}`;
  const given = env[variable];
  if (given !== undefined && isTree(given)) return given;
  const tree = join(cacheOf(env), `selftests-tree-${kernel}`);
  if (isTree(tree)) return tree;
  const archive = sourceArchive(kernel);
  if (!existsSync(archive)) {
    const hint = `apt-get install linux-source-${kernel}, or name a tree: ${variable}=DIR`;
    throw new CliError(EXIT.missing, `there is no source of Linux ${kernel} here`, hint);
  }
  say(`Unpacking ${archive} …\n`);
  const partial = `${tree}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  const members = PARTS.map((part) => `linux-source-${kernel}/${part}`);
  const words = ['-xf', archive, '-C', partial, '--strip-components=1', ...members];
  const { status, stderr } = spawnSync('tar', words, { encoding: 'utf8' });
  if (status !== 0) throw new CliError(EXIT.input, `cannot unpack ${archive}: ${stderr}`);
  renameSync(partial, tree);
  return tree;
}

/**
 * A folder with what the kernel's build generates: vmlinux.h of these types, and libbpf's headers
 * with the declarations of helpers. Throws CliError.
 */
export function generatedHeaders(
  tree: string,
  types: () => Btf,
  build: string | Uint8Array,
  env: Env,
): string {
  const helpers = readFileSync(join(tree, 'tools/include/uapi/linux/bpf.h'));
  const folder = join(cacheOf(env), `include-${keyOf(build, helpers)}`);
  if (existsSync(join(folder, 'done'))) return folder;
  const headers = join(folder, 'bpf');
  mkdirSync(headers, { recursive: true });
  writeFileSync(join(folder, 'vmlinux.h'), printC(types()));
  const library = join(tree, 'tools/lib/bpf');
  for (const name of readdirSync(library)) {
    if (name.endsWith('.h')) cpSync(join(library, name), join(headers, name));
  }
  writeFileSync(join(headers, 'bpf_helper_defs.h'), helperDeclarations(tree));
  writeFileSync(join(folder, 'done'), '');
  return folder;
}

/** By the kernel's own script, from the comments of its user header. */
function helperDeclarations(tree: string): string {
  const words = ['scripts/bpf_doc.py', 'tools/include/uapi/linux/bpf.h'].map((at) =>
    join(tree, at),
  );
  const { status, stdout, stderr } = spawnSync(
    'python3',
    [words[0]!, '--header', '--file', words[1]!],
    { encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  if (status === 0) return stdout;
  if (status === null) {
    throw new CliError(EXIT.missing, 'the headers are made by python3', 'apt-get install python3');
  }
  throw new CliError(EXIT.input, `bpf_doc.py: ${stderr}`);
}
