import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { CliIo } from '../../src/cli/io.ts';
import { main } from '../../src/cli/dispatch.ts';

/** What a command line did. */
export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  json<T = Record<string, unknown>>(): T;
}

/** Runs a command line in this process, with its output caught. */
export async function beeyard(
  args: readonly string[],
  options: Partial<Pick<CliIo, 'columns' | 'color' | 'cwd' | 'env'>> = {},
): Promise<CliResult> {
  let out = '';
  let err = '';
  const io: CliIo = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    columns: options.columns ?? 80,
    color: options.color ?? false,
    errorColor: options.color ?? false,
    interactive: false,
    env: options.env ?? { BEEYARD_CACHE: '' },
    cwd: options.cwd ?? process.cwd(),
  };
  const code = await main(args, io);
  return { code, out, err, json: <T>() => JSON.parse(out) as T };
}

export const NET = 'tests/machine/programs/net.bpf.o';

/** A folder for a test file's captures and results; it goes away afterwards. */
export function workFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-cli-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return {
    path: (name: string) => join(folder, name),
    write(name: string, bytes: Uint8Array | string): string {
      writeFileSync(join(folder, name), bytes);
      return join(folder, name);
    },
    read: (name: string): Uint8Array => readFileSync(join(folder, name)),
  };
}
