/** The kernel's BPF selftests, compiled as its Makefile does, into the cache. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fail } from '../lib.mjs';
import { cacheFolder, keyOf } from './paths.mjs';
import { progress } from './progress.mjs';
import { generatedHeaders, kernelTree } from './tree.mjs';

const CLANG = process.env.BEEYARD_CLANG ?? 'clang-19';

/** Sources their Makefile compiles with more words. */
const EXTRA_FLAGS = {
  'test_l4lb_noinline.c': ['-fno-inline'],
  'test_xdp_noinline.c': ['-fno-inline'],
};

/**
 * Compiles every progs/*.c not yet in the cache; returns the folder of objects. A source that does
 * not compile ends the run.
 */
export async function compiledSelftests({ jobs = 2 } = {}) {
  const tree = kernelTree();
  const include = await generatedHeaders(tree);
  const version = spawnSync(CLANG, ['--version'], { encoding: 'utf8' }).stdout;
  if (!version) fail(`missing: apt-get install ${CLANG}`, 4);
  const flags = compilerFlags(tree, include);
  const folder = cacheFolder(`selftests-${keyOf(version.split('\n')[0], basename(include))}`);
  const sources = join(tree, 'tools/testing/selftests/bpf/progs');
  const todo = readdirSync(sources)
    .filter((name) => name.endsWith('.c'))
    .filter((name) => !existsSync(join(folder, objectName(name))));
  if (todo.length > 0) await compileAll(todo, sources, folder, flags, jobs);
  return folder;
}

const objectName = (source) => source.replace(/\.c$/, '.bpf.o');

function compilerFlags(tree, include) {
  const selftests = join(tree, 'tools/testing/selftests/bpf');
  return [
    '-g',
    '-w',
    '-D__TARGET_ARCH_x86',
    '-DENABLE_ATOMICS_TESTS',
    '-mlittle-endian',
    `-I${include}`,
    `-I${selftests}`,
    `-I${join(tree, 'tools/include/uapi')}`,
    ...systemIncludes(),
    '-O2',
    '--target=bpf',
    '-mcpu=v3',
  ];
}

/** The host's headers, after all others: what a program takes from the C library's side. */
function systemIncludes() {
  const { stderr } = spawnSync(CLANG, ['-v', '-E', '-'], { input: '', encoding: 'utf8' });
  const list = /search starts here:\n( \/[^]*?)End of search list/.exec(
    stderr.slice(stderr.indexOf('#include <...>')),
  );
  return (list?.[1] ?? '')
    .split('\n')
    .filter(Boolean)
    .flatMap((line) => ['-idirafter', line.trim()]);
}

async function compileAll(names, sources, folder, flags, jobs) {
  const bar = progress('compiling', names.length);
  const queue = [...names];
  const failures = [];
  const lane = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const error = await compileOne(name, sources, folder, flags);
      if (error) failures.push(`${name}: ${error}`);
      bar.step(name);
    }
  };
  await Promise.all(Array.from({ length: jobs }, lane));
  bar.end();
  if (failures.length > 0)
    fail(`${failures.length} sources do not compile:\n${failures.join('\n')}`, 4);
}

/** Resolves with '' or what the compiler said. */
function compileOne(name, sources, folder, flags) {
  const out = join(folder, objectName(name));
  const partial = `${out}.${process.pid}`;
  const args = [...(EXTRA_FLAGS[name] ?? []), ...flags, '-c', join(sources, name), '-o', partial];
  return new Promise((resolve) => {
    const child = spawn(CLANG, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk) => (said += chunk));
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code) => {
      if (code === 0) renameSync(partial, out);
      else rmSync(partial, { force: true });
      resolve(code === 0 ? '' : said.slice(0, 2000) || `exit ${code}`);
    });
  });
}
