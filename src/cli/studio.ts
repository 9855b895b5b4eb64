/** `beeyard studio`: objects looked at in a browser. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CommandCall } from './command.ts';
import { CliError, EXIT } from './exit.ts';
import { readBytes } from './files.ts';
import { type CliIo, styleFor } from './io.ts';
import { serveStudio, type StudioServer } from './studio-server.ts';
import { toJson } from './values.ts';

/** Milliseconds for a file in the editor. */
const COMPILE_TIME = 20_000;

/** Serves until it is interrupted. */
export async function run(call: CommandCall, io: CliIo): Promise<number> {
  const server = await started(call, io);
  const { url } = server;
  if (call.json) io.out(`${toJson({ url }, call.flag('pretty'))}\n`);
  else io.out(`${url}\n`);
  io.err(`${styleFor(io.errorColor).dim('only this machine can reach it; Ctrl-C ends it')}\n`);
  if (call.flag('open') && !call.flag('no-open')) openBrowser(url, io);
  await interrupted(io);
  await server.close();
  return EXIT.ok;
}

async function started(call: CommandCall, io: CliIo): Promise<StudioServer> {
  const app = appFolder();
  // Read now, so that a wrong name is told at once; read again when asked: it may be rebuilt.
  const files = call.operands.map((path) => {
    readBytes(path, io);
    const folder = dirname(resolve(io.cwd, path));
    return { name: basename(path), folder, bytes: async () => readBytes(path, io) };
  });
  const port = call.count('port', 0, 0, 65_535);
  try {
    const compile = { env: io.env, cwd: io.cwd, timeout: COMPILE_TIME };
    return await serveStudio({ app, files, port, compile });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    throw new CliError(EXIT.input, `port ${port} cannot be had (${code})`);
  }
}

/** dist/studio: beside dist/bin and dist/cli, and two folders up from the sources. */
function appFolder(): string {
  const places = ['../studio/', '../../dist/studio/'];
  const folders = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const found = folders.find((folder) => existsSync(`${folder}index.html`));
  if (found) return found;
  throw new CliError(EXIT.missing, 'the studio was not built: npm run build');
}

function openBrowser(url: string, io: CliIo): void {
  const openers: Partial<Record<NodeJS.Platform, [string, ...string[]]>> = {
    darwin: ['open'],
    win32: ['cmd', '/c', 'start', ''],
  };
  const [command, ...args] = openers[process.platform] ?? ['xdg-open'];
  const child = spawn(command, [...args, url], { stdio: 'ignore', detached: true });
  child.once('error', () => io.err(`no browser was opened: ${command} is not there\n`));
  child.unref();
}

function interrupted({ interrupt }: CliIo): Promise<void> {
  if (interrupt?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    interrupt?.addEventListener('abort', () => resolve(), { once: true });
  });
}
