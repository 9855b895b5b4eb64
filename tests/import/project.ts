import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const EXAMPLE = join(root, 'examples/typed-import');

/** The package as others see it; made by `npm run build`. */
export const isBuilt = existsSync(join(root, 'dist/import/register.js'));

/** A folder of somebody who uses beeyard: a module package with it among its dependencies. */
export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), 'beeyard-project-'));

  constructor() {
    this.write('package.json', '{ "name": "project", "type": "module" }\n');
    mkdirSync(this.path('node_modules'));
    symlinkSync(root, this.path('node_modules/beeyard'));
    for (const name of ['vitest', 'vite']) {
      symlinkSync(join(root, 'node_modules', name), this.path('node_modules', name));
    }
    afterAll(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  /** Takes a file of the example. */
  take(name: string, as = name): void {
    copyFileSync(join(EXAMPLE, name), this.path(as));
  }

  /** Runs Node here, with a cache of its own. */
  node(...args: string[]) {
    const env = { ...process.env, BEEYARD_CACHE: this.path('cache'), NO_COLOR: '1' };
    return spawnSync(process.execPath, args, { cwd: this.folder, encoding: 'utf8', env });
  }
}
