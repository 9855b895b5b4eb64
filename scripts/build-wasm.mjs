/**
 * Compiles the AssemblyScript of this repository and writes what is made by listing folders.
 *
 *   src/runtime/{core,maps,helpers,kfuncs} → src/runtime/generated/runtime.ts   (base64, not committed)
 *   src/engine/interpreter/core       → src/engine/interpreter/generated/interpreter.ts
 *   src/abi/maps/<type>.ts            → src/abi/maps/index.ts                    (committed)
 *
 * Every exported function of a file in src/runtime/{maps,helpers,kfuncs} becomes an export of the
 * module, so adding a map type, a helper or a kernel function means adding a file. Nothing is done when the inputs
 * are unchanged. `--force` compiles anyway; `--check` only says whether something would change.
 */
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const cache = join(root, '.cache');
const asc = join(root, 'node_modules/assemblyscript/bin/asc.js');
const force = process.argv.includes('--force');
const checkOnly = process.argv.includes('--check');

/** Source files below `folder` (repository path), sorted; tests and generated files excluded. */
function sources(folder) {
  const path = join(root, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .sort();
}

function constant(name) {
  const text = readFileSync(join(root, 'src/runtime/layout.ts'), 'utf8');
  const match = new RegExp(`export const ${name} = (\\w+);`).exec(text);
  if (!match) throw new Error(`layout.ts has no constant ${name}`);
  return Number(match[1]);
}

/** Writes only when the text differs, and never half a file. Returns whether it wrote. */
function writeIfChanged(path, text) {
  const full = join(root, path);
  if (existsSync(full) && readFileSync(full, 'utf8') === text) return false;
  if (checkOnly) return true;
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(`${full}.${process.pid}`, text);
  renameSync(`${full}.${process.pid}`, full);
  return true;
}

const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

/** src/abi/maps/index.ts: every file there exports its MapTypeDef under its own name. */
function writeMapIndex() {
  const names = sources('src/abi/maps')
    .map((file) => file.slice('src/abi/maps/'.length, -'.ts'.length))
    .filter((name) => name !== 'index' && !name.includes('/') && !name.startsWith('_'));
  const imports = names.map((name) => `import { ${camel(name)} } from './${name}.ts';\n`).join('');
  const list = names.map((name) => `  ${camel(name)},\n`).join('');
  return writeIfChanged(
    'src/abi/maps/index.ts',
    `// Made by \`npm run build:wasm\` from the list of files in this folder. Do not edit.\n` +
      `import type { MapTypeDef } from '../types.ts';\n${imports}\n` +
      `/** Every map type with facts in this folder. */\n` +
      `export const mapTypes: readonly MapTypeDef[] = [\n${list}];\n`,
  );
}

const staticData = { runtime: 'RUNTIME_STATIC_DATA', interpreter: 'INTERPRETER_STATIC_DATA' };
const staticEnd = { runtime: 'INTERPRETER_STATIC_DATA', interpreter: 'REGIONS' };

/** The two modules: inputs, how the entry file is made, where the result goes. */
const modules = [
  {
    name: 'runtime',
    inputs: () =>
      ['core', 'maps', 'helpers', 'kfuncs'].flatMap((folder) => sources(`src/runtime/${folder}`)),
    entry() {
      const exported = ['src/runtime/core/instance.ts', 'src/runtime/core/exports.ts']
        .concat(...['maps', 'helpers', 'kfuncs'].map((folder) => sources(`src/runtime/${folder}`)))
        .filter((file) => existsSync(join(root, file)));
      const lines = exported.map((file) => `export * from '../${file.slice(0, -'.ts'.length)}';`);
      writeFileSync(join(cache, 'runtime-entry.ts'), `${lines.join('\n')}\n`);
      return '.cache/runtime-entry.ts';
    },
    flags: ['--exportTable'],
    output: 'src/runtime/generated/runtime.ts',
  },
  {
    name: 'interpreter',
    inputs: () => sources('src/engine/interpreter/core'),
    extraInputs: () => sources('src/runtime/core'),
    entry: () => 'src/engine/interpreter/core/index.ts',
    flags: ['--importTable'],
    output: 'src/engine/interpreter/generated/interpreter.ts',
  },
];

function digest(module) {
  const hash = createHash('sha256');
  const files = module
    .inputs()
    .concat(
      module.extraInputs?.() ?? [],
      'src/runtime/layout.ts',
      'src/runtime/mem-layout.ts',
      'scripts/build-wasm.mjs',
      'scripts/asc-tags.mjs',
    )
    .concat('src/abi/generated/6.12/constants.ts');
  files.push('node_modules/assemblyscript/package.json');
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

const sharedFlags = [
  '--enable',
  'threads,bulk-memory,simd',
  '--sharedMemory',
  '--maximumMemory',
  '65536',
];

/** Runs asc; resolves to the module's bytes, rejects with the compiler's own words. */
function compile(module, entry, shared) {
  const out = join(cache, `${module.name}${shared ? '-shared' : ''}.wasm`);
  const args = [
    asc,
    entry,
    '-O3',
    '--runtime',
    'stub',
    '--noAssert',
    '--importMemory',
    ...module.flags,
  ];
  args.push('--initialMemory', '16', '--memoryBase', String(constant(staticData[module.name])));
  args.push('--transform', './scripts/asc-tags.mjs');
  args.push('--use', `SHARED=${shared ? 1 : 0}`, '-o', out, ...(shared ? sharedFlags : []));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--enable-source-maps', ...args], { cwd: root });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.stderr.on('data', (chunk) => (text += chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code !== 0 || /^(ERROR|FAILURE)\b/m.test(text)) return reject(new Error(text));
      if (text.trim() !== '') process.stderr.write(text);
      resolve(readFileSync(out));
    });
  });
}

