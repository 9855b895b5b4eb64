import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { linkObjects, parseObject } from '../../src/object/index.ts';
import { fixturePath } from '../fixtures/read.ts';
import { linkInputs } from '../object/linked.ts';
import { beeyard, workFolder } from './helpers.ts';

const files = workFolder();
const path = (name: string): string => fixturePath(`link/${name}.bpf.o`);

describe('gen object', () => {
  it('writes the linked object', async () => {
    const out = files.path('all.bpf.o');
    const result = await beeyard(['gen', 'object', out, path('app'), path('library')]);
    const bytes = files.read('all.bpf.o');
    expect(result).toMatchObject({
      code: 0,
      out: `linked ${out} (2 objects, ${bytes.length} bytes)\n`,
      err: '',
    });
    expect(new Uint8Array(bytes)).toEqual(linkObjects(linkInputs('app', 'library')));
    const shown = await beeyard(['prog', 'show', out]);
    expect(shown.out).toContain('count');
  });

  it('says so in JSON', async () => {
    const out = files.path('one.bpf.o');
    const { code, json } = await beeyard(['gen', 'object', '-j', out, path('kernel-first')]);
    expect(code).toBe(0);
    expect(json()).toEqual({
      object: out,
      inputs: [path('kernel-first')],
      bytes: files.read('one.bpf.o').length,
    });
    expect(parseObject(files.read('one.bpf.o')).programs.map(({ name }) => name)).toEqual([
      'first',
    ]);
  });

  it('ends with 1 when inputs do not go together, says what to do, and writes nothing', async () => {
    const out = files.path('none.bpf.o');
    const inputs = ['app', 'library', 'conflict-map'].map(path);
    const { code, err } = await beeyard(['gen', 'object', out, ...inputs]);
    expect(code).toBe(1);
    expect(err).toContain(`error: ${path('conflict-map')}: map 'seen' is declared in another way`);
    expect(err).toContain(`than in ${path('library')}: value_size is 16 in one, 8 in the other`);
    expect(err).toContain('hint:  Declare it the same in both, best in a shared header.');
    expect(existsSync(out)).toBe(false);
  });

  it('ends with 3 when an input is broken or not there', async () => {
    const out = files.path('none.bpf.o');
    const text = files.write('text.o', 'no object');
    const broken = await beeyard(['gen', 'object', out, path('app'), text]);
    expect(broken).toMatchObject({ code: 3 });
    expect(broken.err).toMatch(/^error: ELF: .*text\.o: the ELF identification needs 16 bytes/);
    const missing = await beeyard(['gen', 'object', out, files.path('missing.o')]);
    expect(missing).toMatchObject({ code: 3 });
    expect(missing.err).toContain('missing.o: there is no such file');
    const nowhere = await beeyard(['gen', 'object', '/no/such/folder/out.o', path('app')]);
    expect(nowhere).toMatchObject({ code: 3 });
    expect(existsSync(out)).toBe(false);
  });

  it.each([
    [['gen', 'object'], /needs: OUTPUT INPUT/],
    [['gen', 'object', 'out.o'], /needs: OUTPUT INPUT/],
    [['gen', 'object', path('app'), path('app')], /is the output and an input too/],
    [['gen', 'objects'], /has no 'objects'; did you mean 'object'/],
  ])('%s is wrong usage', async (args, message) => {
    const { code, err } = await beeyard(args);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});
