/**
 * The rules of ARCHITECTURE.md, enforced: who may import whom, no cycles, no dead files, sizes,
 * no leftovers. Allowances are listed here with their reason, nowhere else.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const rooms: { rooms: Record<string, string[]>; nodeOnly: string[] } = JSON.parse(
  readFileSync(join(root, 'rooms.json'), 'utf8'),
);

/** Packages a user of the library gets, and the one file that imports each (docs/decisions/0007). */
const DEPENDENCIES: Record<string, string> = {
  '@vscode/debugadapter': 'src/cli/dap-adapter.ts',
  '@vscode/debugprotocol': 'src/cli/dap-adapter.ts',
  '@sveltejs/acorn-typescript': 'src/tools/bpf-ts/parse.ts',
  acorn: 'src/tools/bpf-ts/parse.ts',
  'smol-toml': 'src/tools/vm/config.ts',
  yaml: 'src/tools/ci/config.ts',
};
/**
 * What only one room needs: whoever imports it has it. Vite comes with vitest; koffi calls bpf(2).
 */
const PEERS: Record<string, string> = {
  'fast-check': 'testing',
  koffi: 'linux',
  vite: 'testing',
  vitest: 'testing',
};

const LINES_MAX = 800;
const LINE_LENGTH_MAX = 100;
const FUNCTION_LINES_MAX = 70;

/** AssemblyScript folders: compiled by asc, from entries the build script lists itself. */
const ASSEMBLYSCRIPT = [
  'src/runtime/core',
  'src/runtime/maps',
  'src/runtime/helpers',
  'src/runtime/kfuncs',
  'src/engine/interpreter/core',
];

/** Functions longer than the limit, each with why splitting it would make it worse. */
const LONG_FUNCTIONS: Record<string, string> = JSON.parse(
  readFileSync(join(root, 'tests', 'tidy-allow.json'), 'utf8'),
).longFunctions;

/** Files that only a script, a worker or package.json refers to. */
const ENTRY_FILES =
  /^src\/(index|[a-z]+\/index|cli\/(main|conformance|worker)|import\/(register|vite))\.ts$/;

