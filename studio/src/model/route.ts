import { type Placed, placedIn, placedWord } from './machine.ts';
import { parseLook, type RunLook, setLook } from './look.ts';

/** What is looked at, as the part of the address behind '#'. */
export type Route =
  | { readonly screen: 'home' }
  | { readonly screen: 'machine'; readonly placed: readonly Placed[]; readonly device: string }
  | {
      readonly screen: 'code';
      readonly file: string;
      /** '': the file is a source that was not compiled yet. */
      readonly program: string;
      readonly insn: number;
      readonly pane: 'state' | 'log';
      /** Whose rules: '6.1'; undefined: those of the newest kernel. */
      readonly kernel?: string | undefined;
      /** Undefined: the bytecode as the object has it. */
      readonly form?: CodeForm | undefined;
    }
  | {
      readonly screen: 'run';
      readonly file: string;
      readonly program: string;
      readonly packet: number | undefined;
      readonly step: number;
      readonly look: RunLook;
    }
  | GraphRoute
  | MatrixRoute;

/** What a program becomes: rewritten by the verifier, compiled. */
export type CodeForm = 'xlated' | 'wasm';

/** The program and the kernel of the selected cell. */
export interface MatrixRoute {
  readonly screen: 'matrix';
  readonly file: string;
  readonly program: string;
  readonly kernel: string;
}

export interface GraphRoute {
  readonly screen: 'graph';
  readonly file: string;
  readonly program: string;
  readonly insn: number;
  readonly view: 'flow' | 'calls' | 'table';
  /** Of the verifier's walk; undefined: all of it. */
  readonly step: number | undefined;
  /** Blocks in a row are one; undefined: if there are many. */
  readonly fold: boolean | undefined;
}

/** As many programs as bpf_mprog takes at one place. */
const MOST_PLACED = 64;

/** Never fails: what cannot be read is Home. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [screen, file, program] = path.split('/').map(decoded);
  const words = new URLSearchParams(query);
  if (screen === 'machine') {
    const placed = words.getAll('on').flatMap((one) => placedIn(one) ?? []);
    return { screen, placed: placed.slice(0, MOST_PLACED), device: words.get('dev') ?? 'eth0' };
  }
  // A source that did not compile has no program yet.
  if (screen === 'code' && file && !program && file.endsWith('.c'))
    return { screen, file, program: '', insn: 0, pane: 'state' };
  if (!file || !program) return { screen: 'home' };
  if (screen === 'code') {
    const pane = words.get('pane') === 'log' ? 'log' : 'state';
    const at = { screen, file, program, insn: count(words.get('i')) ?? 0, pane } as const;
    const kernel = versionIn(words);
    const form = words.get('as');
    return {
      ...at,
      ...(kernel !== undefined && kernel !== NEWEST && { kernel }),
      ...((form === 'xlated' || form === 'wasm') && { form }),
    };
  }
  if (screen === 'matrix') return { screen, file, program, kernel: versionIn(words) ?? NEWEST };
  if (screen === 'graph') return graphRoute(file, program, words);
  if (screen === 'run') {
    const packet = count(words.get('p'));
    return {
      screen,
      file,
      program,
      packet,
      step: count(words.get('t')) ?? 0,
      look: parseLook(words),
    };
  }
  return { screen: 'home' };
}

/** Whose rules hold where none are named. */
export const NEWEST = '6.12';

function versionIn(words: URLSearchParams): string | undefined {
  const version = words.get('k');
  return version !== null && /^\d\.\d{1,2}$/.test(version) ? version : undefined;
}

function graphRoute(file: string, program: string, words: URLSearchParams): GraphRoute {
  const view = words.get('view');
  const fold = words.get('fold');
  return {
    screen: 'graph',
    file,
    program,
    insn: count(words.get('i')) ?? 0,
    view: view === 'calls' || view === 'table' ? view : 'flow',
    step: count(words.get('t')),
    fold: fold === '1' ? true : fold === '0' ? false : undefined,
  };
}

/** The other way round. */
export function routeHash(route: Route): string {
  if (route.screen === 'home') return '#/';
  if (route.screen === 'machine') {
    const words = new URLSearchParams(route.placed.map((one) => ['on', placedWord(one)]));
    if (route.device !== 'eth0') words.set('dev', route.device);
    return `#/machine?${words}`.replace(/\?$/, '');
  }
  const path = [route.screen, route.file, route.program].map(encodeURIComponent).join('/');
  const words = new URLSearchParams();
  if (route.screen === 'code') {
    if (route.insn > 0) words.set('i', String(route.insn));
    if (route.pane === 'log') words.set('pane', 'log');
    if (route.kernel !== undefined) words.set('k', route.kernel);
    if (route.form !== undefined) words.set('as', route.form);
  } else if (route.screen === 'matrix') {
    if (route.kernel !== NEWEST) words.set('k', route.kernel);
  } else if (route.screen === 'graph') {
    if (route.insn > 0) words.set('i', String(route.insn));
    if (route.view !== 'flow') words.set('view', route.view);
    if (route.step !== undefined) words.set('t', String(route.step));
    if (route.fold !== undefined) words.set('fold', route.fold ? '1' : '0');
  } else {
    if (route.packet !== undefined) words.set('p', String(route.packet));
    if (route.step > 0) words.set('t', String(route.step));
    setLook(words, route.look);
  }
  const query = words.toString();
  return `#/${path}${query ? `?${query}` : ''}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function count(text: string | null): number | undefined {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
