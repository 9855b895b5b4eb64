import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadKernelProfile } from '../../src/abi/index.ts';
import type { Btf, BtfType } from '../../src/btf/index.ts';
import {
  BtfBuilder,
  dedupBtf,
  mapTypeIds,
  openBtf,
  printRaw,
  writeBtf,
} from '../../src/btf/index.ts';
import { parseBtfFile } from '../../src/object/index.ts';
import { bpftool, hasBpftool, isNew } from './bpftool.ts';
import { selftestObjects } from './selftests.ts';

const folder = mkdtempSync(join(tmpdir(), 'beeyard-dedup-'));
afterAll(() => rmSync(folder, { recursive: true }));

const isGlobal = (type: BtfType): boolean =>
  (type.kind === 'var' || type.kind === 'func') && type.linkage !== 'static';

/** Variables of the sections of which only the first is linked, by section. */
function onlyOnce(btf: Btf): ReadonlyMap<string, readonly number[]> {
  const sections = btf.types.filter(({ name }) => name === 'license' || name === 'version');
  return new Map(
    sections.flatMap((type) =>
      type.kind === 'datasec' ? [[type.name, type.vars.map((each) => each.type)]] : [],
    ),
  );
}

/**
 * What the static linker puts together before it removes duplicates: types of one object after the
 * other, a global only once, without sections.
 */
function appended(parts: readonly Btf[]): Btf {
  const builder = new BtfBuilder();
  const globals = new Map<string, number>();
  const sections = new Set<string>();
  for (const part of parts) {
    const licenses = [...onlyOnce(part)];
    const dropped = new Set(licenses.flatMap(([name, ids]) => (sections.has(name) ? ids : [])));
    for (const [name] of licenses) sections.add(name);
    const ids = new Map<number, number>();
    let next = builder.count;
    const added = part.types.slice(1).filter((type) => {
      const known = isGlobal(type) ? globals.get(type.name) : undefined;
      if (type.kind === 'datasec' || (dropped.has(type.id) && known === undefined)) return false;
      if (isGlobal(type) && known === undefined) globals.set(type.name, next);
      ids.set(type.id, known ?? next);
      if (known === undefined) next++;
      return known === undefined;
    });
    for (const type of added) builder.add(mapTypeIds(type, (id) => ids.get(id)!));
  }
  return builder.build();
}

const linesOf = (btf: Btf): string => printRaw(btf).replace(/^\[\d+\] DATASEC.*\n(\t.*\n)*/gm, '');

const read = (path: string): Btf => parseBtfFile(new Uint8Array(readFileSync(path)));

/** True if bpftool links the objects; two programs or maps of one name it does not. */
function links(out: string, paths: readonly string[]): boolean {
  try {
    bpftool('gen', 'object', out, ...paths);
    return true;
  } catch {
    return false;
  }
}

test.skipIf(!hasBpftool)(
  'bpftool gen object leaves the same types of groups of kernel selftests',
  async () => {
    const objects = await selftestObjects();
    const wrong: string[] = [];
    let compared = 0;
    for (let i = 0; i < objects.length; i += 4) {
      // Neighbours by name have much in common, others little.
      const group = i % 8 === 0 ? [i, i + 1] : [i, i + 300, i + 5];
      const paths = group.map((place) => objects[place % objects.length]!);
      const out = join(folder, 'linked.o');
      if (!links(out, paths)) continue;
      compared++;
      const ours = dedupBtf(appended(paths.map(read))).btf;
      if (linesOf(ours) !== linesOf(read(out))) wrong.push(paths.join(' '));
    }
    process.stdout.write(`${compared} links compared, ${wrong.length} differ\n`);
    expect(compared).toBeGreaterThan(100);
    // Before 7.5 bpftool did not see that compilers tell one pointer or struct twice.
    expect(isNew ? wrong : wrong.slice(compared / 10)).toEqual([]);
  },
);

test('the kernel, parsed and built again, is the same in its size', async () => {
  const btf = (await loadKernelProfile()).btf();
  const again = writeBtf(btf);
  const types = openBtf(again);
  process.stdout.write(`${again.length} bytes, ${btf.stringsLength} of them strings before\n`);
  expect(types.stringsLength).toBeLessThanOrEqual(btf.stringsLength);
  expect(printRaw(types) === printRaw(btf)).toBe(true);
});

test('of the kernel nothing is left to remove, and of two copies one', async () => {
  const btf = (await loadKernelProfile()).btf();
  const started = performance.now();
  const once = dedupBtf(btf);
  const time = performance.now() - started;
  process.stdout.write(
    `${btf.count} types: ${btf.count - once.btf.count} fewer in ${time | 0} ms\n`,
  );
  expect(once.btf.count).toBe(btf.count);
  expect(printRaw(once.btf) === printRaw(btf)).toBe(true);
  const builder = new BtfBuilder();
  for (const offset of [0, btf.count - 1]) {
    for (const type of btf.types.slice(1)) builder.add(mapTypeIds(type, (id) => id + offset));
  }
  const doubled = builder.build();
  const again = performance.now();
  const { btf: single } = dedupBtf(doubled);
  process.stdout.write(`${doubled.count} types: ${(performance.now() - again) | 0} ms\n`);
  const variables = btf.types.filter(({ kind }) => kind === 'var' || kind === 'datasec').length;
  expect(single.count - btf.count).toBe(variables);
});
