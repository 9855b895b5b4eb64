/** The local server of the studio: static files and those of the command line, for one browser. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { readFile, realpath } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { compileForStudio, isSourceName, type StudioCompileOptions } from './studio-compile.ts';

/** A file of the command line, as the app may ask for it. */
export interface ServedFile {
  readonly name: string;
  readonly bytes: () => Promise<Uint8Array>;
  /** Where it is: the headers beside a source are those of the source in the editor. */
  readonly folder?: string;
}

export interface StudioServerOptions {
  /** Folder of the built app. */
  readonly app: string;
  readonly files: readonly ServedFile[];
  /** 0: one that is free. */
  readonly port: number;
  /** Without it the editor cannot compile. */
  readonly compile?: StudioCompileOptions;
}

export interface StudioServer {
  /** With the token: whoever has it may read the files. */
  readonly url: string;
  close(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Of a request to compile, in bytes: no source in C is as large. */
const MOST_BODY = 2 << 20;

/** Nothing from elsewhere, nothing to elsewhere; the engine compiles WebAssembly. */
const POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "img-src 'self' data:",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/**
 * Serves the app on 127.0.0.1 under a random token. A page of another site cannot read it: the
 * token is in no link, and names that were made to point here (DNS rebinding) are not in `Host`.
 * Rejects with the error of `listen`, e.g. EADDRINUSE.
 */
export async function serveStudio(options: StudioServerOptions): Promise<StudioServer> {
  const token = randomBytes(24).toString('base64url');
  const server = createServer((request, response) => {
    answer(request, response, token, options).catch(() => end(response, 404));
  });
  const port = await listen(server, options.port);
  return {
    url: `http://127.0.0.1:${port}/${token}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : wanted);
    });
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  token: string,
  options: StudioServerOptions,
): Promise<void> {
  const { app, files } = options;
  const rest = restOf(request, token);
  if (rest === undefined) return end(response, 403);
  if (rest === 'compile') return compile(request, response, options);
  if (request.method !== 'GET' && request.method !== 'HEAD') return end(response, 405);
  if (rest === 'files.json') {
    const list = files.map(({ name }, i) => ({ name, url: `files/${i}` }));
    return sendJson(response, { files: list, compiles: options.compile !== undefined });
  }
  const numbered = /^files\/(\d+)$/.exec(rest);
  if (numbered) {
    const file = files[Number(numbered[1])];
    return file ? send(response, '', await file.bytes()) : end(response, 404);
  }
  const path = await inside(app, rest === '' ? 'index.html' : rest);
  return path ? send(response, extname(path), await readFile(path)) : end(response, 404);
}

/** `POST compile` of `{ name, text }`: the object, or why there is none. */
async function compile(
  request: IncomingMessage,
  response: ServerResponse,
  { compile: options, files }: StudioServerOptions,
): Promise<void> {
  if (!options) return end(response, 404);
  if (request.method !== 'POST') return end(response, 405);
  // What a form of another page can send without being asked is not this type.
  if (request.headers['content-type'] !== 'application/json') return end(response, 415);
  const body = await bodyOf(request);
  if (body === undefined) return end(response, 413);
  const source = sourceIn(body);
  if (!source) return end(response, 400);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const folder = files.find(({ name }) => name === source.name)?.folder;
  const { object, ...rest } = await compileForStudio({ ...source, folder }, options, gone.signal);
  const bytes = object && { object: Buffer.from(object).toString('base64') };
  sendJson(response, { ...rest, ...bytes });
}

/** Undefined: too large. What is left of it is read, so that the answer arrives. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MOST_BODY * 2) request.destroy();
    if (size <= MOST_BODY) parts.push(part);
  }
  return size > MOST_BODY ? undefined : Buffer.concat(parts).toString();
}

function sourceIn(body: string): { name: string; text: string } | undefined {
  try {
    const { name, text } = JSON.parse(body) as Partial<Record<'name' | 'text', unknown>>;
    const fits = typeof name === 'string' && typeof text === 'string' && isSourceName(name);
    return fits ? { name, text } : undefined;
  } catch {
    return undefined;
  }
}

/** What stands behind the token; undefined: not for this browser. */
function restOf({ url = '', headers, socket }: IncomingMessage, token: string): string | undefined {
  const hosts = ['127.0.0.1', 'localhost'].map((name) => `${name}:${socket.localPort}`);
  const { host = '', origin } = headers;
  if (!hosts.includes(host)) return undefined;
  if (origin !== undefined && origin !== `http://${host}`) return undefined;
  const path = url.split('?', 1)[0]!;
  return path.startsWith(`/${token}/`) ? path.slice(token.length + 2) : undefined;
}

/** The file of a path, if it is in the folder, also behind links. */
async function inside(folder: string, path: string): Promise<string | undefined> {
  const root = await realpath(folder);
  const file = await realpath(join(root, decodeURIComponent(path)));
  return file.startsWith(root + sep) ? file : undefined;
}

const sendJson = (response: ServerResponse, value: unknown): void =>
  send(response, '.json', Buffer.from(JSON.stringify(value)));

function send(response: ServerResponse, extension: string, body: Uint8Array): void {
  const type = TYPES[extension] ?? 'application/octet-stream';
  response.writeHead(200, { ...HEADERS, 'content-type': type, 'content-length': body.length });
  response.end(body);
}

function end(response: ServerResponse, status: number): void {
  if (!response.headersSent)
    response.writeHead(status, { ...HEADERS, 'content-type': 'text/plain' });
  response.end(status === 403 ? 'wrong address: use the one `beeyard studio` printed\n' : '');
}
