/**
 * The large facts of the kernel image, compressed: committed as src/abi/generated/6.12/*.gz, and
 * (by `embed`) as a module of base64 text that works without a file system.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { root } from '../lib.mjs';
import { section } from './image.mjs';
import { namesInSources, slimBtf } from './slim.mjs';

const GENERATED = join(root, 'src/abi/generated');

/** Uncompressed contents by file name, of what `readImage` returns. */
export function kernelData({ btf, config, modules }) {
  const parts = modules.map(({ name, elf }) => [`modules/${name}.btf`, section(elf, '.BTF')]);
  return {
    'vmlinux.btf': btf,
    'kconfig.txt': Buffer.from(renderConfig(config)),
    ...Object.fromEntries(parts),
  };
}

/**
 * `CONFIG_` options that are set, a line `value names…` for each value that several have: most are
 * `y` or `m`, and names alone compress well.
 */
function renderConfig(text) {
  const byValue = new Map();
  for (const [, name, value] of text.matchAll(/^CONFIG_(\w+)=(.*)$/gm)) {
    if (!byValue.has(value)) byValue.set(value, []);
    byValue.get(value).push(name);
  }
  const lines = [...byValue].map(([value, names]) => `${names.sort().join(' ')}=${value}`);
  return `${lines.sort().join('\n')}\n`;
}

/** Writes the .gz files to `out`, those whose contents changed. */
export function writeKernelData(data, out) {
  for (const [name, bytes] of Object.entries(data)) {
    const path = join(out, `${name}.gz`);
    mkdirSync(dirname(path), { recursive: true });
    if (existsSync(path) && gunzipSync(readFileSync(path)).equals(bytes)) continue;
    writeFileSync(path, gzipSync(bytes, { level: 9 }));
  }
}

/** Writes embedded.ts beside the .gz files of every kernel, if it is not what they say. */
export function embedAll() {
  for (const version of readdirSync(GENERATED)) embed(join(GENERATED, version));
  embedSlim(join(GENERATED, '6.12'));
}

/** The slim types of a kernel: a module of their own, made again when what they are made from changes. */
function embedSlim(folder) {
  const packed = readFileSync(join(folder, 'vmlinux.btf.gz'));
  const sources = ['abi', 'verifier'].map((room) => join(root, 'src', room));
  const names = namesInSources(folder, sources);
  const rule = readFileSync(join(root, 'scripts/abi/slim.mjs'));
  const key = createHash('sha256')
    .update(packed)
    .update(rule)
    .update([...names].sort().join(' '));
  const head = `// Made by \`npm run build\` (scripts/abi/slim.mjs) for ${key.digest('hex').slice(0, 16)}. Do not edit.\n`;
  const path = join(folder, 'embedded-slim.ts');
  if (existsSync(path) && readFileSync(path, 'utf8').startsWith(head)) return;
  const slim = gzipSync(slimBtf(gunzipSync(packed), names), { level: 9 }).toString('base64');
  const parts = [
    `/** Types networking programs need, ids as in the kernel's, compressed with gzip (base64). */\nexport const slimBtf: string =\n  '${slim}';\n`,
    constantOf(folder, 'kconfig.txt'),
  ];
  writeAtomically(path, head + parts.join(''));
}

function constantOf(folder, name) {
  const constant = name.replace(/\W(\w)/g, (_, letter) => letter.toUpperCase());
  const base64 = readFileSync(join(folder, `${name}.gz`)).toString('base64');
  return `/** ${name}, compressed with gzip (base64). */\nexport const ${constant}: string =\n  '${base64}';\n`;
}

function writeAtomically(path, text) {
  writeFileSync(`${path}.${process.pid}`, text);
  renameSync(`${path}.${process.pid}`, path);
}

function embed(folder) {
  const text = ['vmlinux.btf', 'kconfig.txt'].map((name) => constantOf(folder, name));
  if (existsSync(join(folder, 'modules'))) text.push(embedModules(join(folder, 'modules')));
  const module = `// Made by \`npm run build\` from the .gz files beside it. Do not edit.\n${text.join('')}`;
  const path = join(folder, 'embedded.ts');
  if (existsSync(path) && readFileSync(path, 'utf8') === module) return;
  writeAtomically(path, module);
}

function embedModules(folder) {
  const lines = readdirSync(folder)
    .filter((name) => name.endsWith('.btf.gz'))
    .sort()
    .map((name) => {
      const base64 = readFileSync(join(folder, name)).toString('base64');
      return `  ${name.slice(0, -'.btf.gz'.length)}:\n    '${base64}',\n`;
    });
  const head = '/** BTF of modules by name, compressed with gzip (base64). */';
  return `${head}\nexport const moduleBtfs: Readonly<Record<string, string>> = {\n${lines.join('')}};\n`;
}
