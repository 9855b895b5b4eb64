/** `npm start`: installs and builds what is missing, then shows the example firewall at work. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fail, install, root, run } from './lib.mjs';

/** Time of the newest file below `folders`. */
function newest(folders) {
  let time = 0;
  for (const folder of folders) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || entry.parentPath.includes('generated')) continue;
      time = Math.max(time, statSync(join(entry.parentPath, entry.name)).mtimeMs);
    }
  }
  return time;
}

/** True if `dist` was made after every source. */
function built() {
  const made = join(root, 'dist', 'index.js');
  return existsSync(made) && statSync(made).mtimeMs > newest(['src']);
}

install();
if (!built()) {
  process.stderr.write('Building (npm run build) …\n');
  run(process.execPath, [join(root, 'scripts', 'build.mjs')]);
}
const demo = join(root, 'examples', 'firewall', 'demo.mjs');
const { status, signal } = spawnSync(process.execPath, [demo], { cwd: root, stdio: 'inherit' });
if (signal) fail(`the demonstration was ended by ${signal}`, 70);
process.exitCode = status ?? 70;
