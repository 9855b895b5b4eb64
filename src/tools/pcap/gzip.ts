import { FormatError } from '../../base/index.ts';

/** Unpacked bytes handed on at a time: the stream itself gives small pieces. */
const CHUNK = 1 << 20;

/** Turns the bytes of a gzip file into what was packed; throws at damage. */
export type Unpacker = (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

/** True if the bytes start as a gzip file does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * The chunks of a capture, unpacked if they are gzip. A damaged stream gives everything before the
 * damage and then a `FormatError`.
 */
export async function* unpack(
  chunks: AsyncIterable<Uint8Array>,
  unpacker: Unpacker = webGunzip,
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) return;
  const all = startingWith(first.value, iterator);
  if (isGzip(first.value)) yield* gunzip(all, unpacker);
  else yield* all;
}

async function* startingWith(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

/** Joins the unpacker's pieces, and says where the data is damaged when it gives up. */
async function* gunzip(
  chunks: AsyncIterable<Uint8Array>,
  unpacker: Unpacker,
): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let size = 0;
  let produced = 0;
  let damage: unknown;
  const pieces = unpacker(chunks)[Symbol.asyncIterator]();
  for (;;) {
    const next = await pieces.next().catch((error: unknown) => {
      damage = error;
      return { done: true, value: undefined };
    });
    if (next.value) {
      waiting.push(next.value);
      size += next.value.length;
    }
    if (size >= CHUNK || (next.done && size > 0)) {
      yield joined(waiting, size);
      produced += size;
      waiting = [];
      size = 0;
    }
    if (next.done) break;
  }
  if (damage === undefined) return;
  if (!isUnpackError(damage)) throw damage;
  throw new FormatError('gzip', produced, `the packed data is damaged: ${String(damage)}`);
}

/** The packed bytes are wrong, as opposed to: they cannot be read. */
function isUnpackError(error: unknown): boolean {
  return error instanceof TypeError || String((error as { code?: unknown }).code).startsWith('Z_');
}

/** The unpacker of the web platform: everywhere, but several times slower than Node's own. */
async function* webGunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const stream = new DecompressionStream('gzip');
  const fed = feed(stream, chunks);
  const reader = stream.readable.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  await fed;
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** Writes all chunks into the stream; an error of the stream ends it and is met by its reader. */
async function feed(stream: DecompressionStream, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const writer = stream.writable.getWriter();
  try {
    for await (const chunk of chunks) await writer.write(chunk as Uint8Array<ArrayBuffer>);
    await writer.close();
  } catch {
    await writer.abort().catch(() => undefined);
  }
}

/** Packs bytes as one gzip file. */
export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
