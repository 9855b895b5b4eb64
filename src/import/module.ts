import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
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
 * bytes. The mark tells `load` that their type says what is in them.
 */
export function moduleText(bytes: Uint8Array, path: string): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  const name = JSON.stringify(basename(path));
  return `const object = Uint8Array.from(atob('${text}'), (one) => one.charCodeAt(0));
Object.defineProperty(object, Symbol.for('beeyard.object'), { value: ${name} });
export default object;
`;
}
