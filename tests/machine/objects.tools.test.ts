import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const build = new URL('../../examples/build.mjs', import.meta.url).href;
const { CLANG_VERSION, clangVersion, compileBpf } = (await import(build)) as {
  CLANG_VERSION: string;
  clangVersion(): string | undefined;
  compileBpf(source: string, options: { flags: string[] }): Uint8Array;
};

const SOURCE = 'tests/machine/programs/net.bpf.c';

describe.skipIf(clangVersion() !== CLANG_VERSION)(
  `with clang ${CLANG_VERSION} (skipped with another)`,
  () => {
    it('the committed object is what its source compiles to', () => {
      const made = compileBpf(SOURCE, { flags: ['-Wno-unused-parameter'] });
      const committed = readFileSync(SOURCE.replace(/\.c$/, '.o'));
      expect(Buffer.compare(made, committed)).toBe(0);
    });
  },
);
