/** The studio into dist/studio: the app by Vite, and the examples it opens. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { build } from 'vite';
import { root } from './lib.mjs';

/** Packets of a capture that go along: enough to step through. */
const PACKETS = 500;

export async function buildStudio() {
  await build({ configFile: join(root, 'studio', 'vite.config.mjs') });
  const out = join(root, 'dist', 'studio');
  const gallery = JSON.parse(readFileSync(join(root, 'studio', 'gallery.json'), 'utf8'));
  mkdirSync(join(out, 'gallery'), { recursive: true });
  const listed = gallery.map(({ files, ...entry }) => ({
    ...entry,
    files: files.map((path) => copied(path, join(out, 'gallery'))),
  }));
  writeFileSync(join(out, 'gallery.json'), `${JSON.stringify(listed)}\n`);
  // Servers that know of files, and can compile, say so here; static files do neither.
  writeFileSync(join(out, 'files.json'), '{"files":[],"compiles":false}\n');
}

function copied(path, folder) {
  const [example, name] = path.split('/').slice(-2);
  const from = join(root, path);
  const isCapture = name.endsWith('.pcap.gz');
  const to = `${example}-${isCapture ? name.slice(0, -3) : name}`;
  if (isCapture) writeFileSync(join(folder, to), beginning(gunzipSync(readFileSync(from))));
  else copyFileSync(from, join(folder, to));
  return { name: to, url: `gallery/${to}` };
}

/** The first packets of a classic capture. */
function beginning(capture) {
  let at = 24;
  for (let i = 0; i < PACKETS && at + 16 <= capture.length; i++) {
    at += 16 + capture.readUInt32LE(at + 8);
  }
  return capture.subarray(0, at);
}
