import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Engine } from '../engine/index.ts';
import {
  collectFacts,
  type CompiledModule,
  compileToWasm,
  instantiate,
} from '../engine/wasm/index.ts';
import { jsonHead, keepFile } from '../import/cache.ts';

/** Changes when the layout of a cache file does. */
const FORMAT = 1;

/**
 * The wasm engine with its output kept on disk. The key is everything compiling depends on, so a
 * file is right or not there; a damaged one is compiled anew. A folder that cannot be written is no
 * error.
 */
export function cachedWasmEngine(folder: string): Engine {
  const build = fingerprint();
  return {
    name: 'wasm',
    load(image, runtime, options) {
      const facts = collectFacts(image, runtime);
      const { insns, ...rest } = image;
      const key = createHash('sha256')
        .update(JSON.stringify([FORMAT, build, process.versions.v8, rest, options, facts]))
        .update(insns)
        .digest('hex');
      const path = join(folder, `${key}.wasm`);
      const compiled = readModule(path) ?? compileToWasm(image, options, facts);
      if (!cached.has(compiled)) writeModule(path, compiled);
      return instantiate(image, runtime, compiled);
    },
  };
}

/** Names the build: what it compiles to depends on the files of compiler and runtime. */
function fingerprint(): string {
  return ['../engine/wasm/', '../runtime/', '../runtime/generated/']
    .map((folder) => fileURLToPath(new URL(folder, import.meta.url)))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .map((path) => {
      const { size, mtimeMs } = statSync(path);
      return `${path}:${size}:${mtimeMs}`;
    })
    .join();
}

const cached = new WeakSet<CompiledModule>();

/** A file: u32 length of the metadata's JSON, the JSON, then the module. */
function readModule(path: string): CompiledModule | undefined {
  try {
    const file = readFileSync(path);
    const size = file.readUInt32LE(0);
    const metadata = JSON.parse(file.toString('utf8', 4, 4 + size)) as CompiledModule['metadata'];
    const bytes = new Uint8Array(file.subarray(4 + size));
    if (!WebAssembly.validate(bytes)) return undefined;
    const compiled: CompiledModule = { bytes, metadata };
    cached.add(compiled);
    return compiled;
  } catch {
    return undefined;
  }
}

function writeModule(path: string, compiled: CompiledModule): void {
  keepFile(path, jsonHead(compiled.metadata), compiled.bytes);
}
