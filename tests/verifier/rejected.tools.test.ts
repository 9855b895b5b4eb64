import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const build = new URL('../../examples/build.mjs', import.meta.url).href;
const { CLANG_VERSION, clangVersion, compileBpf } = (await import(build)) as {
  CLANG_VERSION: string;
  clangVersion(): string | undefined;
  compileBpf(source: string, options: { flags: string[] }): Uint8Array;
};

describe.skipIf(clangVersion() !== CLANG_VERSION)(
  `with clang ${CLANG_VERSION} (skipped with another)`,
  () => {
    it('the committed object is what its source compiles to', () => {
      const flags = ['-Wno-unused-parameter', '-Wno-unused-variable'];
      const made = compileBpf('tests/verifier/rejected.bpf.c', { flags });
      const committed = readFileSync('tests/verifier/rejected.bpf.o');
      expect(Buffer.compare(made, committed)).toBe(0);
    });
  },
);
