/** The modules of the kernel's selftests as they were recorded: what `withModules` takes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { root } from '../lib.mjs';

const FOLDER = join(root, 'tests/fixtures/kernel/modules');

/** In the order they were loaded, behind those of the kernel's image. */
export function testModules() {
  const facts = JSON.parse(readFileSync(join(FOLDER, 'modules.json'), 'utf8'));
  return facts.map((each) => ({
    ...each,
    btf: () => new Uint8Array(gunzipSync(readFileSync(join(FOLDER, `${each.name}.btf.gz`)))),
  }));
}
