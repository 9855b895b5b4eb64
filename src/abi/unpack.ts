/** Data that comes with the package, compressed with gzip, as base64 text. */

/**
 * What gives the uncompressed bytes. Node can inflate while somebody waits, so what nobody asks for
 * costs nothing there; browsers inflate at once.
 */
export async function unpacker(base64: string): Promise<() => Uint8Array> {
  const zlib = globalThis.process?.getBuiltinModule?.('node:zlib');
  if (zlib) return () => new Uint8Array(zlib.gunzipSync(fromBase64(base64)));
  const stream = new Blob([fromBase64(base64)])
    .stream()
    .pipeThrough(new DecompressionStream('gzip'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return () => bytes;
}

/** The same for text in UTF-8. */
export async function textUnpacker(base64: string): Promise<() => string> {
  const bytes = await unpacker(base64);
  return () => new TextDecoder().decode(bytes());
}

function fromBase64(base64: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
