import { cacheFolder } from '../import/places.ts';
import type { Engine } from '../engine/index.ts';
import { type EngineName, engineNamed } from '../machine/index.ts';

/** The engine of that name; what the wasm engine compiles is kept on disk, if there is a place. */
export async function cachingEngine(
  name: EngineName,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Engine> {
  if (name !== 'wasm') return await engineNamed(name);
  const { cachedWasmEngine } = await import('./compile-cache.ts');
  const folder = cacheFolder(env);
  return folder === undefined ? await engineNamed(name) : cachedWasmEngine(folder);
}
