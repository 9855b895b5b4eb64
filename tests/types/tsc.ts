import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** An error of the TypeScript compiler: 'use.ts', line from 1, 'TS2322', its first line. */
export interface TypeError {
  readonly file: string;
  readonly line: number;
  readonly code: string;
  readonly message: string;
}

/** Settings of somebody strict; `beeyard` is the source of this repository. */
const SETTINGS = {
  compilerOptions: {
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable', 'dom'],
    types: ['node'],
    module: 'nodenext',
    allowArbitraryExtensions: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: false,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    skipLibCheck: false,
    allowImportingTsExtensions: true,
    noEmit: true,
    paths: { beeyard: [join(root, 'src/index.ts')] },
  },
  include: ['*.ts'],
};

/**
 * Compiles files given as text by name; returns what the compiler finds wrong in them (declarations
 * among them), and not what it finds in packages.
 */
export function typeErrors(files: Readonly<Record<string, string>>): TypeError[] {
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-types-'));
  try {
    for (const [name, text] of Object.entries({ ...files, ...surroundings() })) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const result = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
      cwd: folder,
      encoding: 'utf8',
    });
    return errorsIn(result.stdout, result.status);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const surroundings = () => ({
  'tsconfig.json': JSON.stringify(SETTINGS),
  'package.json': '{ "type": "module" }',
});

function errorsIn(output: string, status: number | null): TypeError[] {
  const pattern = /^(.+?)\((\d+),\d+\): error (TS\d+): (.*)$/gm;
  const errors = [...output.matchAll(pattern)].map(([, file, line, code, message]) => ({
    file: file!,
    line: Number(line),
    code: code!,
    message: message!,
  }));
  const own = errors.filter(({ file }) => !file.startsWith('..'));
  // A compiler that could not start must not look like one that is content.
  if (errors.length === 0 && status !== 0) throw new Error(`tsc ended with ${status}: ${output}`);
  return own;
}
