/** What the editor does: compiles what was written, and puts fixes into it. */
import { computed, signal } from '@preact/signals';
import type { VerifiedFix } from 'beeyard/verify';
import { type CompilerMessage, countOf, type Problem, problemOf } from './model/edits.ts';
import { placesIn } from './model/fixes.ts';
import { sameSource } from './model/source.ts';
import type { Route } from './model/route.ts';
import type { LinePlace } from './protocol.ts';
import { engine } from './rpc.ts';
import {
  addFiles,
  code,
  compiles,
  drafts,
  editorShown,
  files,
  go,
  notice,
  programRoute,
  route,
  sourceOf,
} from './store.ts';
import { cursorLine, undoIn, write } from './view/code-mirror.ts';

/** What the server answers. */
interface Compiled {
  /** Base64. */
  readonly object?: string;
  readonly messages: readonly CompilerMessage[];
  readonly problem?: string;
  readonly hint?: string;
}

/** The last answer of the compiler, and of what. */
interface Said {
  readonly name: string;
  readonly text: string;
  readonly answer: Compiled;
}

export const STATIC =
  'Compiling needs a compiler: open the file with `beeyard studio` on your computer.';

export const isCompiling = signal(false);
const said = signal<Said | undefined>(undefined);

/** The source that is looked at, with what was edited in it. */
export const edited = computed(() => {
  const at = route.value;
  const source = at.screen === 'code' ? sourceOf(at.file) : undefined;
  if (!source) return undefined;
  const draft = drafts.value.get(source.name);
  return { ...source, text: draft ?? source.text, dirty: draft !== undefined };
});

/** Why there is no object of what was compiled last. */
export const failure = computed(() => {
  const last = said.value;
  return last?.name === edited.value?.name ? last?.answer : undefined;
});

/** The text has changed since the compiler spoke of it. */
export const isStale = computed(() => said.value?.text !== edited.value?.text);

/** Where the program that is shown is rejected; undefined while the source is another one. */
export const rejection = computed((): Problem | undefined => {
  const [source, shown] = [edited.value, code.value];
  if (!source || source.dirty || shown.state !== 'ready') return undefined;
  const { explanation } = shown.value.verdict;
  const line = explanation?.at.line;
  if (!explanation || !line || !sameSource(line.file, source.name)) return undefined;
  return { by: 'verifier', severity: 'error', text: explanation.problem, line: line.line };
});

/** Of the compiler, about the text as it was compiled last; then of the verifier. */
export const problems = computed((): readonly Problem[] => {
  const [source, last, rejected] = [edited.value, said.value, rejection.value];
  if (!source) return [];
  const own = last?.name === source.name ? last : undefined;
  const found = own?.answer.messages.map((one) => problemOf(one, own.name, own.text)) ?? [];
  return rejected ? [...found, rejected] : found;
});

const textOf = (name: string): string => drafts.value.get(name) ?? sourceOf(name)?.text ?? '';

/** Compiles and verifies what is in the editor. */
export async function compileEdited(): Promise<void> {
  if (!edited.value) return;
  if (compiles.value) await compileSource(edited.value.name, true);
  else notice.value = STATIC;
}

/** Once more, if it was asked for while one was under way. */
let again = false;

/** Compiles a source that is open, its edited text first of all. `goes`: to its program. */
export async function compileSource(name: string, goes: boolean): Promise<void> {
  if (isCompiling.value) {
    again = true;
    return;
  }
  isCompiling.value = true;
  try {
    do {
      again = false;
      await compileOnce(name, goes);
    } while (again);
  } catch (error) {
    notice.value = `not compiled: ${(error as Error).message}`;
  } finally {
    isCompiling.value = false;
  }
}

