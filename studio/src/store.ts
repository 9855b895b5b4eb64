/** What the app knows: files, the place in the address, what the worker found. */
import { batch, computed, effect, signal } from '@preact/signals';
import { isShareHash } from './model/bundle.ts';
import { parseRoute, type Route, routeHash } from './model/route.ts';
import { sameSource } from './model/source.ts';
import type {
  Coverage,
  InsnState,
  OpenedObject,
  ProgramCode,
  RecordedRun,
  StepState,
} from './protocol.ts';
import { engine } from './rpc.ts';

export interface StudioFile {
  readonly name: string;
  readonly kind: 'object' | 'capture' | 'source' | 'other';
  readonly bytes: Uint8Array;
  readonly object?: OpenedObject | undefined;
  readonly packets?: number | undefined;
  /** Why it could not be read. */
  readonly problem?: string | undefined;
}

export interface GalleryEntry {
  readonly title: string;
  readonly text: string;
  readonly kind: string;
  readonly program?: string;
  readonly files: readonly { readonly name: string; readonly url: string }[];
}

/** An answer of the worker, while it is awaited, or why there is none. */
export type Loaded<T> =
  | { readonly state: 'none' | 'loading' }
  | { readonly state: 'ready'; readonly value: T }
  | { readonly state: 'failed'; readonly message: string };

/** A step, the one before it, and what was there before the packet came. */
export interface ShownStep {
  readonly now: StepState;
  readonly before: StepState | undefined;
  readonly start: StepState;
}

export const NONE: Loaded<never> = { state: 'none' };

export const route = signal<Route>(parseRoute(location.hash));
export const files = signal<readonly StudioFile[]>([]);
export const gallery = signal<readonly GalleryEntry[]>([]);
export const code = signal<Loaded<ProgramCode>>(NONE);
export const insnState = signal<Loaded<InsnState>>(NONE);
export const run = signal<Loaded<RecordedRun & { readonly packet: Uint8Array }>>(NONE);
export const stepState = signal<Loaded<ShownStep>>(NONE);
/** What all packets of the capture did to the program, once somebody asked. */
export const coverage = signal<Loaded<Coverage>>(NONE);
/** A packet made by hand instead of one of a capture. */
export const built = signal<Uint8Array | undefined>(undefined);
/** Those before it in the capture run first. */
export const playsBefore = signal(true);
/** Said at the bottom, and to screen readers. */
export const notice = signal('');
export const helpShown = signal(false);
export const shareShown = signal(false);
/** There is a server that compiles C. */
export const compiles = signal(false);
/** On the Code screen, in the place of the source. */
export const editorShown = signal(false);
/** Counts how often the editor was asked to take the focus. */
export const editorFocus = signal(0);
/** Sources as edited, by name, where they differ from what is open. */
export const drafts = signal<ReadonlyMap<string, string>>(new Map());

export interface Key {
  readonly keys: readonly string[];
  readonly what: string;
  readonly act: () => void;
}

/** Keys of the screen that is shown: these come before the others. */
export const screenKeys = signal<readonly Key[]>([]);

export const objectFiles = computed(() => files.value.filter(({ object }) => object));
export const captureFile = computed(() => files.value.findLast(({ kind }) => kind === 'capture'));

/** The machine as it was looked at last. */
export const machineRoute = signal<Route & { readonly screen: 'machine' }>({
  screen: 'machine',
  placed: [],
  device: 'eth0',
});

effect(() => {
  const at = route.value;
  if (at.screen === 'machine') machineRoute.value = at;
});

/** Goes somewhere; `replace`: without a step in the history. */
export function go(to: Route, replace = false): void {
  const hash = routeHash(to);
  if (replace) history.replaceState(null, '', hash);
  else history.pushState(null, '', hash);
  route.value = to;
}

export function sourceOf(file: string): { name: string; text: string } | undefined {
  const stem = file.replace(/\.o$/, '.c');
  const sources = files.value.filter(({ kind }) => kind === 'source');
  const found =
    sources.find(({ name }) => name === stem) ?? sources.find(({ name }) => sameSource(stem, name));
  return found && { name: found.name, text: new TextDecoder().decode(found.bytes) };
}

export const programRoute = (file: string, program: string) => {
  return { screen: 'code', file, program, insn: 0, pane: 'state' } as const;
};

