import { describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { load } from '../../src/import/hooks.ts';
import { isObjectPath } from '../../src/import/module.ts';
import { EXAMPLE, isBuilt, Project, root } from './project.ts';

describe.skipIf(!isBuilt)('node --import beeyard/register (skipped before npm run build)', () => {
  const project = new Project();
  project.take('ratelimit.bpf.o');
  project.take('app.mjs');

  it('runs a program that imports an object', () => {
    const { stdout, stderr, status } = project.node('--import', 'beeyard/register', 'app.mjs');
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    expect(stdout).toMatch(/packet 3: pass\npacket 4: drop\n/);
    expect(stdout).toContain("{ packets: 5n, dropped: 2n, last: 'OVER_LIMIT' }");
  });

  it('gives the bytes, in import() too', () => {
    project.write(
      'bytes.mjs',
      `const { default: object } = await import('./ratelimit.bpf.o');
       console.log(object instanceof Uint8Array, object.length, Object.keys(object).length);`,
    );
    const { stdout } = project.node('--import', 'beeyard/register', 'bytes.mjs');
    const { length } = readFileSync(`${EXAMPLE}/ratelimit.bpf.o`);
    expect(stdout).toBe(`true ${length} ${length}\n`);
  });

  it('leaves other imports alone, and names what is not there', () => {
    project.write('other.mjs', `import data from './data.o';`);
    project.write('data.o', '');
    const other = project.node('--import', 'beeyard/register', 'other.mjs');
    expect(other.stderr).toContain('ERR_UNKNOWN_FILE_EXTENSION');
    project.write('missing.mjs', `import data from './nope.bpf.o';`);
    const missing = project.node('--import', 'beeyard/register', 'missing.mjs');
    expect(missing.stderr).toContain('nope.bpf.o');
    expect(missing.status).toBe(1);
  });

  it('throws why a program was refused when it is touched', () => {
    project.write('net.bpf.o', '');
    const object = `${root}tests/machine/programs/net.bpf.o`;
    project.write(
      'refused.mjs',
      `import { createMachine } from 'beeyard';
       import net from '${object}';
       const { programs, maps } = await (await createMachine()).load(net, { programs: ['first'] });
       const attempt = (what) => {
         try { what(); } catch (error) { console.log(error.name, error.code); }
       };
       attempt(() => programs.careless);
       const all = await (await createMachine()).load(net);
       attempt(() => all.programs.careless.run());
       console.log(Object.keys(programs).join());`,
    );
    const { stdout } = project.node('--import', 'beeyard/register', 'refused.mjs');
    expect(stdout).toBe('KernelError ENOENT\nVerifierError EACCES\nsecond,first\n');
  });
});

describe('the load hook', () => {
  const context = { conditions: [], format: null, importAssertions: {}, importAttributes: {} };

  it('hands on what is no object', () => {
    const next = (url: string) => `next ${url}`;
    expect(load('node:fs', context, next)).toBe('next node:fs');
    expect(load('file:///a/b.o', context, next)).toBe('next file:///a/b.o');
    expect(load('https://a/b.bpf.o', context, next)).toBe('next https://a/b.bpf.o');
  });

  it('takes .bpf.o and .bpf.c', () => {
    const paths = ['a.bpf.o', 'a.bpf.c', 'a.o', 'a.c', 'a.bpf.h', 'bpf.o', 'a.bpf.o?raw'];
    expect(paths.filter(isObjectPath)).toEqual(['a.bpf.o', 'a.bpf.c']);
  });
});
