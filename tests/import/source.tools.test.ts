// Needs a clang with a bpf target: sources that are imported are compiled.
import { readdirSync, statSync } from 'node:fs';
import { createServer } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CompileError } from '../../src/import/compile-error.ts';
import { compileObject, dependenciesIn } from '../../src/import/compile.ts';
import { MissingCompiler } from '../../src/import/compiler.ts';
import beeyard from '../../src/import/vite.ts';
import { parseObject } from '../../src/object/index.ts';
import { isBuilt, Project } from './project.ts';

const HEADER = '#define LIMIT 3\n';
const SOURCE = `#include <beeyard/bpf.h>
#include "limit.h"
const volatile __u64 limit = LIMIT;
SEC("xdp") int drop_all(struct xdp_md *ctx) { return limit > 1 ? XDP_DROP : XDP_PASS; }
LICENSE("GPL");
`;

function withSource(): Project {
  const project = new Project();
  project.write('drop.bpf.c', SOURCE);
  project.write('limit.h', HEADER);
  return project;
}

/** The value of its only global. */
const limitIn = (bytes: Uint8Array) =>
  parseObject(bytes).maps.find(({ name }) => name === '.rodata')!.initialValue![0];

let cache: Project;
const before = process.env['BEEYARD_CACHE'];
beforeAll(() => {
  cache = new Project();
  process.env['BEEYARD_CACHE'] = cache.path('cache');
});
afterAll(() => {
  if (before === undefined) delete process.env['BEEYARD_CACHE'];
  else process.env['BEEYARD_CACHE'] = before;
});

describe('compiling what is imported', () => {
  it('names every file the object is made of', () => {
    const project = withSource();
    const { bytes, dependencies } = compileObject(project.path('drop.bpf.c'));
    expect(limitIn(bytes)).toBe(3);
    const names = dependencies.map((path) => path.replace(/^.*\//, ''));
    expect(names).toEqual(['drop.bpf.c', 'bpf.h', 'limit.h']);
  });

  it('takes it from the cache until a header changes', () => {
    const project = withSource();
    const path = project.path('drop.bpf.c');
    const first = compileObject(path);
    const stored = () => {
      const folder = cache.path('cache', 'objects');
      return readdirSync(folder).map((name) => statSync(`${folder}/${name}`).mtimeMs);
    };
    const before = stored();
    expect(compileObject(path)).toEqual({ ...first, warnings: '' });
    expect(stored()).toEqual(before);
    project.write('limit.h', '#define LIMIT 9\n');
    expect(limitIn(compileObject(path).bytes)).toBe(9);
    expect(limitIn(compileObject(path, { define: ['limit=other'] }).bytes)).toBe(9);
  });

  it('passes on macros and folders', () => {
    const project = new Project();
    project.write('drop.bpf.c', SOURCE);
    project.write('headers/limit.h', '#define LIMIT FROM_OPTIONS\n');
    const settings = { include: [project.path('headers')], define: ['FROM_OPTIONS=77'] };
    expect(limitIn(compileObject(project.path('drop.bpf.c'), settings).bytes)).toBe(77);
  });

  it("fails with the compiler's words and the place", () => {
    const project = withSource();
    project.write('limit.h', '#define UNUSED\n#define LIMIT missing_name\n');
    const error = errorOf(() => compileObject(project.path('drop.bpf.c')));
    expect(error).toBeInstanceOf(CompileError);
    expect(error).toMatchObject({ file: project.path('drop.bpf.c'), line: 3, column: 30 });
    expect((error as Error).message).toContain("use of undeclared identifier 'missing_name'");
    const none = errorOf(() => compileObject(project.path('drop.bpf.c'), { clang: '/nowhere' }));
    expect(none).toBeInstanceOf(MissingCompiler);
  });

  it('reads the lists of files that compilers write', () => {
    const rule = 'object.o: /a/x.c \\\n  /a/with\\ space.h /a/$$b.h \\\r\n /a/x.c\n';
    expect(dependenciesIn(rule)).toEqual(['/a/x.c', '/a/with space.h', '/a/$b.h']);
  });
});

describe.skipIf(!isBuilt)('node --import beeyard/register', () => {
  const project = withSource();
  project.write(
    'app.mjs',
    `import drop from './drop.bpf.c';
     import { createMachine } from 'beeyard';
     const host = await createMachine();
     const { programs, globals } = await host.load(drop);
     console.log(programs.drop_all.run({ data: new Uint8Array(60) }).verdict, globals.get('limit'));
    `,
  );
  const run = () => project.node('--import', 'beeyard/register', 'app.mjs');

  it('compiles sources', () => {
    expect(run()).toMatchObject({ stdout: 'drop 3n\n', stderr: '', status: 0 });
    project.write('limit.h', '#define LIMIT 1\n');
    expect(run().stdout).toBe('pass 1n\n');
  });

  it("shows the compiler's words", () => {
    project.write('limit.h', '#define LIMIT nothing\n');
    const { stderr, status } = run();
    expect(stderr).toContain("drop.bpf.c:3:30: error: use of undeclared identifier 'nothing'");
    expect(status).toBe(1);
    project.write('limit.h', HEADER);
  });
});

describe('the Vite plugin', () => {
  it('compiles again when a header changes, with new types; errors have a place', {
    timeout: 90_000,
  }, async () => {
    const project = withSource();
    project.write('main.js', `import drop from './drop.bpf.c';\nconsole.log(drop);\n`);
    const server = await createServer({
      root: project.folder,
      configFile: false,
      logLevel: 'silent',
      plugins: [beeyard()],
      server: { middlewareMode: true, ws: false },
    });
    // A browser asks for the module that imports it first; so the plugin's files get into the graph.
    await server.transformRequest('/main.js');
    const code = async () => (await server.transformRequest('/drop.bpf.c'))!.code;
    // Writes that the watcher's first look has not seen yet are no changes.
    const isWatched = () => server.watcher.getWatched()[project.folder]?.includes('limit.h');
    try {
      await expect.poll(isWatched, { timeout: 10_000 }).toBe(true);
      const first = await code();
      expect(await code()).toBe(first);
      expect(project.read('drop.bpf.d.c.ts')).toContain("drop_all: Program<'xdp'>");
      project.write('limit.h', '#define LIMIT 9\n__u32 more;\n');
      await expect.poll(code, { timeout: 20_000, interval: 100 }).not.toBe(first);
      expect(project.read('drop.bpf.d.c.ts')).toContain('more: number');
      project.write('drop.bpf.c', `${SOURCE}\nint broken(void) { return oops; }\n`);
      await expect
        .poll(() => errorOf(code), { timeout: 20_000, interval: 100 })
        .toMatchObject({ plugin: 'beeyard', loc: { line: 7, column: 27 } });
    } finally {
      await server.close();
    }
  });
});

/** What an action throws or rejects with. */
function errorOf(action: () => unknown): unknown {
  try {
    const result = action();
    if (result instanceof Promise) return result.then(() => undefined).catch((error) => error);
  } catch (error) {
    return error;
  }
  return undefined;
}
