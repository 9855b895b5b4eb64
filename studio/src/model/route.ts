import { type Placed, placedIn, placedWord } from './machine.ts';
import { parseLook, type RunLook, setLook } from './look.ts';

/** What is looked at, as the part of the address behind '#'. */
export type Route =
  | { readonly screen: 'home' }
  | { readonly screen: 'machine'; readonly placed: readonly Placed[]; readonly device: string }
  | {
      readonly screen: 'code';
      readonly file: string;
      readonly program: string;
      readonly insn: number;
      readonly pane: 'state' | 'log';
    }
  | {
      readonly screen: 'run';
      readonly file: string;
      readonly program: string;
      readonly packet: number | undefined;
      readonly step: number;
      readonly look: RunLook;
    };

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
  if (!file || !program) return { screen: 'home' };
  if (screen === 'code') {
    const pane = words.get('pane') === 'log' ? 'log' : 'state';
    return { screen, file, program, insn: count(words.get('i')) ?? 0, pane };
  }
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
