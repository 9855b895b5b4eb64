/**
 * The library and the commands as few files: Node takes about half a millisecond for each module it
 * loads, and `import 'beeyard'` would load eight hundred. Nothing is minified: names in stack traces
 * are those of the sources, and types come from what tsc wrote beside.
 */
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './lib.mjs';

const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const COMMANDS = { main: 'cli/main', conformance: 'cli/conformance', worker: 'cli/worker' };
/** Entries of the package that are in dist/lib: name there, and the module that their types are of. */
const LIBRARY = Object.fromEntries(
  Object.values(packageJson.exports).flatMap(({ types, default: path }) => {
    const name = /^\.\/dist\/lib\/(.+)\.js$/.exec(path ?? '')?.[1];
    return name === undefined ? [] : [[name, types.replace(/^\.\/dist\/|\.d\.ts$/g, '')]];
  }),
);
const { dependencies, peerDependencies = {} } = packageJson;
const PACKAGES = [...Object.keys(dependencies), ...Object.keys(peerDependencies)];

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
    plugins: [kernelTypes(folder)],
    external: [/^node:/, ...PACKAGES.flatMap(within)],
  });
  await made.write({ dir: folder, format: 'esm', chunkFileNames: '[name]-[hash].js' });
  await made.close();
}

/**
 * The kernels' types are large, and stand in files of their own. Their path is told from where the
 * bundle goes: the bundler's own idea of it depends on which chunk asks.
 */
const kernelTypes = (folder) => ({
  name: 'kernel-types',
  resolveId(id, importer) {
    if (!/\/embedded(-slim)?\.js$/.test(id) || !importer) return undefined;
    const path = relative(folder, join(dirname(importer), id)).replaceAll(sep, '/');
    return { id: path, external: 'absolute' };
  },
});

/** A package and what is in it. */
const within = (name) => [name, new RegExp(`^${name}/`)];
