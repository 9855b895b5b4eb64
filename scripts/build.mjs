/** `npm run build`: the WebAssembly modules, then TypeScript into dist/. */
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bin, install, root, run } from './lib.mjs';

install();
if (process.argv.includes('--clean')) rmSync(join(root, 'dist'), { recursive: true, force: true });
run(process.execPath, [join(root, 'scripts', 'build-wasm.mjs')]);
run(bin('tsc'), ['-p', root]);
for (const name of ['main.js', 'conformance.js']) {
  const path = join(root, 'dist', 'cli', name);
  if (existsSync(path)) chmodSync(path, 0o755);
}
