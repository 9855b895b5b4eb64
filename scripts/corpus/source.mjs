/**
 * Our own modules straight from src/: a loader strips their types as they are imported, so that the
 * corpus always sees what is on disk and other rooms' type errors do not stand in the way.
 */
import { register } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../lib.mjs';

let registered = false;

/** Imports a TypeScript module by its path in the repository. */
export function load(path) {
  if (!registered) register('./strip-types.mjs', import.meta.url);
  registered = true;
  return import(pathToFileURL(join(root, path)).href);
}
