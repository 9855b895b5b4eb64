import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { declarationName, declareObject } from '../object/typegen/index.ts';
import { parseObject } from '../object/index.ts';

/**
 * Writes the declaration of an object if it is not there as it should be: beside the file, or in a
 * folder that repeats the tree under `root`. Files of packages are left alone. Returns what went
 * wrong with writing, if something did; throws `FormatError` for bytes that are no object.
 */
export function writeDeclaration(
  bytes: Uint8Array,
  path: string,
  root: string,
  types: boolean | string,
): string | undefined {
  const text = declareObject(parseObject(bytes), basename(path));
  const place = types === false ? undefined : placeOf(path, root, types);
  if (place === undefined || read(place) === text) return undefined;
  try {
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, text);
  } catch (error) {
    return `the types of ${path} are not written: ${(error as Error).message}`;
  }
  return undefined;
}

function placeOf(path: string, root: string, types: true | string): string | undefined {
  const own = relative(root, path);
  const isForeign = own.startsWith('..') || own.split(sep).includes('node_modules');
  if (isForeign) return undefined;
  const name = declarationName(basename(path));
  return types === true ? join(dirname(path), name) : resolve(root, types, dirname(own), name);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
