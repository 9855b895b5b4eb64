/** Views that are shared: made of what is looked at, and opened again. */
import {
  type Bundle,
  isShareHash,
  packBundle,
  shareBytes,
  type SharedFile,
  unpackBundle,
} from './model/bundle.ts';
import { parseRoute, routeHash } from './model/route.ts';
import {
  addFiles,
  built,
  captureFile,
  compiles,
  drafts,
  editorShown,
  files,
  go,
  goToFirst,
  notice,
  playsBefore,
  objectFiles,
  route,
  setDraft,
  sourceOf,
  type StudioFile,
} from './store.ts';

export const SHARED_FILE = /\.beeyard$/;

/** What is needed to see what is seen now: the object, its source, the capture or the packet. */
export function bundleOf(): Promise<Uint8Array> {
  const at = route.value;
  const capture = captureFile.value;
  const names = new Set<string>();
  if ('file' in at) {
    names.add(at.file);
    const source = sourceOf(at.file);
    if (source) names.add(source.name);
    const playsCapture = at.screen === 'run' && at.packet !== undefined;
    if (capture && playsCapture) names.add(capture.name);
  } else {
    for (const { name } of files.value) names.add(name);
  }
  const isBuilt = at.screen === 'run' && at.packet === undefined;
  return packBundle({
    hash: routeHash(at),
    files: files.value.filter(({ name }) => names.has(name)),
    drafts: [...drafts.value]
      .filter(([name]) => names.has(name))
      .map(([name, text]) => ({ name, bytes: new TextEncoder().encode(text) })),
    packet: isBuilt ? built.value : undefined,
    playsBefore: playsBefore.value,
  });
}

/** Opens one. Rejects with BundleError before anything has changed. */
export async function openBundle(bytes: Uint8Array): Promise<void> {
  const bundle = withOwnNames(await unpackBundle(bytes));
  const opened = await addFiles(bundle.files);
  for (const { name, bytes } of bundle.drafts ?? []) {
    setDraft(name, new TextDecoder().decode(bytes));
    editorShown.value = true;
  }
  if (bundle.packet) built.value = bundle.packet;
  playsBefore.value = bundle.playsBefore;
  go(parseRoute(bundle.hash));
  if (!opened.some(({ problem }) => problem)) notice.value = 'opened as it was shared';
}

/** Files that are open under these names and differ stay: then the shared ones are renamed. */
function withOwnNames(bundle: Bundle): Bundle {
  const differs = ({ name, bytes }: SharedFile): boolean => {
    const open = files.value.find((one) => one.name === name);
    return open !== undefined && !sameBytes(open.bytes, bytes);
  };
  if (!bundle.files.some(differs)) return bundle;
  const taken = new Set(files.value.map(({ name }) => name));
  let n = 1;
  const renamed = (name: string) => `shared${n}-${name}`;
  while (bundle.files.some(({ name }) => taken.has(renamed(name)))) n++;
  const at = parseRoute(bundle.hash);
  const hash = 'file' in at ? routeHash({ ...at, file: renamed(at.file) }) : bundle.hash;
  const own = ({ name, bytes }: SharedFile) => ({ name: renamed(name), bytes });
  return { ...bundle, hash, files: bundle.files.map(own), drafts: bundle.drafts?.map(own) };
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

/** Opens what the address has, if that is a shared view; a bad one leaves all as it was. */
export async function openAddress(hash: string): Promise<void> {
  if (!isShareHash(hash)) return;
  try {
    await openBundle(shareBytes(hash));
  } catch (error) {
    notice.value = (error as Error).message;
    history.replaceState(null, '', routeHash(route.value));
  }
}

/** Files of the command line: they do not lead away from what the address says. */
export const openGiven = (given: readonly SharedFile[]): Promise<void> =>
  openFiles(given, route.value.screen === 'home');

/** Sources in C that came without their objects. */
async function compileLone(opened: readonly StudioFile[], goes: boolean): Promise<void> {
  const hasObject = (source: string) =>
    objectFiles.value.some(({ name }) => sourceOf(name)?.name === source);
  for (const { name } of opened.filter((one) => one.name.endsWith('.c') && !hasObject(one.name))) {
    const { compileSource } = await import('./editing.ts');
    await compileSource(name, goes);
  }
}

/** Files that were given: shared views are opened as such. `goes`: to the first program. */
export async function openFiles(given: readonly SharedFile[], goes = true): Promise<void> {
  const plain = given.filter(({ name }) => !SHARED_FILE.test(name));
  if (plain.length > 0) {
    const opened = await addFiles(plain);
    if (goes) goToFirst(opened);
    if (compiles.value) await compileLone(opened, goes);
  }
  for (const { name, bytes } of given) {
    if (!SHARED_FILE.test(name)) continue;
    try {
      await openBundle(bytes);
    } catch (error) {
      notice.value = `${name}: ${(error as Error).message}`;
    }
  }
}
