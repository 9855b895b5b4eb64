/**
 * What is looked at, with its files, as bytes: a `.beeyard` file, or a link's fragment. Eight
 * letters, then deflated: length of a JSON header (u32, little endian), header, the files' bytes.
 */

export interface SharedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Bundle {
  /** The address that shows it, from '#' on. */
  readonly hash: string;
  readonly files: readonly SharedFile[];
  /** Sources as edited, where that is not what the files have. */
  readonly drafts?: readonly SharedFile[] | undefined;
  /** The packet that was built by hand, if that is what runs. */
  readonly packet?: Uint8Array | undefined;
  /** Packets before the one of the capture run first. */
  readonly playsBefore: boolean;
}

export class BundleError extends Error {
  override readonly name = 'BundleError';
}

const MAGIC = 'beeyard1';
/** Unpacked, at most: what is more was made to fill memory. */
const MOST_BYTES = 64 << 20;
const MOST_FILES = 64;
const MOST_HEADER = 64 << 10;
const LONGEST_NAME = 200;
const LONGEST_HASH = 4096;
/** What every browser takes as an address, and most chat programs as a message. */
export const LONGEST_FRAGMENT = 30_000;

const PREFIX = '#/share/';

export const isShareHash = (hash: string): boolean => hash.startsWith(PREFIX);

export async function packBundle({
  hash,
  files,
  drafts = [],
  packet,
  playsBefore,
}: Bundle): Promise<Uint8Array> {
  const all = [...files, ...drafts];
  const parts = [...all.map(({ bytes }) => bytes), ...(packet ? [packet] : [])];
  const listed = (list: readonly SharedFile[]) =>
    list.map(({ name, bytes }) => ({ name, size: bytes.length }));
  const header = new TextEncoder().encode(
    JSON.stringify({
      hash,
      files: listed(files),
      ...(drafts.length > 0 && { drafts: listed(drafts) }),
      ...(packet && { packet: packet.length }),
      playsBefore,
    }),
  );
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, header.length, true);
  const magic = new TextEncoder().encode(MAGIC);
  const packed = await through([length, header, ...parts], new CompressionStream('deflate-raw'));
  return joined([magic, packed]);
}

/** Rejects with BundleError: what is wrong, in words. */
export async function unpackBundle(bytes: Uint8Array): Promise<Bundle> {
  if (new TextDecoder().decode(bytes.subarray(0, MAGIC.length)) !== MAGIC) {
    throw new BundleError('this is no shared view of beeyard studio');
  }
  let plain: Uint8Array;
  try {
    const packed = [bytes.slice(MAGIC.length)];
    plain = await through(packed, new DecompressionStream('deflate-raw'));
  } catch (error) {
    if (error instanceof BundleError) throw error;
    throw new BundleError('the shared view is damaged or cut off');
  }
  const length = plain.length < 4 ? 0 : new DataView(plain.buffer).getUint32(0, true);
  if (length === 0 || length > MOST_HEADER || 4 + length > plain.length) {
    throw new BundleError('the shared view is damaged: it has no header');
  }
  return placed(headerOf(plain.subarray(4, 4 + length)), plain.subarray(4 + length));
}

interface ListedFile {
  readonly name: string;
  readonly size: number;
}

interface Header {
  readonly hash: string;
  readonly files: readonly ListedFile[];
  readonly drafts: readonly ListedFile[];
  readonly packet: number | undefined;
  readonly playsBefore: boolean;
}

function headerOf(bytes: Uint8Array): Header {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new BundleError('the shared view is damaged: its header cannot be read');
  }
  if (!isRecord(value)) throw new BundleError('the shared view has no header');
  const { hash, files, drafts = [], packet, playsBefore } = value;
  if (typeof hash !== 'string' || hash.length > LONGEST_HASH || !/^#\/(?!share\/)/.test(hash)) {
    throw new BundleError('the shared view does not say what to show');
  }
  return {
    hash,
    files: filesOf(files),
    drafts: filesOf(drafts),
    packet: packet === undefined ? undefined : sizeOf(packet),
    playsBefore: playsBefore !== false,
  };
}

function filesOf(list: unknown): ListedFile[] {
  if (!Array.isArray(list) || list.length > MOST_FILES) {
    throw new BundleError(`a shared view has at most ${MOST_FILES} files`);
  }
  const named = list.map(fileOf);
  if (new Set(named.map(({ name }) => name)).size !== named.length) {
    throw new BundleError('the shared view has a file twice');
  }
  return named;
}

function fileOf(value: unknown): ListedFile {
  const name = isRecord(value) ? value['name'] : undefined;
  // Names are shown and put into commands: no paths, nothing that is not seen.
  const isName = typeof name === 'string' && name.length <= LONGEST_NAME;
  if (!isName || !/^[^/\\\p{C}]+$/u.test(name) || /^\.+$/.test(name)) {
    throw new BundleError('the shared view has a file with a name that is none');
  }
  return { name, size: sizeOf((value as Record<string, unknown>)['size']) };
}

function sizeOf(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new BundleError('the shared view is damaged: a size is no number');
}

function placed(header: Header, contents: Uint8Array): Bundle {
  const { hash, files, drafts, packet, playsBefore } = header;
  const total = [...files, ...drafts].reduce((sum, { size }) => sum + size, packet ?? 0);
  if (total !== contents.length) {
    throw new BundleError(`the shared view has ${contents.length} bytes of files, not ${total}`);
  }
  let at = 0;
  const take = (size: number) => contents.slice(at, (at += size));
  const takeAll = (list: readonly ListedFile[]) =>
    list.map(({ name, size }) => ({ name, bytes: take(size) }));
  return {
    hash,
    files: takeAll(files),
    ...(drafts.length > 0 && { drafts: takeAll(drafts) }),
    packet: packet === undefined ? undefined : take(packet),
    playsBefore,
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Undefined: too long for an address. */
export function shareHash(bytes: Uint8Array): string | undefined {
  const hash = `${PREFIX}${base64url(bytes)}`;
  return hash.length <= LONGEST_FRAGMENT ? hash : undefined;
}

/** The bytes of an address's fragment. Throws BundleError. */
export function shareBytes(hash: string): Uint8Array {
  const text = hash.slice(PREFIX.length).replaceAll('-', '+').replaceAll('_', '/');
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    throw new BundleError('the link is damaged or cut off');
  }
}

function base64url(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** Bytes through a stream; rejects when more comes out than anybody shares. */
async function through(
  parts: readonly Uint8Array[],
  stream: CompressionStream | DecompressionStream,
): Promise<Uint8Array> {
  const reader = new Blob([...parts] as BlobPart[]).stream().pipeThrough(stream).getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return joined(chunks);
    size += value.length;
    if (size > MOST_BYTES) {
      await reader.cancel();
      throw new BundleError(`a shared view has at most ${MOST_BYTES >> 20} MB`);
    }
    chunks.push(value);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
