/**
 * The file of a saved machine: 8 bytes of magic, a version, the runtime's build, length and
 * checksum of the rest; then compressed (gzip): a length, JSON, and the pages of memory that are
 * not zero, each with its number.
 */
import { FormatError } from '../../base/index.ts';
import type { Runtime } from '../../runtime/index.ts';

const MAGIC = 'BEEYARD\n';
const VERSION = 3;
const HEADER = MAGIC.length + 16;
const PAGE = 4096;
const WASM_PAGE = 65536;
const FORMAT = 'machine';

/** What is in such a file. */
export interface Snapshot {
  readonly build: number;
  /** Whatever was given to be written. */
  readonly state: unknown;
  /** Bytes of memory, and its pages that are not zero. */
  readonly memorySize: number;
  readonly pages: Uint8Array;
}

export async function writeSnapshot(state: unknown, runtime: Runtime): Promise<Uint8Array> {
  const memory = runtime.u8();
  const json = new TextEncoder().encode(JSON.stringify({ memorySize: memory.length, state }));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, json.length, true);
  const body = new Blob([length, json, usedPages(memory)]);
  const packed = new Response(body.stream().pipeThrough(new CompressionStream('gzip')));
  const compressed = new Uint8Array(await packed.arrayBuffer());
  const file = new Uint8Array(HEADER + compressed.length);
  file.set(new TextEncoder().encode(MAGIC));
  const view = new DataView(file.buffer);
  view.setUint32(MAGIC.length, VERSION, true);
  view.setUint32(MAGIC.length + 4, runtime.build, true);
  view.setUint32(MAGIC.length + 8, compressed.length, true);
  view.setUint32(MAGIC.length + 12, sumOf(compressed), true);
  file.set(compressed, HEADER);
  return file;
}

/** FNV-1a: not every DecompressionStream minds a stream that ends too early. */
function sumOf(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) sum = Math.imul(sum ^ bytes[i]!, 0x01000193);
  return sum >>> 0;
}

function usedPages(memory: Uint8Array): Uint8Array<ArrayBuffer> {
  const words = new BigUint64Array(memory.buffer, memory.byteOffset, memory.length / 8);
  const step = PAGE / 8;
  const used: number[] = [];
  for (let at = 0; at < words.length; at += step) {
    for (let i = at; i < at + step; i++) {
      if (words[i] === 0n) continue;
      used.push(at / step);
      break;
    }
  }
  const bytes = new Uint8Array(used.length * (4 + PAGE));
  const view = new DataView(bytes.buffer);
  used.forEach((page, i) => {
    view.setUint32(i * (4 + PAGE), page, true);
    bytes.set(memory.subarray(page * PAGE, (page + 1) * PAGE), i * (4 + PAGE) + 4);
  });
  return bytes;
}

/** Throws FormatError for anything that is no saved machine. */
export async function readSnapshot(file: Uint8Array): Promise<Snapshot> {
  const fail = (offset: number, reason: string): never => {
    throw new FormatError(FORMAT, offset, reason);
  };
  const magic = new TextDecoder('latin1').decode(file.subarray(0, MAGIC.length));
  if (magic !== MAGIC) fail(0, 'this is no saved machine');
  if (file.length < HEADER) fail(file.length, 'the file ends in its header');
  const head = new DataView(file.buffer, file.byteOffset, HEADER);
  const version = head.getUint32(MAGIC.length, true);
  if (version !== VERSION) fail(MAGIC.length, `version ${version}, this beeyard reads ${VERSION}`);
  const cut = head.getUint32(MAGIC.length + 8, true) !== file.length - HEADER;
  if (cut) fail(file.length, 'the file is cut, or longer than it was');
  const damaged = head.getUint32(MAGIC.length + 12, true) !== sumOf(file.subarray(HEADER));
  if (damaged) fail(HEADER, 'its contents are damaged');
  const body = await unpack(file.subarray(HEADER));
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const length = body.length < 4 ? -1 : view.getUint32(0, true);
  if (length < 0 || 4 + length > body.length) fail(HEADER, 'its contents are cut');
  const { memorySize, state } = parse(body.subarray(4, 4 + length));
  const pages = body.subarray(4 + length);
  checkPages(memorySize, pages);
  return { build: head.getUint32(MAGIC.length + 4, true), state, memorySize, pages };
}

async function unpack(bytes: Uint8Array): Promise<Uint8Array> {
  try {
    const stream = new Blob([bytes.slice()]).stream();
    const unpacked = stream.pipeThrough(new DecompressionStream('gzip'));
    return new Uint8Array(await new Response(unpacked).arrayBuffer());
  } catch (error) {
    throw new FormatError(FORMAT, HEADER, 'its contents are damaged', { cause: error });
  }
}

function parse(json: Uint8Array): { readonly memorySize: number; readonly state: unknown } {
  try {
    const { memorySize, state } = JSON.parse(new TextDecoder().decode(json));
    return { memorySize: Number(memorySize), state };
  } catch (error) {
    throw new FormatError(FORMAT, HEADER, 'its description is damaged', { cause: error });
  }
}

const MOST_MEMORY = 2 ** 32;

function checkPages(size: number, pages: Uint8Array): void {
  const whole = size > 0 && size <= MOST_MEMORY && size % WASM_PAGE === 0;
  if (!whole || pages.length % (4 + PAGE) !== 0) {
    throw new FormatError(FORMAT, HEADER, 'its memory makes no sense');
  }
}

/** Puts the memory back. Throws FormatError for pages outside. */
export function restoreMemory({ memorySize, pages }: Snapshot, runtime: Runtime): void {
  const missing = (memorySize - runtime.u8().length) / WASM_PAGE;
  if (missing > 0) runtime.memory.grow(missing);
  const memory = runtime.u8();
  memory.fill(0);
  const view = new DataView(pages.buffer, pages.byteOffset, pages.byteLength);
  for (let at = 0; at < pages.length; at += 4 + PAGE) {
    const page = view.getUint32(at, true);
    if ((page + 1) * PAGE > memorySize) throw new FormatError(FORMAT, HEADER, 'a page is outside');
    memory.set(pages.subarray(at + 4, at + 4 + PAGE), page * PAGE);
  }
}
