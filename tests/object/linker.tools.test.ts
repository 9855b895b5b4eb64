import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { printC } from '../../src/btf/index.ts';
import { parseElf, SHT_SYMTAB } from '../../src/elf/index.ts';
import { linkObjects, type ObjectFile, parseObject } from '../../src/object/index.ts';
import { BPFTOOL, bpftool, hasBpftool, isNew } from '../btf/bpftool.ts';
import { selftestObjects } from '../btf/selftests.ts';
import { beeyard } from '../cli/helpers.ts';
import { fixturePath, hasTool } from '../fixtures/read.ts';
import { loadedParts } from './linked.ts';

const folder = mkdtempSync(join(tmpdir(), 'beeyard-link-'));
afterAll(() => rmSync(folder, { recursive: true }));

const read = (path: string): Uint8Array => new Uint8Array(readFileSync(path));

/** The linked object, or why it was refused. */
type Linked = Uint8Array | string;

/** What `bpftool gen object` makes of the files. */
function theirs(...paths: string[]): Linked {
  const out = join(folder, 'theirs.o');
  const { status, error, stderr } = spawnSync(BPFTOOL, ['gen', 'object', out, ...paths], {
    encoding: 'utf8',
  });
  if (error) throw error;
  return status === 0 ? read(out) : stderr;
}