/** Highest end of a data segment; the constants must stay inside their place in layout.ts. */
function dataEnd(bytes) {
  let at = 8;
  let end = 0;
  const leb = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return shift < 28 && byte & 0x40 ? value : value >>> 0;
    }
  };
  while (at < bytes.length) {
    const id = bytes[at++];
    const size = leb();
    const next = at + size;
    for (let i = id === 11 ? leb() : 0; i > 0; i--) {
      if (leb() !== 0) throw new Error('a passive data segment');
      at++; // i32.const
      const offset = leb();
      at++; // end
      const length = leb();
      end = Math.max(end, offset + length);
      at += length;
    }
    at = next;
  }
  return end;
}

async function build(module) {
  if (module.inputs().length === 0) return;
  const stamp = join(cache, `${module.name}.stamp`);
  const now = digest(module);
  const fresh = () =>
    existsSync(join(root, module.output)) &&
    existsSync(stamp) &&
    readFileSync(stamp, 'utf8') === now;
  if (!force && fresh()) return;
  if (checkOnly) throw new Error(`${module.output} is older than its sources: npm run build:wasm`);
  const entry = module.entry();
  if (!existsSync(join(root, entry))) return;
  const [plain, shared] = await Promise.all([
    compile(module, entry, false),
    compile(module, entry, true),
  ]);
  const limit = constant(staticEnd[module.name]);
  if (dataEnd(plain) > limit)
    throw new Error(`${module.name}: static data ends at ${dataEnd(plain)}, past ${limit}`);
  writeIfChanged(
    module.output,
    `// Made by \`npm run build:wasm\`. Do not edit.\n` +
      `/** ${module.name} module, for unshared memory (base64). */\nexport const wasm: string = '${plain.toString('base64')}';\n` +
      `/** The same for shared memory. */\nexport const sharedWasm: string = '${shared.toString('base64')}';\n`,
  );
  // Stamped with the digest from before compiling: an edit made meanwhile causes another build.
  writeFileSync(stamp, now);
  process.stderr.write(`${module.output}: ${plain.length} bytes, shared ${shared.length} bytes\n`);
}

const lock = join(cache, 'build-wasm.lock');

/** One builder at a time; a lock older than two minutes was left by a killed process. */
async function withLock(work) {
  mkdirSync(cache, { recursive: true });
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    try {
      if (Date.now() - statSync(lock).mtimeMs > 120_000)
        rmSync(lock, { recursive: true, force: true });
    } catch {
      // it was released between the two calls
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  try {
    await work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

await withLock(async () => {
  const failures = [];
  if (writeMapIndex() && checkOnly) failures.push('src/abi/maps/index.ts is not up to date');
  for (const module of modules) {
    await build(module).catch((error) => failures.push(`${module.name}: ${error.message}`));
  }
  for (const failure of failures) process.stderr.write(`${failure}\n`);
  if (failures.length > 0) process.exitCode = 1;
});
