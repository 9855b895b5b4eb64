/**
 * The commands as few files: dist/bin. Node takes a millisecond for each module it loads, and a
 * command uses four hundred; the library stays as it is written.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './lib.mjs';

const ENTRIES = ['main', 'conformance', 'worker'];

/** Bundles what tsc made of src/cli. What is imported on demand stays a file of its own. */
export async function bundleCli() {
  const folder = join(root, 'dist', 'bin');
  rmSync(folder, { recursive: true, force: true });
  const input = Object.fromEntries(
    ENTRIES.map((name) => [name, join(root, 'dist', 'cli', `${name}.js`)]),
  );
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const bundle = await rolldown({
    input,
    platform: 'node',
    cwd: root,
    logLevel: 'warn',
    // The kernels' types are large, and the library has them already.
    external: [/\/embedded(-slim)?\.js$/, ...Object.keys(dependencies)],
  });
  await bundle.write({ dir: folder, format: 'esm', chunkFileNames: '[name]-[hash].js' });
  await bundle.close();
}