/** Keeps what was edited; what is as the open file has it needs no keeping. */
export function setDraft(name: string, text: string | undefined): void {
  const others = [...drafts.value].filter(([one]) => one !== name);
  const isEdited = text !== undefined && sourceOf(name)?.text !== text;
  drafts.value = new Map(isEdited ? [...others, [name, text]] : others);
}

/**
 * Opens files, the later one of a name instead of the earlier. What was edited in that one is gone,
 * unless the later one was made of it: `keepsDrafts`.
 */
export async function addFiles(
  given: readonly { name: string; bytes: Uint8Array }[],
  keepsDrafts = false,
) {
  const opened = await Promise.all(given.map(({ name, bytes }) => openFile(name, bytes)));
  forget();
  const names = new Set(opened.map(({ name }) => name));
  batch(() => {
    files.value = [...files.value.filter(({ name }) => !names.has(name)), ...opened];
    const kept = [...drafts.value].filter(([name]) => keepsDrafts || !names.has(name));
    drafts.value = new Map(kept.filter(([name, text]) => sourceOf(name)?.text !== text));
  });
  const bad = opened.find(({ problem }) => problem);
  notice.value = bad
    ? `${bad.name}: ${bad.problem}`
    : `${opened.map(({ name }) => name).join(', ')} opened`;
  return opened;
}

async function openFile(name: string, bytes: Uint8Array): Promise<StudioFile> {
  const kind = kindOf(name, bytes);
  try {
    if (kind === 'object') return { name, kind, bytes, object: await engine.open(name, bytes) };
    if (kind === 'capture')
      return { name, kind, bytes, packets: await engine.capture(name, bytes) };
    if (kind === 'source') return { name, kind, bytes };
  } catch (error) {
    return { name, kind, bytes, problem: (error as Error).message };
  }
  return { name, kind, bytes, problem: 'no object, source or capture' };
}

function kindOf(name: string, bytes: Uint8Array): StudioFile['kind'] {
  if (bytes[0] === 0x7f && bytes[1] === 0x45) return 'object';
  if (/\.[ch]$|\.bpf\.ts$/.test(name)) return 'source';
  return /\.(pcap|pcapng|cap)$/.test(name) ? 'capture' : 'other';
}

/** The first program of the first object of these: where one goes after opening them. */
export function goToFirst(opened: readonly StudioFile[], program?: string): void {
  const file = opened.find(({ object }) => object?.programs.length);
  const first = program ?? file?.object?.programs[0]?.name;
  if (file && first) go(programRoute(file.name, first));
}

