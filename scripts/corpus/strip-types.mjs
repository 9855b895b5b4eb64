/**
 * Module hook: `.ts` files become JavaScript by removing their types. While a room is being written,
 * what others import from it and is not there yet throws when it is used, not when it is imported:
 * so the rest of the corpus still runs.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transformSync } from 'rolldown/utils';
import { root } from '../lib.mjs';

const ROOM = join(root, 'src', 'verifier');

export async function resolve(specifier, context, next) {
  if (!specifier.endsWith('.ts') || !specifier.startsWith('.')) return next(specifier, context);
  return { url: new URL(specifier, context.parentURL).href, shortCircuit: true };
}

export async function load(url, context, next) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context);
  const path = fileURLToPath(url);
  const source = existsSync(path) ? stripped(path) : '';
  return { format: 'module', shortCircuit: true, source: source + missing(path, source) };
}

function stripped(path) {
  const { code, errors, map } = transformSync(path, readFileSync(path, 'utf8'), {
    lang: 'ts',
    target: 'es2022',
    sourcemap: true,
  });
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0].message ?? errors[0]}`);
  const inline = Buffer.from(JSON.stringify(map)).toString('base64');
  return `${code}\n//# sourceMappingURL=data:application/json;base64,${inline}\n`;
}

let imported;

/** Exports for the names that files of the room import from `path` and that it does not have. */
function missing(path, code) {
  if (!path.startsWith(ROOM)) return '';
  imported ??= importedNames();
  const has = (name) => new RegExp(`^export [^;]*\\b${name}\\b`, 'm').test(code);
  if (/^export \*/m.test(code)) return '';
  const names = [...(imported.get(path) ?? [])].filter((name) => !has(name));
  return names
    .map((name) => `export const ${name} = () => { throw new Error('not written: ${name}'); };\n`)
    .join('');
}

/** Names that values are imported by, by the path they come from. */
function importedNames() {
  const found = new Map();
  const files = readdirSync(ROOM, { recursive: true }).filter((name) => name.endsWith('.ts'));
  for (const file of files) {
    const path = join(ROOM, file);
    const pattern = /^import \{([^}]*)\} from '(\.[^']*)'/gm;
    for (const [, list, target] of readFileSync(path, 'utf8').matchAll(pattern)) {
      const from = fileURLToPath(new URL(target, pathToFileURL(join(dirname(path), 'x'))));
      if (!found.has(from)) found.set(from, new Set());
      for (const word of list
        .split(',')
        .map((one) => one.trim())
        .filter(Boolean)) {
        if (!word.startsWith('type ')) found.get(from).add(word.split(' as ')[0]);
      }
    }
  }
  return found;
}
