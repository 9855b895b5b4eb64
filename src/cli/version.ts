import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The version in package.json. */
export function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The folder to search for <beeyard/bpf.h>. */
export function includeFolder(): string {
  return fileURLToPath(new URL('../../include', import.meta.url));
}
