import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadKernelProfile } from '../../src/abi/index.ts';
import { printTs } from '../../src/btf/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { declareObject } from '../../src/object/typegen/index.ts';
import { fixtures } from '../fixtures/read.ts';
import { typeErrors } from './tsc.ts';
import { moduleOfValues } from './values.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const inFolder = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.bpf.o'))
    .map((name) => `${folder}/${name}`);
const objects = [
  ...fixtures.map((name) => `tests/fixtures/${name}`),
  ...['examples/firewall', 'examples/typed-import', 'tests/machine/programs'].flatMap(inFolder),
  ...inFolder('bench/programs'),
];

describe('the types of what is decoded', () => {
  it('fit the values of every type of every object, and all declarations compile', () => {
    const files: Record<string, string> = {};
    let values = 0;
    objects.forEach((path, i) => {
      const object = parseObject(new Uint8Array(readFileSync(join(root, path))));
      files[`declared${i}.bpf.d.o.ts`] = declareObject(object, path);
      if (!object.btf) return;
      files[`printed${i}.ts`] = printTs(object.btf);
      const { text, count } = moduleOfValues(object.btf, object.btf.types.keys());
      files[`values${i}.ts`] = text;
      values += count;
    });
    expect(typeErrors(files)).toEqual([]);
    expect(values).toBeGreaterThan(2000);
  }, 60_000);

  it("fit values of the kernel's own types", async () => {
    const btf = (await loadKernelProfile()).btf();
    // All 140,000 would take a minute: every 97th type, from one that is no multiple of anything.
    const ids = Array.from({ length: Math.floor(btf.count / 97) }, (_, i) => 13 + 97 * i);
    const { text, count } = moduleOfValues(btf, ids);
    expect(typeErrors({ 'kernel.ts': printTs(btf), 'values.ts': text })).toEqual([]);
    expect(count).toBeGreaterThan(500);
  }, 120_000);
});
