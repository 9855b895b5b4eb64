/** The editor's sources through a real clang. */
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileForStudio, type StudioSource } from '../../src/cli/studio-compile.ts';
import { parseObject } from '../../src/index.ts';
import { workFolder } from './helpers.ts';

const work = workFolder();
const root = join(import.meta.dirname, '..', '..');
const plain = readFileSync(join(root, 'examples/studio/unchecked.bpf.c'), 'utf8');
const withHeader = plain.replace('SEC("xdp")', '#include "own.h"\nSEC("xdp")');
const folder = dirname(work.write('own.h', 'static const int own = 1;\n'));

const compiled = (source: Partial<StudioSource>) =>
  compileForStudio(
    { name: 'x.bpf.c', text: plain, ...source },
    { env: process.env, cwd: root, timeout: 60_000 },
    new AbortController().signal,
  );

describe('compiling for the studio', () => {
  it('gives an object whose lines are of the source, and that names no folder', async () => {
    const { object, messages, problem } = await compiled({ text: withHeader, folder });
    expect([problem, messages]).toEqual([undefined, []]);
    const [program] = parseObject(object!).programs;
    expect(program!.name).toBe('unchecked');
    expect(program!.lines.some(({ file }) => /^(\.\/)?x\.bpf\.c$/.test(file))).toBe(true);
    const bytes = Buffer.from(object!).toString('latin1');
    for (const place of [root, folder, tmpdir()]) expect(bytes).not.toContain(`${place}/`);
  });

  it('is the same object from every folder', async () => {
    const [one, other] = [await compiled({}), await compiled({ folder })];
    expect(Buffer.from(one.object!).equals(other.object!)).toBe(true);
  });

  it('finds headers beside the source only if it knows where that is', async () => {
    const { object, messages, problem } = await compiled({ text: withHeader });
    expect(object).toBeUndefined();
    expect(problem).toBe('x.bpf.c does not compile');
    expect(messages[0]).toMatchObject({ severity: 'error', file: 'x.bpf.c', column: 10 });
    expect(messages[0]!.text).toContain("'own.h' file not found");
  });

  it('says where an error in a header comes from', async () => {
    work.write('bad.h', 'int f( {\n');
    const { messages } = await compiled({ text: '#include "bad.h"\n', folder });
    expect(messages[0]).toMatchObject({
      file: 'bad.h',
      line: 1,
      from: { file: 'x.bpf.c', line: 1 },
    });
  });

  it('passes warnings on with the object, and errors of the BPF backend', async () => {
    const warns = await compiled({
      text: plain.replace('void *data', 'int unused;\n  void *data'),
    });
    expect(warns.object).toBeDefined();
    expect(warns.messages).toMatchObject([{ severity: 'warning', line: 16, column: 7 }]);
    const wide = 'struct big { long x[9]; };\nlong f(struct big b, int i) { return b.x[i]; }\n';
    const many = `long g(${Array.from({ length: 7 }, (_, i) => `long a${i}`).join(', ')}) { return a6; }`;
    const fails = await compiled({ text: `${wide}${many}` });
    expect(fails.object).toBeUndefined();
    expect(fails.messages.some(({ severity }) => severity === 'error')).toBe(true);
  });

  it('takes no object that would fill a browser', async () => {
    const { object, problem } = await compiled({ text: 'char much[1 << 26] = { 1 };\n' });
    expect([object, problem]).toEqual([undefined, expect.stringMatching(/at most 33554432/)]);
  });

  it('leaves nothing behind', async () => {
    const before = left();
    await compiled({});
    await compiled({ text: 'int' });
    expect(left()).toEqual(before);
  });
});

const left = (): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith('beeyard-studio-'));