async function compileOnce(name: string, goes: boolean): Promise<void> {
  const text = textOf(name);
  const began = placeOf(route.value);
  const isThere = () => goes && placeOf(route.value) === began;
  notice.value = `compiling ${name} …`;
  const answer = await ask(name, text);
  said.value = { name, text, answer };
  if (answer.object === undefined) {
    if (isThere()) {
      editorShown.value = true;
      if (edited.value?.name !== name) go(programRoute(name, ''));
    }
    const count = countOf(answer.messages);
    notice.value = `${answer.problem}${count ? `: ${count}` : ''}`;
    return;
  }
  const object = Uint8Array.from(atob(answer.object), (letter) => letter.charCodeAt(0));
  await opened(name, text, object, isThere);
}

/** Whoever has gone to another one meanwhile is not called back. */
const placeOf = (at: Route): string => `${at.screen} ${'file' in at ? at.file : ''}`;

async function ask(name: string, text: string): Promise<Compiled> {
  const body = JSON.stringify({ name, text });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch('compile', { method: 'POST', headers, body });
  if (response.status === 413) throw new Error('it is too large');
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  return (await response.json()) as Compiled;
}

/** Opens the object in the place of the one before, with the text it was made of. */
async function opened(
  name: string,
  text: string,
  object: Uint8Array,
  isThere: () => boolean,
): Promise<void> {
  const file = objectName(name);
  const program = programOf(route.value);
  const bytes = new TextEncoder().encode(text);
  const given = [
    { name: file, bytes: object },
    { name, bytes },
  ];
  // What was written meanwhile is still to be compiled.
  const [one] = await addFiles(given, true);
  const programs = one?.object?.programs ?? [];
  const shown = programs.find((entry) => entry.name === program) ?? programs[0];
  if (!shown) {
    notice.value = one?.problem ?? `${file} has no programs`;
    return;
  }
  const isHere = edited.value?.name === name;
  const kernel = isHere && route.value.screen === 'code' ? route.value.kernel : undefined;
  const { verdict, rows } = await engine.code(file, shown.name, kernel);
  const line = cursorLine(name);
  const written = rows.find(({ line: at }) => at?.line === line && isIn(at, name));
  const insn = verdict.explanation?.at.insn ?? written?.insn ?? 0;
  const at = route.value;
  if (isThere() && at.screen === 'code' && isHere)
    go({ ...at, file, program: shown.name, insn }, true);
  else if (isThere()) go(programRoute(file, shown.name));
  const words = verdict.ok ? 'accepted' : `rejected: ${verdict.explanation?.problem}`;
  notice.value = `compiled, ${shown.name} is ${words}`;
}

const isIn = (place: LinePlace | undefined, name: string): boolean =>
  place !== undefined && sameSource(place.file, name);

const programOf = (at: Route): string | undefined => ('program' in at ? at.program : undefined);

/** The object that has this source, if one is open. */
function objectName(source: string): string {
  const found = files.value.find(({ name, object }) => object && sourceOf(name)?.name === source);
  return found?.name ?? source.replace(/\.c$/, '.o');
}

/** Puts a fix into the text and compiles that; or gives why it cannot, and nothing is done. */
export async function applyToSource(fix: VerifiedFix): Promise<string | undefined> {
  const source = edited.value;
  if (!source) return 'the source is not open, only the lines that the object knows';
  const places = placesIn(fix, source.name);
  if (!places) return `not all of it is in ${source.name}`;
  if (source.dirty) return 'the text has changed since it was compiled';
  write(source.name, source.text, await engine.applyFixes(source.text, places));
  editorShown.value = true;
  if (!compiles.value) return undefined;
  await compileSource(source.name, true);
  notice.value = `${fix.title.replace(/\.$/, '')}: ${notice.value}`;
  return undefined;
}

/** Takes the last change back, and compiles what is then there. */
export async function undoEdit(): Promise<void> {
  const source = edited.value;
  if (!source || !undoIn(source.name, source.text)) {
    notice.value = 'nothing to undo';
    return;
  }
  await compileEdited();
}
