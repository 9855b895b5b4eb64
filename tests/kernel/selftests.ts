import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { kfunc } from '../../src/index.ts';

/** Folder of the kernel's selftests, compiled; `node scripts/verify-corpus.mjs` makes it. */
export const selftests = folderWith('exceptions.bpf.o');

function folderWith(object: string): string | undefined {
  const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
  return (existsSync(cache) ? readdirSync(cache) : [])
    .filter((name) => /^selftests-[0-9a-f]+/.test(name))
    .map((name) => join(cache, name))
    .find((path) => existsSync(join(path, object)));
}

/** Names of all objects, without '.bpf.o', sorted. */
export function selftestNames(): string[] {
  return readdirSync(selftests!)
    .filter((name) => name.endsWith('.bpf.o'))
    .map((name) => name.slice(0, -'.bpf.o'.length))
    .sort();
}

export const selftest = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(selftests!, `${name}.bpf.o`)));

/** Functions of the tests' own module that a machine can have. */
export const testmod = [
  kfunc('bpf_kfunc_common_test', { args: [], body: () => undefined }),
  kfunc('bpf_kfunc_call_test_sleepable', { args: [], sleepable: true, body: () => undefined }),
];

/** Programs of an object that do not run here. */
export interface NotRun {
  readonly object: string;
  readonly programs: readonly string[];
  /** In the message of the error. */
  readonly says: string;
  readonly why: string;
}

/** One list for all tests; what starts to run must leave it. */
export const NOT_RUN: readonly NotRun[] = JSON.parse(
  readFileSync(new URL('../fixtures/kernel/not-run.json', import.meta.url), 'utf8'),
);

/** What the list says of a program. */
export const excuse = (object: string, program: string): NotRun | undefined =>
  NOT_RUN.find((one) => one.object === object && one.programs.includes(program));
