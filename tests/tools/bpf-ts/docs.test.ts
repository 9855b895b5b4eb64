/** The programs in docs/bpf-in-typescript.md compile. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compileTypeScript } from '../../../src/tools/index.ts';
import { documented } from './documented.ts';

describe('docs/bpf-in-typescript.md', () => {
  it.each(documented)('program $index compiles', ({ source }) => {
    const { c, programs } = compileTypeScript(source, 'docs.bpf.ts');
    expect(programs.length).toBe(1);
    expect(c).toContain('SEC("xdp")');
  });

  it('has them', () => expect(documented.length).toBe(2));

  it('names every function of the language', async () => {
    const page = readFileSync(
      new URL('../../../docs/bpf-in-typescript.md', import.meta.url),
      'utf8',
    );
    const { MAPS, PROGRAMS, BYTE_ORDER } = await import('../../../src/tools/bpf-ts/builtins.ts');
    for (const name of [...MAPS.keys(), ...PROGRAMS.keys(), ...BYTE_ORDER.keys()]) {
      expect(page, name).toMatch(new RegExp(`\\b${name}\\b`));
    }
  });
});
