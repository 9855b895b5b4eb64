import { FormatError } from '../../base/index.ts';

/** Unpacked bytes handed on at a time: the stream itself gives small pieces. */
const CHUNK = 1 << 20;

/** True if the bytes start as a gzip file does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * The chunks of a capture, unpacked if they are gzip. A damaged stream gives everything before the
 * damage and then a `FormatError`.
 */
export async function* unpack(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) return;
  const all = startingWith(first.value, iterator);
  if (isGzip(first.value)) yield* gunzip(all);
  else yield* all;
}

async function* startingWith(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

async function* gunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const stream = new DecompressionStream('gzip');
  const fed = feed(stream, chunks);
  const reader = stream.readable.getReader();
  let waiting: Uint8Array[] = [];
  let produced = 0;
  let damage: unknown;
  for (;;) {
    const next = await reader.read().catch((error: unknown) => {
      damage = error;
      return undefined;
    });
    if (next?.value) waiting.push(next.value);
    const size = waiting.reduce((sum, chunk) => sum + chunk.length, 0);
    if (size >= CHUNK || ((!next || next.done) && size > 0)) {
      yield joined(waiting, size);
      produced += size;
      waiting = [];
    }
    if (!next || next.done) break;
  }
  await fed;
  if (damage) {
    throw new FormatError('gzip', produced, `the packed data is damaged: ${String(damage)}`);
  }
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
