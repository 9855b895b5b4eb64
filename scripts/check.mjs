/** `npm run check`: format, lint, types, tidy. Every step runs; the exit code says whether all passed. */
import { join } from 'node:path';
import { embedAll } from './abi/kernel-data.mjs';
import { bin, install, root, run, tryRun } from './lib.mjs';

install();
run(process.execPath, [join(root, 'scripts', 'build-wasm.mjs')]);
embedAll();
const steps = [
  ['format', bin('biome'), ['format', '.']],
  [
    'lint',
    bin('oxlint'),
    ['--deny-warnings', 'src', 'tests', 'scripts', 'bench', 'examples', 'studio'],
  ],
  ['types', bin('tsc'), ['--noEmit', '-p', root]],
  ['studio types', bin('tsc'), ['--noEmit', '-p', join(root, 'studio')]],
  ['test types', bin('tsc'), ['--noEmit', '-p', join(root, 'tests')]],
  ['tidy', bin('vitest'), ['run', 'tests/tidy.test.ts']],
];
const failed = steps.filter(([name, command, args]) => {
  process.stderr.write(`\n— ${name}\n`);
  return tryRun(command, args) !== 0;
});
if (failed.length > 0) {
  process.stderr.write(`\nfailed: ${failed.map(([name]) => name).join(', ')}\n`);
  process.exit(1);
}
