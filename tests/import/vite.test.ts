import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, createServer } from 'vite';
import { describe, expect, it } from 'vitest';
import beeyard, { type PluginOptions } from '../../src/import/vite.ts';
import { EXAMPLE, isBuilt, Project, root } from './project.ts';

const object = new Uint8Array(readFileSync(join(EXAMPLE, 'ratelimit.bpf.o')));
const declaration = readFileSync(join(EXAMPLE, 'ratelimit.bpf.d.o.ts'), 'utf8');

/** Builds the project's main.js; returns what the bundle exports. */
async function bundle(project: Project, options?: PluginOptions) {
  await build({
    root: project.folder,
    configFile: false,
    logLevel: 'silent',
    plugins: [beeyard(options)],
    build: { lib: { entry: 'main.js', formats: ['es'], fileName: 'out' }, minify: false },
  });
  const [name] = readdirSync(project.path('dist'));
  return (await import(pathToFileURL(project.path('dist', name!)).href)) as { default: Uint8Array };
}

function withObject(path = 'ratelimit.bpf.o'): Project {
  const project = new Project();
  project.write('main.js', `import object from './${path}';\nexport default object;\n`);
  return project;
}

describe('vite build', () => {
  it('puts the bytes of an object into the bundle', async () => {
    const project = withObject();
    project.take('ratelimit.bpf.o');
    const { default: bytes } = await bundle(project);
    expect(Buffer.compare(bytes, object)).toBe(0);
    expect(project.read('ratelimit.bpf.d.o.ts')).toBe(declaration);
  });

  it('writes declarations into a folder, or none', async () => {
    const project = withObject('src/a.bpf.o');
    project.write('src/x', '');
    project.take('ratelimit.bpf.o', 'src/a.bpf.o');
    await bundle(project, { types: false });
    expect(project.has('src/a.bpf.d.o.ts')).toBe(false);
    await bundle(project, { types: 'types' });
    expect(project.read('types/src/a.bpf.d.o.ts')).toContain("ratelimit: Program<'xdp'>");
    expect(project.has('src/a.bpf.d.o.ts')).toBe(false);
  });

  it('says which file is no object, and why', async () => {
    const project = withObject('broken.bpf.o');
    project.write('broken.bpf.o', 'not an ELF file at all, only words that stand where one should');
    await expect(bundle(project)).rejects.toThrow(/broken\.bpf\.o: ELF/);
  });
});

describe('vite dev', () => {
  it('serves the module as a browser asks for it, and leaves files with a query to Vite', async () => {
    const project = withObject();
    project.take('ratelimit.bpf.o');
    const server = await createServer({
      root: project.folder,
      configFile: false,
      logLevel: 'silent',
      plugins: [beeyard()],
      server: { port: 0, host: '127.0.0.1' },
    });
    try {
      await server.listen();
      const [origin] = server.resolvedUrls!.local;
      const main = await (await fetch(new URL('main.js', origin))).text();
      const wanted = /import object from "(.*?)"/.exec(main)![1]!;
      const response = await fetch(new URL(wanted, origin));
      expect(response.headers.get('content-type')).toContain('javascript');
      expect(await response.text()).toContain(Buffer.from(object).toString('base64'));
      const url = await server.transformRequest('/ratelimit.bpf.o?url');
      expect(url?.code).toContain('"/ratelimit.bpf.o"');
    } finally {
      await server.close();
    }
  });
});

describe.skipIf(!isBuilt)('vitest with the plugin (skipped before npm run build)', () => {
  it('runs the tests of examples/typed-import', { timeout: 60_000 }, () => {
    const project = new Project();
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const { stdout, status } = project.node(
      vitest,
      'run',
      '--root',
      EXAMPLE,
      '--testTimeout',
      '40000',
    );
    expect(stdout).toMatch(/Tests\s+2 passed/);
    expect(status).toBe(0);
    // The plugin has just looked at it: what is committed is what it writes.
    expect(readFileSync(join(EXAMPLE, 'ratelimit.bpf.d.o.ts'), 'utf8')).toBe(declaration);
  });
});
