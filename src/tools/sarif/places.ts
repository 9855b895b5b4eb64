import type { LineInfo, SourceFix } from '../../verifier/index.ts';
import type { SarifArtifact, SarifFix, SarifLocation, SarifRegion } from './types.ts';

/** Where paths begin that stand in the log without their root. */
export const ROOT = '%SRCROOT%';

/** A file as a URI: relative to `root` (an absolute path) if it lies there. */
export function artifactOf(file: string, root: string): SarifArtifact {
  const path = plain(file.replaceAll('\\', '/'));
  const base = `${plain(root.replaceAll('\\', '/')).replace(/\/$/, '')}/`;
  const isAbsolute = /^(?:\/|[A-Za-z]:\/)/.test(path);
  if (!isAbsolute) return { uri: encoded(path), uriBaseId: ROOT };
  if (path.startsWith(base)) return { uri: encoded(path.slice(base.length)), uriBaseId: ROOT };
  return { uri: `file://${path.startsWith('/') ? '' : '/'}${encoded(path)}` };
}

/** Without './' and 'x/../'. */
function plain(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '.' || (part === '' && parts.length > 0)) continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..' && parts.at(-1) !== '')
      parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}

const encoded = (path: string) =>
  path
    .split('/')
    .map(encodeURIComponent)
    .join('/')
    .replace(/^([A-Za-z])%3A\//, '$1:/');

/** A source line with its text; columns are left out where the object does not tell. */
export function regionOf({ line, column, text }: LineInfo): SarifRegion | undefined {
  if (line < 1) return undefined;
  return {
    startLine: line,
    ...(column > 0 && { startColumn: column }),
    ...(text !== '' && { snippet: { text } }),
  };
}

/** A place in the source, or the object where the line is not known. */
export function locationOf(
  line: LineInfo | undefined,
  object: string,
  root: string,
  message?: string,
): SarifLocation {
  const isKnown = line !== undefined && line.file !== '' && line.line > 0;
  const region = isKnown ? regionOf(line) : undefined;
  return {
    physicalLocation: {
      artifactLocation: artifactOf(isKnown ? line.file : object, root),
      ...(region && { region }),
    },
    ...(message !== undefined && { message: { text: message } }),
  };
}

/** A change of source lines: what goes, and what comes in its place. */
export function fixOf(title: string, fix: SourceFix, root: string): SarifFix {
  const { file, line, insert, lines } = fix;
  const first = insert === 'after' ? line + 1 : line;
  const last = insert === 'instead' ? line + 1 : first;
  const deletedRegion = { startLine: first, startColumn: 1, endLine: last, endColumn: 1 };
  const insertedContent = { text: lines.map((one) => `${one}\n`).join('') };
  return {
    description: { text: title },
    artifactChanges: [
      {
        artifactLocation: artifactOf(file, root),
        replacements: [{ deletedRegion, insertedContent }],
      },
    ],
  };
}
