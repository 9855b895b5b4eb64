import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { parseObject } from '../object/index.ts';
import { type CompiledObject, compileObject, type CompileSettings } from './compile.ts';

/** Files that are imported as objects: compiled ones, and sources in C. */
export const isObjectPath = (path: string): boolean => /\.bpf\.[oc]$/.test(path);

/** The object in a file, compiled if it is a source. Throws as `compileObject` does. */
export function readObject(path: string, settings: CompileSettings = {}): CompiledObject {
  if (path.endsWith('.c')) return compileObject(path, settings);
  return { bytes: new Uint8Array(readFileSync(path)), dependencies: [path], warnings: '' };
}

/**
 * The JavaScript that an import of the object runs, in Node or a browser: its default export is the
 * bytes. The mark tells `load` that their type says what is in them, and tests where their sources
 * are.
 */
export function moduleText(
  bytes: Uint8Array,
  path: string,
  sources: Readonly<Record<string, string>> = {},
): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  const mark = JSON.stringify({ name: basename(path), sources });
  return `const object = Uint8Array.from(atob('${text}'), (one) => one.charCodeAt(0));
Object.defineProperty(object, Symbol.for('beeyard.object'), { value: ${mark} });
export default object;
`;
}

/**
 * Where the source files that the object names are on this machine, those that are: relative to its
 * folder, to `root`, or to a folder above it, or else beside it. Throws FormatError for bytes that
 * are no object.
 */
export function sourcesOf(bytes: Uint8Array, path: string, root: string): Record<string, string> {
  const places = [dirname(path), root, ...parentsOf(path)];
  const found: Record<string, string> = {};
  for (const { lines } of parseObject(bytes).programs) {
    for (const { file } of lines) {
      if (file in found) continue;
      const beside = resolve(dirname(path), basename(file));
      const candidates = [...places.map((folder) => resolve(folder, file)), beside];
      const at = candidates.find((one) => existsSync(one));
      if (at !== undefined) found[file] = at;
    }
  }
  return found;
}

function parentsOf(path: string): string[] {
  const folders: string[] = [];
  for (let one = dirname(path); one !== dirname(one); one = dirname(one)) folders.push(one);
  return folders;
}