/** What we make of them. */
function ours(...paths: string[]): Linked {
  try {
    return linkObjects(paths.map((path) => ({ name: basename(path), bytes: read(path) })));
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
}

/** The linked object. Throws if there is none. */
function object(linked: Linked): Uint8Array {
  if (typeof linked === 'string') throw new Error(linked);
  return linked;
}

/** Our words for what is wrong, and libbpf's. */
const REASONS: readonly (readonly [RegExp, RegExp])[] = [
  [/both strong/, /conflicting non-weak symbol/],
  [/section 'license' holds/, /non-identical contents of section 'license'/],
  [/has flags/, /flags mismatch/],
  [/is declared in another way/, /incompatible|map \w+ mismatch/],
  [/does not describe the global symbol|has no BTF/, /failed to find BTF info/],
  [/are both called/, /BTF is ambiguous/],
];

const sameReason = (mine: string, other: string): boolean =>
  REASONS.some(([a, b]) => a.test(mine) && b.test(other));

/** libbpf 1.5 can not have one function or typeless variable of the kernel in two inputs. */
const CAN_NOT_SIZE = /failed to resolve size of underlying type/;

/** The file with these bytes. */
function saved(name: string, bytes: Uint8Array): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Objects whose types bpftool before 7.5 merges less well. */
const allowed = (compared: number): number => (isNew ? 0 : compared / 10);

test.skipIf(!hasTool('clang-19'))('the committed objects are what their sources give', () => {
  execFileSync(fixturePath('link/build.sh'), [folder], { stdio: 'pipe' });
  const committed = readdirSync(fixturePath('link')).filter((name) => name.endsWith('.o'));
  expect(committed.length).toBeGreaterThan(10);
  for (const name of committed) {
    expect(same(read(join(folder, name)), read(fixturePath(`link/${name}`))), name).toBe(true);
  }
});

/** Sets of the kernel's Makefile, and ours. */
const KERNEL_SETS: readonly (readonly string[])[] = [
  ['test_static_linked1', 'test_static_linked2'],
  ['linked_funcs1', 'linked_funcs2'],
  ['linked_vars1', 'linked_vars2'],
  ['linked_maps1', 'linked_maps2'],
  ['test_subskeleton_lib2', 'test_subskeleton_lib', 'test_subskeleton'],
  ['test_subskeleton_lib2', 'test_subskeleton_lib'],
  ['test_usdt', 'test_usdt_multispec'],
];
const OWN_SETS: readonly (readonly string[])[] = [
  ['app', 'library'],
  ['library', 'app'],
  ['kernel-first'],
  ['moved-strong', 'kernel-second'],
];

/** Sets in which an extern comes before its definition: libbpf leaves its place at 0. */
const MISPLACED = new Set(['linked_maps1', 'test_subskeleton_lib2', 'app', 'library']);

/** What loading looks at, and the types as C. */
function essence({ programs, maps, externs, license, btf }: ObjectFile) {
  return { programs, maps, externs, license, types: btf ? printC(btf) : '' };
}

/** Sections; of types the size, and nothing where bpftool is too old to merge them as 6.12. */
function sectionsOf(bytes: Uint8Array) {
  const { sections } = parseElf(bytes);
  return sections
    .filter(({ name }) => isNew || !name.startsWith('.BTF'))
    .map((section) =>
      section.name === '.BTF' ? { ...section, data: section.data.length } : section,
    );
}

/** Names of externs that libbpf gave a section, where this is all that differs. */
function openMaps(a: Uint8Array, b: Uint8Array): string[] | undefined {
  const [mine, other] = [parseElf(a), parseElf(b)];
  const bytesOf = ({ sections }: typeof mine) =>
    sections.map(({ type, data }) => (type === SHT_SYMTAB ? undefined : data));
  const found = mine.symbols.filter(
    ({ section, index }) => section === 0 && other.symbols[index]?.section !== 0,
  );
  const names = new Set(found.map(({ name }) => name));
  const rest = ({ symbols }: typeof mine) => symbols.filter(({ name }) => !names.has(name));
  const equal =
    isDeepStrictEqual(bytesOf(mine), bytesOf(other)) && isDeepStrictEqual(rest(mine), rest(other));
  return equal && names.size > 0 ? [...names] : undefined;
}

describe.skipIf(!hasBpftool)('sets that belong together', () => {
  const check = (names: readonly string[], pathOf: (name: string) => string): void => {
    const paths = names.map(pathOf);
    const [a, b] = [object(ours(...paths)), object(theirs(...paths))];
    if (!MISPLACED.has(names[0]!)) expect(same(a, b)).toBe(true);
    expect(sectionsOf(a)).toEqual(sectionsOf(b));
    expect(parseElf(a).symbols).toEqual(parseElf(b).symbols);
    const [one, other] = [parseObject(a), parseObject(b)];
    expect(loadedParts(one)).toEqual(loadedParts(other));
    if (!isNew) return;
    expect(essence(one)).toEqual(essence(other));
    // bpftool takes our output, and its own once more: then places are right in both.
    const again = object(theirs(saved('ours.o', a)));
    expect(same(again, object(theirs(saved('theirs-once.o', b))))).toBe(true);
    expect(same(again, linkObjects([{ name: 'ours.o', bytes: a }]))).toBe(true);
  };

  test.each(OWN_SETS)('%s %s %s', (...names) => {
    check(
      names.filter((name) => name !== undefined),
      (name) => fixturePath(`link/${name}.bpf.o`),
    );
  });

  test.each(KERNEL_SETS)('%s %s %s', async (...names) => {
    const objects = await selftestObjects();
    check(
      names.filter((name) => name !== undefined),
      (name) => objects.find((path) => path.endsWith(`/${name}.bpf.o`))!,
    );
  });

  test('programs of the kernel in several objects are verified when they are linked', async () => {
    const objects = await selftestObjects();
    for (const names of KERNEL_SETS) {
      const paths = names.map((name) => objects.find((path) => path.endsWith(`/${name}.bpf.o`))!);
      const { code, out } = await beeyard(['verify', saved('set.o', object(ours(...paths)))]);
      // The library alone has a program too.
      expect({ names, out, code }).toMatchObject({
        code: 0,
        out: expect.stringContaining('accepted'),
      });
    }
  });

  test('libbpf opens what we link, also where it does not open what it linked itself', () => {
    const paths = ['app', 'library'].map((name) => fixturePath(`link/${name}.bpf.o`));
    const skeleton = (bytes: Uint8Array) => () =>
      bpftool('gen', 'skeleton', saved('skeleton.o', bytes), 'name', 'linked');
    const header = skeleton(object(ours(...paths)))();
    for (const word of ['struct bpf_map *seen', 'struct bpf_program *count', 'total']) {
      expect(header).toContain(word);
    }
    expect(skeleton(object(theirs(...paths)))).toThrow(/map relo failed|Relocation failed/);
  });

  test('names of the kernel may be in two inputs: bpftool of 6.12 can not size them', () => {
    const paths = ['kernel-first', 'kernel-second'].map((name) =>
      fixturePath(`link/${name}.bpf.o`),
    );
    expect(theirs(...paths)).toMatch(CAN_NOT_SIZE);
    expect(
      bpftool('gen', 'skeleton', saved('kernel.o', object(ours(...paths))), 'name', 'k'),
    ).toContain('struct bpf_program *second');
  });

  test('maps that nobody defines stay externs: libbpf puts them into .maps at 0', () => {
    const path = fixturePath('link/app.bpf.o');
    const [a, b] = [object(ours(path)), object(theirs(path))];
    expect(openMaps(a, b)).toEqual(['seen']);
  });

  test.each([
    ['function', /params 3 and 2/],
    ['variable', /size 4 and 8/],
    ['struct', /field #1 names 'name' and 'title'/],
    ['map', /value_size mismatch/],
    ['section', /flags mismatch/],
    ['license', /non-identical contents/],
  ])('a conflicting %s is refused by both, for one reason', (what, reason) => {
    const paths = ['app', 'library', `conflict-${what}`].map((name) =>
      fixturePath(`link/${name}.bpf.o`),
    );
    const [a, b] = [String(ours(...paths)), String(theirs(...paths))];
    expect(b).toMatch(reason);
    expect(sameReason(a, b)).toBe(true);
  });
});

describe('readelf', () => {
  const paths = ['app', 'library'].map((name) => fixturePath(`link/${name}.bpf.o`));
  const bytes = object(ours(...paths));
  const said = (tool: string, path: string): string =>
    spawnSync(tool, ['-a', '-W', path], { encoding: 'utf8' }).stderr;

  test.skipIf(!hasTool('llvm-readelf-19'))("LLVM's has nothing to say", () => {
    expect(said('llvm-readelf-19', saved('read.o', bytes))).toBe('');
  });

  test.skipIf(!hasTool('readelf') || !hasBpftool)("GNU's says what it says of libbpf's", () => {
    const reference = said('readelf', saved('read.o', object(theirs(...paths))));
    expect(said('readelf', saved('read.o', bytes))).toBe(reference);
  });
});

describe.skipIf(!hasBpftool)('every test program of the kernel', () => {
  test('linked alone is what bpftool makes of it, to the byte', async () => {
    const objects = await selftestObjects();
    let [time, open] = [0, 0];
    const wrong = objects.filter((path) => {
      const bytes = read(path);
      const started = performance.now();
      const linked = linkObjects([{ name: path, bytes }]);
      time += performance.now() - started;
      const reference = object(theirs(path));
      if (same(linked, reference)) return false;
      if (!openMaps(linked, reference)) return true;
      open++;
      return false;
    });
    process.stdout.write(
      `${objects.length} objects, ${wrong.length} differ, ${open} have maps that stay open; ` +
        `${(time / objects.length).toFixed(1)} ms each\n`,
    );
    expect(objects.length).toBeGreaterThan(700);
    expect(open).toBeLessThan(10);
    expect(wrong).toEqual([]);
  });

  test('linked alone loses nothing that is loaded', async () => {
    const wrong = (await selftestObjects()).filter((path) => {
      const parsed = tryParse(read(path));
      if (!parsed) return false;
      const after = tryParse(object(ours(path)));
      return !after || loadedParts(after) !== loadedParts(parsed);
    });
    expect(wrong).toEqual([]);
  });

  test('linked with others: the same bytes, or refused by both for one reason', async () => {
    const objects = await selftestObjects();
    const wrong: string[] = [];
    const counts = { equal: 0, refused: 0, placed: 0, sized: 0, open: 0 };
    const compare = (paths: readonly string[]): keyof typeof counts | undefined => {
      const [a, b] = [ours(...paths), theirs(...paths)];
      if (typeof a === 'string') {
        return typeof b === 'string' && sameReason(a, b) ? 'refused' : undefined;
      }
      if (typeof b === 'string') return CAN_NOT_SIZE.test(b) ? 'sized' : undefined;
      if (same(a, b)) return 'equal';
      if (openMaps(a, b)) return 'open';
      // Places of what was declared first come right when it is linked once more.
      const again = [a, b].map((bytes) => object(theirs(saved('once.o', bytes))));
      return same(again[0]!, again[1]!) ? 'placed' : undefined;
    };
    for (let i = 0; i < objects.length; i++) {
      // Neighbours by name have much in common, others little.
      const group = i % 3 === 0 ? [i, i + 1] : i % 3 === 1 ? [i, i + 300] : [i, i + 77, i + 5];
      const paths = group.map((place) => objects[place % objects.length]!);
      const result = compare(paths);
      if (result) counts[result]++;
      else wrong.push(paths.map((path) => basename(path, '.bpf.o')).join(' '));
    }
    process.stdout.write(`${JSON.stringify(counts)}, ${wrong.length} differ\n`);
    expect(counts.equal).toBeGreaterThan(400);
    expect(wrong.slice(allowed(counts.equal))).toEqual([]);
  });
});

function tryParse(bytes: Uint8Array): ObjectFile | undefined {
  try {
    return parseObject(bytes);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
