/** The kernel's BPF selftests, compiled as its Makefile does, into the cache. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fail } from '../lib.mjs';
import { cacheFolder, keyOf } from './paths.mjs';
import { progress } from './progress.mjs';
import { load } from './source.mjs';
import { generatedHeaders, kernelTree } from './tree.mjs';

const CLANG = process.env.BEEYARD_CLANG ?? 'clang-19';

/**
 * Compiles every progs/*.c not yet in the cache; returns the folder of objects. A source that does
 * not compile ends the run.
 */
export async function compiledSelftests({ jobs = 2 } = {}) {
  const { compileAll, compilerFor, objectName } = await load('src/cli/selftests/compile.ts');
  const tree = kernelTree();
  const include = await generatedHeaders(tree);
  const version = spawnSync(CLANG, ['--version'], { encoding: 'utf8' }).stdout;
  if (!version) fail(`missing: apt-get install ${CLANG}`, 4);
  const folder = cacheFolder(`selftests-${keyOf(version.split('\n')[0], basename(include))}`);
  const progs = join(tree, 'tools/testing/selftests/bpf/progs');
  const sources = readdirSync(progs)
    .filter((name) => name.endsWith('.c'))
    .map((name) => join(progs, name));
  const objectOf = (source) => join(folder, objectName(source));
  const bar = progress('compiling', sources.length);
  const failures = [];
  await compileAll(sources, objectOf, compilerFor(CLANG, tree, include), jobs, (source, error) => {
    if (error) failures.push(`${basename(source)}: ${error}`);
    bar.step(basename(source));
  });
  bar.end();
  if (failures.length > 0)
    fail(`${failures.length} sources do not compile:\n${failures.join('\n')}`, 4);
  return folder;
}
