/** `npm test`: installs, builds, runs the suite that needs nothing but npm. Arguments go to vitest. */
import { join } from 'node:path';
import { bin, install, root, run } from './lib.mjs';

install();
run(process.execPath, [join(root, 'scripts', 'build.mjs')]);
run(bin('vitest'), ['run', ...process.argv.slice(2)]);
