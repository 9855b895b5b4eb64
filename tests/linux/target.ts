/**
 * What tests import as `src/index.ts` when they run on Linux (vitest.linux.config.ts): the same,
 * but `createMachine` opens the kernel the tests run on.
 */
import { readdirSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { openLinux } from '../../src/linux/index.ts';
import type { Host } from '../../src/index.ts';

export * from '../../src/index.ts';

const PINS = '/sys/fs/bpf';

/** A Linux is never new: at least nothing is pinned. Engines and seeds are the kernel's own. */
export async function createMachine(): Promise<Host> {
  if (process.env['BEEYARD_LINUX'] !== 'on') {
    throw new Error('these tests change the kernel they run on: BEEYARD_LINUX=on allows it');
  }
  unpinAll(PINS);
  return openLinux();
}

function unpinAll(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) unpinAll(path);
    else unlinkSync(path);
  }
}
