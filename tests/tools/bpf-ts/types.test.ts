/** What an editor says of .bpf.ts files: the declarations of `beeyard/bpf` under plain tsc --strict. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { helperContract, helperId, programTypeId } from '../../../src/abi/index.ts';
import { declarations } from './declared.ts';
import {
  BYTE_ORDER,
  CONSTANTS,
  FUNCTIONS,
  HEADERS,
  HELPERS,
  NAMED_TYPES,
  PROGRAMS,
  TYPE_ONLY,
} from '../../../src/tools/bpf-ts/builtins.ts';
import { typeName } from '../../../src/tools/bpf-ts/types.ts';

const folder = import.meta.dirname;
const root = join(folder, '../../..');
const tsc = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin/tsc',
);

/** 'file:line TSnnnn text' of every error. */
function errorsOf(...files: string[]): string[] {
  const options = ['--strict', '--module', 'nodenext', '--target', 'es2022', '--types', ''];
  const args = [tsc, '--ignoreConfig', '--noEmit', '--pretty', 'false', ...options, ...files];
  const { stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  return stdout.split('\n').flatMap((line) => {
    const match = /^(.*)\((\d+),\d+\): error (.*)$/.exec(line);
    return match ? [`${match[1]}:${match[2]} ${match[3]}`] : [];
  });
}

describe('in an editor', () => {
  it('programs that compile have no error', () => {
    const files = ['tests/tools/bpf-ts/language.bpf.ts', 'examples/firewall-ts/firewall.bpf.ts'];
    expect(errorsOf(...files, 'tests/tools/bpf-ts/rejected.bpf.ts')).toEqual([]);
  });

  it('wrong programs have the errors they must have, and no other', () => {
    const file = 'tests/tools/bpf-ts/types/wrong.bpf.ts';
    const lines = readFileSync(join(root, file), 'utf8').split('\n');
    const marked = lines.flatMap((text, i) => (text.endsWith('// error') ? [i + 1] : []));
    const errors = errorsOf(file);
    const found = [...new Set(errors.map((error) => Number(/:(\d+) /.exec(error)![1])))];
    const extra = errors.filter((error) => !marked.includes(Number(/:(\d+) /.exec(error)![1])));
    expect(extra).toEqual([]);
    expect(marked.filter((line) => !found.includes(line)).map((line) => lines[line - 1])).toEqual(
      [],
    );
    expect(marked.length).toBeGreaterThan(25);
  });
});

describe('the declarations', () => {
  const declared = declarations(readFileSync(join(root, 'include/beeyard/bpf.d.ts'), 'utf8'));

  it('have every name the compiler knows, and the compiler every value they have', () => {
    const known = [...FUNCTIONS, ...CONSTANTS.keys(), ...HEADERS.keys()];
    const types = [...NAMED_TYPES.keys()];
    const numbers = types.filter((name) => /^[a-z]/.test(name));
    expect([...declared.values].sort()).toEqual([...new Set([...known, ...numbers])].sort());
    for (const name of [...types, ...TYPE_ONLY]) expect(declared.types, name).toContain(name);
  });

  it('have the numbers, verdicts, context fields and helpers of the compiler', () => {
    for (const [name, value] of CONSTANTS) expect(declared.constant(name), name).toBe(value);
    for (const { context, verdict } of PROGRAMS.values()) {
      expect(declared.words(verdict.name)).toEqual([...verdict.words.keys()].sort());
      const fields = [...context.fields].map(([name, { type, writable }]) => {
        return `${writable ? '' : 'readonly '}${name}: ${typeName(type)}`;
      });
      expect(declared.members(context.name)).toEqual(fields.sort());
    }
    for (const [name, { params, result }] of HELPERS) {
      expect(declared.signature(name), name).toEqual([...params, result].map(typeName));
    }
    for (const [name, [from, to]] of BYTE_ORDER) {
      expect(declared.signature(name)).toEqual([typeName(from), typeName(to)]);
    }
  });

  it('have helpers as the kernel has them', () => {
    for (const [name, { params, result }] of HELPERS) {
      const contexts = params.map((type) => (type.kind === 'context' ? type.struct : undefined));
      const programs = contexts.includes('xdp_md') ? ['xdp'] : ['sched_cls'];
      const contract = helperContract(helperId(name)!, programTypeId(programs[0]!)!)!;
      expect(contract.args.map(({ kind }) => kind === 'ctx')).toEqual(
        contexts.map((context) => context !== undefined),
      );
      expect(
        contract.args.every(({ kind }) => ['ctx', 'any', 'scalar'].includes(kind)),
        name,
      ).toBe(true);
      expect([contract.returns.kind, result.kind]).toEqual(['integer', 'int']);
    }
  });

  it('have the headers, member by member', () => {
    for (const [name, { fields }] of HEADERS) {
      const members = [...fields].map(([key, { type }]) => {
        const words = type.kind === 'array' ? `Bytes<${type.length}>` : typeName(type);
        return `${key}: ${words}`;
      });
      expect(declared.header(name), name).toEqual(members);
    }
  });
});