function walk(folder: string): string[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = `${folder}/${name}`;
    if (statSync(join(root, path)).isDirectory()) return walk(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

const isGenerated = (path: string) => path.includes('/generated/');
const isAssemblyScript = (path: string) =>
  ASSEMBLYSCRIPT.some((room) => path.startsWith(`${room}/`));
const sources = walk('src');
const handWritten = sources.filter((path) => !isGenerated(path));
const typescript = handWritten.filter((path) => !isAssemblyScript(path));
const text = new Map(sources.map((path) => [path, readFileSync(join(root, path), 'utf8')]));

/** What a file imports: paths of our own files, or package names as written. */
/** Sources of what package.json exports. */
const exported = new Set(
  JSON.stringify(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).exports)
    .match(/dist\/[^"]+\.d\.ts/g)!
    .map((path) => path.replace(/^dist/, 'src').replace(/\.d\.ts$/, '.ts')),
);

function importsOf(path: string): string[] {
  const source = text.get(path) ?? '';
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|new URL\(\s*['"]([^'"]+)['"]/g;
  return [...source.matchAll(pattern)].map((match) => {
    const target = match[1] ?? match[2] ?? match[3] ?? '';
    if (!target.startsWith('.')) return target;
    return normalize(join(dirname(path), target)).replace(/\.js$/, '.ts');
  });
}

const roomOf = (path: string) => (path.startsWith('src/') ? path.split('/')[1] : undefined);

describe('rooms', () => {
  test('every room is in rooms.json, and every room of rooms.json exists', () => {
    const found = new Set(typescript.map(roomOf).filter((room) => room && !room.endsWith('.ts')));
    expect([...found].sort()).toEqual(Object.keys(rooms.rooms).sort());
  });

  test('the arrows have no cycle', () => {
    const done = new Set<string>();
    const visit = (room: string, path: string[]): void => {
      expect(path, `cycle: ${[...path, room].join(' → ')}`).not.toContain(room);
      if (done.has(room)) return;
      for (const next of rooms.rooms[room] ?? []) visit(next, [...path, room]);
      done.add(room);
    };
    for (const room of Object.keys(rooms.rooms)) visit(room, []);
  });

  test('no file imports a room it may not', () => {
    const wrong = typescript.flatMap((path) => {
      const from = roomOf(path);
      if (!from || from.endsWith('.ts')) return [];
      return importsOf(path)
        .map(roomOf)
        .filter((to) => to && to !== from && !rooms.rooms[from]?.includes(to))
        .map((to) => `${path} imports ${to}`);
    });
    expect(wrong).toEqual([]);
  });

  test('subsystems of the machine do not import each other', () => {
    // What all of them stand on, and what stands on it: no hooks are in these, and lower ones come
    // first.
    const shared = ['objects', 'cgroup', 'bpffs', 'bpf', 'snapshot'];
    const mayImport = (own: string, other: string): boolean =>
      shared.includes(own)
        ? shared.includes(other) && shared.indexOf(other) <= shared.indexOf(own)
        : other === own || other === 'objects' || other === 'cgroup';
    const wrong = typescript
      .filter((path) => /^src\/machine\/[a-z]+\//.test(path))
      .flatMap((path) => {
        const own = path.split('/')[2]!;
        return importsOf(path)
          .filter((to) => /^src\/machine\/[a-z]+\//.test(to))
          .filter((to) => !mayImport(own, to.split('/')[2]!))
          .map((to) => `${path} imports ${to}`);
      });
    expect(wrong).toEqual([]);
  });

  test('node: modules stay in the rooms that need them', () => {
    const wrong = typescript
      .filter((path) => !rooms.nodeOnly.includes(roomOf(path) ?? ''))
      .flatMap((path) =>
        importsOf(path)
          .filter((name) => name.startsWith('node:'))
          .map((name) => `${path} imports ${name}`),
      );
    expect(wrong).toEqual([]);
  });

  test('the library has no runtime dependency but those with a reason', () => {
    const foreign = typescript.flatMap((path) =>
      importsOf(path)
        .filter((name) => !name.startsWith('node:') && !name.startsWith('src/') && name !== '')
        .filter((name) => !existsSync(join(root, name)))
        .map((name) => ({ path, name })),
    );
    const isPeer = ({ path, name }: { path: string; name: string }) =>
      PEERS[name] !== undefined && roomOf(path) === PEERS[name];
    const wrong = foreign.filter((one) => DEPENDENCIES[one.name] !== one.path && !isPeer(one));
    expect(wrong.map(({ path, name }) => `${path} imports ${name}`)).toEqual([]);
    const { dependencies, peerDependencies } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    );
    expect(Object.keys(peerDependencies).sort()).toEqual(Object.keys(PEERS).sort());
    expect(Object.keys(dependencies).sort()).toEqual(Object.keys(DEPENDENCIES).sort());
  });

  test('no import cycle between files', () => {
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (path: string, trail: string[]): void => {
      if (state.get(path) === 'done') return;
      if (state.get(path) === 'open') {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
        return;
      }
      state.set(path, 'open');
      for (const next of valueImportsOf(path)) visit(next, [...trail, path]);
      state.set(path, 'done');
    };
    for (const path of typescript) visit(path, []);
    expect(cycles).toEqual([]);
  });

  test('no dead file: every file is imported or an entry', () => {
    const imported = new Set([...sources].flatMap(importsOf));
    const dead = typescript.filter(
      (path) => !imported.has(path) && !ENTRY_FILES.test(path) && !exported.has(path),
    );
    expect(dead).toEqual([]);
  });
});

/** Imports that exist at run time (type-only ones may be circular). */
function valueImportsOf(path: string): string[] {
  const source = (text.get(path) ?? '').replace(/(?:import|export) type [^;]*;/g, '');
  const pattern = /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s*['"](\.[^'"]+)['"]/g;
  return [...source.matchAll(pattern)]
    .map((match) => normalize(join(dirname(path), match[1] ?? '')))
    .filter((target) => text.has(target));
}

describe('files', () => {
  test(`are at most ${LINES_MAX} lines`, () => {
    const long = handWritten
      .map((path) => [path, (text.get(path) ?? '').split('\n').length] as const)
      .filter(([, lines]) => lines > LINES_MAX);
    expect(long).toEqual([]);
  });

  test(`have lines of at most ${LINE_LENGTH_MAX} characters`, () => {
    const long = handWritten.flatMap((path) =>
      (text.get(path) ?? '')
        .split('\n')
        .flatMap((line, i) =>
          line.length > LINE_LENGTH_MAX && !/https?:/.test(line) ? [`${path}:${i + 1}`] : [],
        ),
    );
    expect(long).toEqual([]);
  });

  test('hold no leftovers', () => {
    const pattern =
      /\b(TODO|FIXME|XXX|HACK)\b|\bdebugger;|\bconsole\.(log|debug)\(|@ts-ignore|@ts-expect-error|\bas any\b|: any\b/;
    const found = handWritten.flatMap((path) =>
      (text.get(path) ?? '')
        .split('\n')
        .flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
    );
    expect(found).toEqual([]);
  });

  test('do not switch on a program or map type outside the rooms that define them', () => {
    const pattern =
      /switch \([^)]*\b(mapType|programType|map\.type|prog(?:ram)?\.type|spec\.type)\b/;
    const allowed = /^src\/(abi|runtime\/maps|machine\/[a-z]+)\//;
    const found = handWritten.filter(
      (path) => !allowed.test(path) && pattern.test(text.get(path) ?? ''),
    );
    expect(found).toEqual([]);
  });
});

/** Start line, name and length of the functions and methods of a formatted file, by indentation. */
function functionsOf(path: string): { name: string; lines: number }[] {
  const lines = (text.get(path) ?? '').split('\n');
  const head =
    /^(\s*)(?:export )?(?:default )?(?:async )?(?:function\*? (\w+)|(?:(?:public|private|static|async|get|set|override|\*) )*(\w+)\([^)]*\)?.*\{$|(?:const|let) (\w+) = (?:async )?\(.*(?:=> \{|\()$)/;
  return lines.flatMap((line, start) => {
    const match = head.exec(line);
    const name = match?.[2] ?? match?.[3] ?? match?.[4];
    if (!match || !name || /^(if|for|while|switch|catch|return|do|else|with)$/.test(name))
      return [];
    const indent = match[1] ?? '';
    const end = lines.findIndex((other, i) => i > start && other.startsWith(`${indent}}`));
    return end < 0 || !/^\s*[})]/.test(lines[end] ?? '') ? [] : [{ name, lines: end - start + 1 }];
  });
}

describe('functions', () => {
  const all = handWritten.flatMap((path) =>
    functionsOf(path).map((found) => ({ ...found, key: `${path}#${found.name}` })),
  );

  test(`are at most ${FUNCTION_LINES_MAX} lines, or in the list with a reason`, () => {
    const long = all.filter(({ lines, key }) => lines > FUNCTION_LINES_MAX && !LONG_FUNCTIONS[key]);
    expect(long.map(({ key, lines }) => `${key}: ${lines} lines`)).toEqual([]);
  });

  test('the list of long functions has no entry that is not needed any more', () => {
    const long = new Set(
      all.filter(({ lines }) => lines > FUNCTION_LINES_MAX).map(({ key }) => key),
    );
    expect(Object.keys(LONG_FUNCTIONS).filter((key) => !long.has(key))).toEqual([]);
  });

  test('are short in the median', () => {
    const sorted = all.map(({ lines }) => lines).sort((a, b) => a - b);
    expect(sorted[sorted.length >> 1] ?? 0).toBeLessThanOrEqual(12);
  });
});

describe('documents', () => {
  test('ARCHITECTURE.md names every room', () => {
    const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
    for (const room of Object.keys(rooms.rooms)) expect(page).toContain(`| \`${room}\` |`);
  });

  test('links to files in the documents lead somewhere', () => {
    const pages = ['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'docs/topics.md'];
    const broken = pages.flatMap((page) => {
      const body = readFileSync(join(root, page), 'utf8');
      return [...body.matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map((match) => relative(root, join(root, dirname(page), match[1] ?? '')))
        .filter((target) => !exists(target))
        .map((target) => `${page} → ${target}`);
    });
    expect(broken).toEqual([]);
  });
});

function exists(path: string): boolean {
  return statSync(join(root, path), { throwIfNoEntry: false }) !== undefined;
}
