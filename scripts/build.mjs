/**
 * `npm run build`: the WebAssembly modules, the embedded kernel data, TypeScript into dist/, and the
 * commands bundled.
 */
import { chmodSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { embedAll } from './abi/kernel-data.mjs';
import { bin, install, root, run } from './lib.mjs';

const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

install();
if (process.argv.includes('--clean')) rmSync(join(root, 'dist'), { recursive: true, force: true });
run(process.execPath, [join(root, 'scripts', 'build-wasm.mjs')]);
embedAll();
run(bin('tsc'), ['-p', root]);
// Not at the top: it needs what install() brings.
await (await import('./bundle.mjs')).bundleAll();
await (await import('./build-studio.mjs')).buildStudio();
// What npm does for packages that depend on us: `npx beeyard` works in this folder too.
for (const [name, file] of Object.entries(packageJson.bin)) {
  const path = join(root, file);
  const link = join(root, 'node_modules', '.bin', name);
  chmodSync(path, 0o755);
  rmSync(link, { force: true });
  symlinkSync(path, link);
}
