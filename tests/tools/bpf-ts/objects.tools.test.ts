/** Needs clang-19: committed objects are what their TypeScript compiles to; all C compiles cleanly. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadKernelProfile } from '../../../src/abi/index.ts';
import { parseObject } from '../../../src/object/index.ts';
import { compileTypeScript } from '../../../src/tools/index.ts';
import { verifierInput, verify } from '../../../src/verifier/index.ts';
import { documented } from './documented.ts';

const root = join(import.meta.dirname, '../../..');
const { CLANG_VERSION, clangVersion, compileBpf } = (await import(
  join(root, 'examples/build.mjs')
)) as {
  CLANG_VERSION: string;
  clangVersion(): string | undefined;
  compileBpf(source: string, options: { c: string; cpu?: string }): Uint8Array;
};

const PRIVILEGED = { bpf: true, perfmon: true, netAdmin: true, sysAdmin: true };
const OBJECTS = [
  'examples/firewall-ts/firewall',
  'tests/tools/bpf-ts/language',
  'tests/tools/bpf-ts/rejected',
];

const cOf = (path: string) => compileTypeScript(readFileSync(join(root, path), 'utf8'), path).c;

describe.runIf(clangVersion() === CLANG_VERSION)(`with clang ${CLANG_VERSION}`, () => {
  it.each(OBJECTS)('%s.bpf.ts compiles to its committed object', (name) => {
    const source = `${name}.bpf.ts`;
    const made = compileBpf(source, { c: cOf(source) });
    expect(Buffer.compare(made, readFileSync(join(root, `${name}.bpf.o`)))).toBe(0);
    expect(Buffer.from(made).toString('latin1')).not.toContain(root);
  });

  it.each(['v1', 'v2', 'v4'])('the firewall is accepted for -mcpu=%s too', async (cpu) => {
    const source = 'examples/firewall-ts/firewall.bpf.ts';
    const object = parseObject(compileBpf(source, { c: cOf(source), cpu }));
    const profile = await loadKernelProfile();
    const input = verifierInput(object, object.programs[0]!, profile, { objectName: 'firewall' });
    expect(verify(input, profile, { logLevel: 0, capabilities: PRIVILEGED })).toMatchObject({
      ok: true,
    });
  });

  it.each(documented)('program $index of the documentation is accepted', async ({ source }) => {
    const { c } = compileTypeScript(source, 'docs.bpf.ts');
    const object = parseObject(compileBpf('docs.bpf.ts', { c }));
    const profile = await loadKernelProfile();
    for (const program of object.programs) {
      const input = verifierInput(object, program, profile, { objectName: 'docs' });
      expect(verify(input, profile, { logLevel: 0, capabilities: PRIVILEGED })).toMatchObject({
        ok: true,
      });
    }
  });
});
