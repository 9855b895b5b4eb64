import { readFileSync } from 'node:fs';

/** A file of the installed package. */
export function packageFile(name: string): URL {
  return new URL(`../../${name}`, import.meta.url);
}

/** The version in package.json. */
export function version(): string {
  const text = readFileSync(packageFile('package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
