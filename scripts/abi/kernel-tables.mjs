/** kfuncs.ts and btf-sets.ts: what the image's `.BTF_ids` and the source say together. */
import { stripComments } from './c-text.mjs';
import { readIterators, readKfuncs, readNullArguments, readSets } from './btf-ids.mjs';
import { scanBtf } from './btf-scan.mjs';

/**
 * The files' texts by name. `files` are [path, text] of the source, `structNames` maps the
 * kernel's BTF id variables to struct names, `render` makes literals.
 */
export function kernelTables({ image, files, structNames, render, banner }) {
  const { btf, btfIds } = image;
  const names = scanBtf(btf);
  const aligned = btfIds.buffer.slice(btfIds.byteOffset, btfIds.byteOffset + btfIds.length);
  const words = new Uint32Array(aligned);
  const structOf = (id) => {
    const key = id.replace(/^\w+\[(BTF_\w+)\]$/, '$1');
    const name = structNames.get(key) ?? structNames.get(`${key}[0]`);
    if (!name) throw new Error(`no struct is known for ${id}`);
    return name;
  };
  const nulls = files.find(([path]) => path === 'kernel/bpf/btf.c')[1];
  return {
    'kfuncs.ts':
      banner + renderKfuncs(readKfuncs(words, names, files), destructors(files, names), render),
    'btf-sets.ts':
      banner +
      renderSets(readSets(words, names, files), render) +
      renderNulls(readNullArguments(nulls)) +
      renderIterators(readIterators(files, names, structOf), render),
  };
}

/** Lists x_dtor_ids, x_dtor_kfunc_ids: struct and the function that releases a kptr to it. */
export function destructors(files, { funcs }) {
  const found = new Map();
  for (const [, text] of files) {
    for (const [, body] of stripComments(text).matchAll(
      /BTF_ID_LIST\(\w*dtor(?:_kfunc)?_ids\)((?:\s*#?\w*\s*(?:CONFIG_\w+)?\s*BTF_ID\(\w+, \w+\))+)/g,
    )) {
      const ids = [...body.matchAll(/BTF_ID\((\w+), (\w+)\)/g)];
      for (let i = 0; i + 1 < ids.length; i += 2) {
        if (funcs.has(ids[i + 1][2])) found.set(ids[i][2], ids[i + 1][2]);
      }
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

function renderKfuncs(sets, dtors, render) {
  const lines = [
    '',
    'export interface RawKfuncSet {',
    '  /** Program types it is registered for (BPF_PROG_TYPE_UNSPEC: all; fmod_ret: not to call). */',
    '  readonly programs: readonly string[];',
    '  /** The kernel function that refuses it to some programs of these types. */',
    '  readonly filter?: string;',
    '  /** Name → BTF id of the function, KF_* flags. */',
    '  readonly kfuncs: Readonly<Record<string, readonly [id: number, flags: number]>>;',
    '}',
    '',
    "/** Sets of kernel functions that programs may call, by the kernel's variable name. */",
    'export const rawKfuncSets: Readonly<Record<string, RawKfuncSet>> = {',
  ];
  for (const { set, programs, filter, kfuncs } of sets.sort((a, b) => (a.set < b.set ? -1 : 1))) {
    lines.push(`  ${set}: {`, `    programs: ${render(programs)},`);
    if (filter) lines.push(`    filter: '${filter}',`);
    lines.push('    kfuncs: {');
    for (const [name, id, flags] of kfuncs) lines.push(`      ${name}: [${id}, ${flags}],`);
    lines.push('    },', '  },');
  }
  lines.push(
    '};',
    '',
    '/** Kernel struct a map value may own → function that releases it when the value goes. */',
    'export const kptrDestructors: Readonly<Record<string, string>> = {',
    ...dtors.map(([struct, func]) => `  ${struct}: '${func}',`),
  );
  return `${lines.join('\n')}\n};\n`;
}

function renderSets(sets, render) {
  const lines = [
    '',
    "/** Sets of functions (or structs) the kernel asks by BTF id, by the kernel's variable name. */",
    'export const btfSets = {',
  ];
  for (const [name, list] of Object.entries(sets)) {
    lines.push(`  ${name}: [`);
    for (const member of [...list].sort()) lines.push(`    ${render(member)},`);
    lines.push('  ],');
  }
  return `${lines.join('\n')}\n} as const;\n`;
}

function renderNulls(table) {
  const lines = [
    '',
    '/**',
    ' * Tracepoints whose arguments may be NULL (bit 0 of the 4 bits of an argument, the first lowest)',
    ' * or an error code (bit 1).',
    ' */',
    'export const rawTracepointNulls: Readonly<Record<string, number>> = {',
    ...Object.entries(table).map(([name, mask]) => `  ${name}: 0x${mask.toString(16)},`),
  ];
  return `${lines.join('\n')}\n};\n`;
}

function renderIterators(targets, render) {
  const lines = [
    '',
    'export interface RawIteratorArgument {',
    '  readonly name: string;',
    '  /** Byte offset in the context. */',
    '  readonly offset: number;',
    "  /** The kernel's words: base type and flags. */",
    '  readonly type: readonly string[];',
    '  readonly struct?: string;',
    '}',
    '',
    '/** Iterators (the function is `bpf_iter_<target>`) → arguments with a type of their own. */',
    'export const rawIterators: Readonly<Record<string, readonly RawIteratorArgument[]>> = {',
  ];
  for (const [target, args] of Object.entries(targets)) {
    lines.push(`  ${target}: [`, ...args.map((arg) => `    ${render(arg)},`), '  ],');
  }
  return `${lines.join('\n')}\n};\n`;
}
