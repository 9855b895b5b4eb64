/**
 * The library and the commands as few files: Node takes about half a millisecond for each module it
 * loads, and `import 'beeyard'` would load eight hundred. Nothing is minified: names in stack traces
 * are those of the sources, and types come from what tsc wrote beside.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './lib.mjs';

const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const COMMANDS = { main: 'cli/main', conformance: 'cli/conformance', worker: 'cli/worker' };
/** Entries of the package: all but those that look for files beside them. */
const LIBRARY = {
  index: 'index',
  isa: 'isa/index',
  elf: 'elf/index',
  btf: 'btf/index',
  verify: 'verifier/index',
  packet: 'packet/index',
  sketch: 'tools/sketch/index',
  wildcard: 'tools/wildcard/index',
  maglev: 'tools/maglev/index',
};

/** Bundles what tsc made. What is imported on demand stays a file of its own. */
export async function bundleAll() {
  await bundle('bin', COMMANDS, 'node');
  await bundle('lib', LIBRARY, 'neutral');
}

async function bundle(name, entries, platform) {
  const folder = join(root, 'dist', name);
  rmSync(folder, { recursive: true, force: true });
  const made = await rolldown({
    input: Object.fromEntries(
      Object.entries(entries).map(([entry, path]) => [entry, join(root, 'dist', `${path}.js`)]),
    ),
    platform,
    cwd: root,
    logLevel: 'warn',
    // The kernels' types are large, and stand in files of their own.
    external: [/\/embedded(-slim)?\.js$/, ...Object.keys(packageJson.dependencies)],
  });
  await made.write({ dir: folder, format: 'esm', chunkFileNames: '[name]-[hash].js' });
  await made.close();
}
