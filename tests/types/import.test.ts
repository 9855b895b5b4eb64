import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseObject } from '../../src/object/index.ts';
import { declareObject } from '../../src/object/typegen/index.ts';
import { EXAMPLE, isBuilt, root } from '../import/project.ts';
import { type TypeError, typeErrors } from './tsc.ts';

const here = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');
const example = new Uint8Array(
  readFileSync(new URL('../../examples/typed-import/ratelimit.bpf.o', import.meta.url)),
);
const ratelimit = declareObject(parseObject(example), 'ratelimit.bpf.o');

const declared = (path: string, name: string) =>
  declareObject(parseObject(new Uint8Array(readFileSync(join(root, 'tests', path)))), name);

/** An object with a tracing program, a queue and a prog_array, as the generator writes it. */
const traced = `import type { ObjectMap, Program, Queue, TypedObject } from 'beeyard';
declare const object: TypedObject<{
  programs: { on_open: Program<'kprobe'> };
  maps: { waiting: Queue<bigint>; jumps: ObjectMap<number> };
  globals: {};
}>;
export default object;
`;

const declarations = {
  'ratelimit.bpf.d.o.ts': ratelimit,
  'ratelimit.bpf.d.c.ts': ratelimit,
  'traced.bpf.d.o.ts': traced,
  'live.bpf.d.o.ts': declared('fixtures/live.bpf.o', 'live.bpf.o'),
  'owned.bpf.d.o.ts': declared('machine/programs/owned.bpf.o', 'owned.bpf.o'),
};

/** Codes that lines of a file announce: '… // TS2322'. */
function announced(file: string, text: string): Pick<TypeError, 'file' | 'line' | 'code'>[] {
  return text.split('\n').flatMap((line, i) => {
    const code = / \/\/ (TS\d+)$/.exec(line)?.[1];
    return code ? [{ file, line: i + 1, code }] : [];
  });
}

describe('an import with its declaration', () => {
  it('compiles where it is used as it is, and fails on each line where it is not', () => {
    const rejected = here('rejected.ts');
    const errors = typeErrors({
      'accepted.ts': here('accepted.ts'),
      'rejected.ts': rejected,
      ...declarations,
    });
    const lines = new Map(errors.map((error) => [`${error.file}:${error.line}`, error]));
    const found = [...lines.values()].map(({ file, line, code }) => ({ file, line, code }));
    const messages = errors.map(
      ({ file, line, code, message }) => `${file}:${line} ${code} ${message}`,
    );
    expect(found, messages.join('\n')).toEqual(announced('rejected.ts', rejected));
    expect(found.length).toBeGreaterThan(40);
    expect(messages.join('\n')).toContain("'packts' does not exist in type");
  }, 60_000);
});

describe.skipIf(!isBuilt)('examples/typed-import (skipped before npm run build)', () => {
  it('compiles with the package and the settings its README gives', () => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', EXAMPLE], {
      encoding: 'utf8',
    });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  }, 60_000);
});
