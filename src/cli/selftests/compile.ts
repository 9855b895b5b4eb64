/** The kernel's BPF selftests, compiled as its Makefile does, with a cache of objects. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SELFTESTS } from './tree.ts';

/** Sources their Makefile compiles with more words. */
const EXTRA_FLAGS: Readonly<Record<string, readonly string[]>> = {
  'test_l4lb_noinline.c': ['-fno-inline'],
  'test_xdp_noinline.c': ['-fno-inline'],
};
const MESSAGE = 2000;

/** A compiler and what to tell it. */
export interface SelftestCompiler {
  readonly command: string;
  readonly flags: readonly string[];
}

export const objectName = (source: string): string =>
  basename(source).replace(/(\.bpf)?\.c$/, '.bpf.o');

/** As the Makefile of the tree says, with generated headers at `include`. */
export function compilerFor(command: string, tree: string, include: string): SelftestCompiler {
  const selftests = join(tree, SELFTESTS);
  return {
    command,
    flags: [
      '-g',
      '-w',
      '-D__TARGET_ARCH_x86',
      '-DENABLE_ATOMICS_TESTS',
      '-mlittle-endian',
      `-I${include}`,
      `-I${selftests}`,
      `-I${join(selftests, 'progs')}`,
      `-I${join(tree, 'tools/include/uapi')}`,
      ...systemIncludes(command),
      '-O2',
      '--target=bpf',
      '-mcpu=v3',
    ],
  };
}

/** The host's headers, after all others: what a program takes from the C library's side. */
function systemIncludes(command: string): string[] {
  const { stderr } = spawnSync(command, ['-v', '-E', '-'], { input: '', encoding: 'utf8' });
  const said = stderr ?? '';
  const list = /search starts here:\n( \/[^]*?)End of search list/.exec(
    said.slice(said.indexOf('#include <...>')),
  );
  return (list?.[1] ?? '')
    .split('\n')
    .filter(Boolean)
    .flatMap((line) => ['-idirafter', line.trim()]);
}

/** True if the object is newer than all that it was made of. */
function isCurrent(object: string): boolean {
  if (!existsSync(object) || !existsSync(`${object}.d`)) return false;
  const made = statSync(object).mtimeMs;
  const rule = readFileSync(`${object}.d`, 'utf8').replaceAll('\\\n', ' ');
  const parts = rule.slice(rule.indexOf(':') + 1).match(/(?:\\ |\S)+/g) ?? [];
  return parts
    .map((path) => path.replaceAll('\\ ', ' '))
    .every((path) => existsSync(path) && statSync(path).mtimeMs < made);
}

/** Compiles what is not current. Resolves with '' or what the compiler said. */
export function compileOne(
  source: string,
  object: string,
  { command, flags }: SelftestCompiler,
): Promise<string> {
  if (isCurrent(object)) return Promise.resolve('');
  mkdirSync(dirname(object), { recursive: true });
  const partial = `${object}.${process.pid}`;
  const extra = EXTRA_FLAGS[basename(source)] ?? [];
  const depends = ['-MMD', '-MF', `${object}.d`, '-MT', 'object'];
  const args = [...extra, ...flags, ...depends, '-c', source, '-o', partial];
  return new Promise((done) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk) => (said += chunk));
    child.on('error', (error) => done(error.message));
    child.on('close', (code) => {
      if (code === 0) renameSync(partial, object);
      else rmSync(partial, { force: true });
      done(code === 0 ? '' : said.slice(0, MESSAGE) || `exit ${code}`);
    });
  });
}

/** Compiles sources, some at a time; `step` hears of each with what the compiler said. */
export async function compileAll(
  sources: readonly string[],
  objectOf: (source: string) => string,
  compiler: SelftestCompiler,
  jobs: number,
  step: (source: string, error: string) => void,
): Promise<void> {
  const queue = [...sources];
  const lane = async () => {
    for (let source = queue.shift(); source !== undefined; source = queue.shift()) {
      step(source, await compileOne(source, objectOf(source), compiler));
    }
  };
  await Promise.all(Array.from({ length: jobs }, lane));
}