export async function fetchBytes(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

export async function openEntry({ files: wanted, program }: GalleryEntry): Promise<void> {
  const given = wanted.map(async ({ name, url }) => ({ name, bytes: await fetchBytes(url) }));
  goToFirst(await addFiles(await Promise.all(given)), program);
}

interface ServedFiles {
  readonly files: readonly { readonly name: string; readonly url: string }[];
  readonly compiles: boolean;
}

/** The gallery, the files of the command line, and those that the address names. */
export async function start(): Promise<void> {
  const lists = ['gallery.json', 'files.json'].map(async (url) => (await fetch(url)).json());
  const [entries, served] = await Promise.all(lists);
  gallery.value = entries as GalleryEntry[];
  const { files: list, compiles: has } = served as ServedFiles;
  compiles.value = has;
  const given = list.map(async ({ name, url }) => ({ name, bytes: await fetchBytes(url) }));
  const { openAddress, openGiven } = await import('./sharing.ts');
  // Opening what was given may change the address.
  const { hash } = location;
  await openGiven(await Promise.all(given));
  await openAddress(hash);
  await openNamed();
}

/** An address of the gallery works in a fresh window as well. */
async function openNamed(): Promise<void> {
  const at = route.value;
  if (!('file' in at) || files.value.some(({ name }) => name === at.file)) return;
  const entry = gallery.value.find((one) => one.files.some(({ name }) => name === at.file));
  if (!entry) return;
  const given = entry.files.map(async ({ name, url }) => ({ name, bytes: await fetchBytes(url) }));
  await addFiles(await Promise.all(given));
}

let shownCode = '';
let lastCode = '';
let shownRun = '';
let shownCoverage = '';
let asked = 0;

function forget(): void {
  shownCode = '';
  shownRun = '';
  shownCoverage = '';
}

effect(() => {
  const at = route.value;
  if (!('file' in at) || !files.value.some(({ name }) => name === at.file)) return;
  // The matrix asks for what it shows itself.
  if (at.screen === 'matrix' || at.program === '') return;
  const kernel = at.screen === 'code' ? at.kernel : undefined;
  const key = `${at.file}\n${at.program}\n${kernel}`;
  if (key !== shownCode) {
    // The same program compiled anew: what is seen stays until it is verified.
    const isAgain = key === lastCode;
    shownCode = lastCode = key;
    void into(code, engine.code(at.file, at.program, kernel), () => key === shownCode, isAgain);
  }
});

effect(() => {
  const at = route.value;
  if (at.screen !== 'code' || at.program === '' || code.value.state !== 'ready') return;
  const number = ++asked;
  const wanted = engine.state(at.file, at.program, at.insn, at.kernel);
  void into(insnState, wanted, () => number === asked, true);
});

/** What is recorded, for as long as that is shown. */
effect(() => {
  const at = route.value;
  const capture = captureFile.value;
  if (at.screen !== 'run' || !files.value.some(({ name }) => name === at.file)) return;
  const number = at.packet;
  const own = number === undefined ? built.value : undefined;
  if (number === undefined ? !own : !capture) {
    shownRun = '';
    run.value = NONE;
    return;
  }
  const key = [at.file, at.program, number, capture?.name, own?.join(), playsBefore.value].join(
    '\n',
  );
  if (key === shownRun) return;
  shownRun = key;
  stepState.value = NONE;
  void into(run, recorded(at.file, at.program, number, own), () => key === shownRun);
});

/** Packets that run before one that is recorded, at most. */
const MOST_BEFORE = 2000;

async function recorded(
  file: string,
  program: string,
  number: number | undefined,
  own: Uint8Array | undefined,
) {
  const packets = own ? [own] : await packetsTo(number!);
  const packet = packets.at(-1)!;
  return { ...(await engine.record(file, program, packets)), packet };
}

function packetsTo(number: number): Promise<Uint8Array[]> {
  const { name } = captureFile.value!;
  const first = playsBefore.value ? Math.max(1, number - MOST_BEFORE) : number;
  const numbers = Array.from({ length: number - first + 1 }, (_, i) => first + i);
  return Promise.all(numbers.map((one) => engine.packet(name, one)));
}

let stepAsked = 0;
let shownStep: { readonly recording: unknown; readonly step: number } | undefined;

effect(() => {
  const at = route.value;
  const recording = run.value;
  if (at.screen !== 'run' || recording.state !== 'ready') return;
  const step = Math.min(at.step, recording.value.insns.length - 1);
  if (shownStep?.recording === recording && shownStep.step === step) return;
  shownStep = { recording, step };
  const number = ++stepAsked;
  void into(stepState, stepWithBefore(step), () => number === stepAsked, true);
});

async function stepWithBefore(step: number): Promise<ShownStep> {
  const before = step > 0 ? await engine.step(step - 1) : undefined;
  const start = step > 1 ? await engine.step(0) : before;
  const now = await engine.step(step);
  return { now, before, start: start ?? now };
}

effect(() => {
  const at = route.value;
  const capture = captureFile.value;
  if (at.screen !== 'run' || at.look.heat !== 'all' || !capture) return;
  if (!files.value.some(({ name }) => name === at.file)) return;
  const key = [at.file, at.program, capture.name].join('\n');
  if (key === shownCoverage) return;
  shownCoverage = key;
  const wanted = engine.coverage(at.file, at.program, capture.name);
  void into(coverage, wanted, () => key === shownCoverage);
});

/** `keep`: what was there stays until the answer comes. */
export async function into<T>(
  target: { value: Loaded<T> },
  answer: Promise<T>,
  isWanted: () => boolean,
  keep = false,
): Promise<void> {
  if (!keep) target.value = { state: 'loading' };
  let found: Loaded<T>;
  try {
    found = { state: 'ready', value: await answer };
  } catch (error) {
    found = { state: 'failed', message: (error as Error).message };
  }
  if (isWanted()) target.value = found;
}

addEventListener('popstate', () => {
  if (!isShareHash(location.hash)) route.value = parseRoute(location.hash);
});
addEventListener('hashchange', () => {
  if (isShareHash(location.hash)) {
    const { hash } = location;
    void import('./sharing.ts').then(({ openAddress }) => openAddress(hash));
    return;
  }
  route.value = parseRoute(location.hash);
  void openNamed();
});
