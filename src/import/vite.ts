/**
 * The plugin for Vite and vitest: imports of `.bpf.o` and `.bpf.c` files, with their declarations
 * kept up to date.
 *
 * ```ts
 * import beeyard from 'beeyard/vite';
 * export default defineConfig({ plugins: [beeyard()] });
 * ```
 */
import { resolve } from 'node:path';
import { FormatError } from '../base/index.ts';
import { CompileError } from './compile-error.ts';
import type { CompileSettings } from './compile.ts';
import { MissingCompiler } from './compiler.ts';
import { writeDeclaration } from './declaration.ts';
import { isObjectPath, moduleText, readObject, sourcesOf } from './module.ts';

/** Options of the plugin, besides how to compile. Folders are looked for from Vite's root. */
export interface PluginOptions extends CompileSettings {
  /**
   * Where declarations go: true (default) beside each file, a folder (from Vite's root) for all of
   * them, false nowhere.
   */
  readonly types?: boolean | string;
}

/** How vitest asks for a source that its coverage includes and no test loaded. */
const UNCOVERED = /\.bpf\.[oc]\?.*\bvitest-uncovered-coverage\b/;

/** The part of a Vite plugin's context that is used. */
interface Context {
  addWatchFile(path: string): void;
  warn(message: string): void;
  error(error: PluginError): never;
}

interface PluginError {
  readonly message: string;
  readonly id: string;
  readonly loc?: { readonly file: string; readonly line: number; readonly column: number };
}

/** A plugin as Vite takes it. */
export interface BeeyardPlugin {
  readonly name: 'beeyard';
  readonly enforce: 'pre';
  configResolved(config: { readonly root: string }): void;
  load(this: Context, id: string): { code: string; map: null; moduleType: 'js' } | undefined;
}

/**
 * Imports of objects give their bytes, inlined; sources are compiled, and their headers watched.
 * Imports with a query (`?url`, `?raw`) are left to Vite.
 */
export default function beeyard(options: PluginOptions = {}): BeeyardPlugin {
  let root = process.cwd();
  return {
    name: 'beeyard',
    enforce: 'pre',
    configResolved(config) {
      ({ root } = config);
    },
    load(id) {
      // Coverage wants JavaScript of files that no test loaded: there is none.
      if (UNCOVERED.test(id)) return { code: 'export {};', map: null, moduleType: 'js' };
      if (!isObjectPath(id)) return undefined;
      try {
        return loadObject(this, id, options, root);
      } catch (error) {
        return this.error(describe(error, id));
      }
    },
  };
}

function loadObject(context: Context, path: string, options: PluginOptions, root: string) {
  context.addWatchFile(path);
  const include = (options.include ?? []).map((folder) => resolve(root, folder));
  const { bytes, dependencies, warnings } = readObject(path, { ...options, include });
  for (const one of dependencies) context.addWatchFile(one);
  if (warnings) context.warn(warnings);
  const problem = writeDeclaration(bytes, path, root, options.types ?? true);
  if (problem) context.warn(problem);
  return {
    code: moduleText(bytes, path, sourcesOf(bytes, path, root)),
    map: null,
    moduleType: 'js',
  } as const;
}

/** What Vite shows: the place for errors in a source, and no stack of ours. */
function describe(error: unknown, id: string): PluginError {
  if (error instanceof CompileError) {
    const { message, file, line, column } = error;
    return { message, id, loc: { file, line, column } };
  }
  if (error instanceof MissingCompiler) return { message: `${error.message}; ${error.hint}`, id };
  const text = error instanceof Error ? error.message : String(error);
  return { message: error instanceof FormatError ? `${id}: ${text}` : text, id };
}
