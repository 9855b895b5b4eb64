import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From this file to the package's headers. */
const INCLUDE = '../../include';

type Environment = Readonly<Record<string, string | undefined>>;

/** The folder to search for <beeyard/bpf.h>: a part of the package. */
export function includeFolder(): string {
  return fileURLToPath(new URL(INCLUDE, import.meta.url));
}

/**
 * Where compiled things are kept: $BEEYARD_CACHE, $XDG_CACHE_HOME/beeyard or ~/.cache/beeyard.
 * Undefined when $BEEYARD_CACHE is empty: keep nothing.
 */
export function cacheFolder(env: Environment): string | undefined {
  if (env['BEEYARD_CACHE'] !== undefined) return env['BEEYARD_CACHE'] || undefined;
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'beeyard');
}
