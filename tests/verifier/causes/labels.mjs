import { readdirSync, readFileSync } from 'node:fs';

/**
 * What an expert says of a program, from the comments beside it.
 *
 * @typedef {object} Label
 * @property {string} file name of the source, without `.bpf.c`
 * @property {string} program
 * @property {string} cause the right one, or the first of several
 * @property {readonly string[]} causes several, where opinions may differ
 * @property {string} fix kind of change that mends it, or 'none' if no small change does
 * @property {string} why 'source': the author's mistake; else 'lowering' (the compiler's doing) or
 *   'imprecise' (the verifier's limit)
 * @property {string} caps privileges of the loader, as `beeyard verify --caps` takes them
 * @property {boolean} slow walks a million instructions
 * @property {readonly number[]} lines those an expert would point at: where it goes wrong, and what
 *   has to change; of a loop, all
 */

/** Folder of the sources and objects. */
export const folder = new URL('./', import.meta.url);

/** Names of the sources, without `.bpf.c`. */
export const files = readdirSync(folder)
  .filter((name) => name.endsWith('.bpf.c'))
  .map((name) => name.replace('.bpf.c', ''))
  .sort();

/**
 * The labels of a source. Each begins with a comment `expect: cause=… fix=…` and reaches to the next
 * one: its program is the last SEC() function in between, and comments `// <- fault` and
 * `// <- blame` mark its lines.
 *
 * @param {string} file
 * @returns {Label[]}
 */
export function labelsOf(file) {
  const lines = readFileSync(new URL(`${file}.bpf.c`, folder), 'utf8').split('\n');
  const starts = lines.flatMap((line, i) => (line.startsWith('/* expect:') ? [i] : []));
  return starts.map((start, i) => labelOf(file, lines, start, starts[i + 1] ?? lines.length));
}

/** `SEC("xdp") int name(`, also with an attribute. */
const PROGRAM = /^SEC\("[^"]*"\)(?: __attribute__\(\(\w+\)\))? (?:\w+ )+\*?(\w+)\(/gm;

/**
 * @param {string} file
 * @param {readonly string[]} lines
 * @param {number} start
 * @param {number} end
 * @returns {Label}
 */
function labelOf(file, lines, start, end) {
  const words = new Map([...lines[start].matchAll(/(\w+)=(\S+)/g)].map((m) => [m[1], m[2]]));
  const part = lines.slice(start, end);
  const program = [...part.join('\n').matchAll(PROGRAM)].at(-1)?.[1];
  const marked = part.flatMap((line, i) => (/\/\/ <- (fault|blame)/.test(line) ? [i] : []));
  if (program === undefined || marked.length === 0) {
    throw new Error(`${file}.bpf.c:${start + 1}: half a label`);
  }
  const causes = (words.get('cause') ?? '').split('|');
  return {
    file,
    program,
    cause: causes[0] ?? '',
    causes,
    fix: words.get('fix') ?? '',
    why: words.get('why') ?? 'source',
    caps: words.get('caps') ?? 'all',
    slow: words.has('slow'),
    lines: marked.map((i) => start + 1 + i),
  };
}

/** Every label of the folder. */
export const allLabels = () => files.flatMap(labelsOf);
