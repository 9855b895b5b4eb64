#!/usr/bin/env node
import nodeModule from 'node:module';
import { pathToFileURL } from 'node:url';
import { realpathSync } from 'node:fs';
import { main } from './dispatch.ts';
import { EXIT } from './exit.ts';
import { processIo } from './io.ts';

function isEntry(): boolean {
  const script = process.argv[1];
  return script !== undefined && import.meta.url === pathToFileURL(realpathSync(script)).href;
}

if (isEntry()) {
  // A reader that has seen enough (`| head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    throw error;
  });
  // Node 22 and newer keep compiled code between starts.
  (nodeModule as { enableCompileCache?: () => void }).enableCompileCache?.();
  const stop = new AbortController();
  // The first Ctrl-C asks, the second ends.
  process.once('SIGINT', () => stop.abort());
  const plain = processIo(process.stdout, process.stderr, process.env, process.cwd());
  const io = { ...plain, interrupt: stop.signal };
  process.exitCode = await main(process.argv.slice(2), io);
}
