/**
 * What an older kernel says differently from the newest one: its tables (helpers, map types, kernel
 * functions) as differences, written to src/abi/generated/VERSION/tables.ts.
 */
import { readSets } from './btf-ids.mjs';
import { scanBtf } from './btf-scan.mjs';
import { stripComments } from './c-text.mjs';
import { destructors } from './kernel-tables.mjs';
import { difference } from './prototypes.mjs';

/**
 * `older` and `newest` are what the generator read of both trees: { files, calls, mapOps, enums,
 * read }; `image` is the older kernel's.
 */
export function renderOlder({ older, newest, image, render, banner }) {
  const names = scanBtf(image.btf);
  const { btfIds } = image;
  const words = new Uint32Array(
    btfIds.buffer.slice(btfIds.byteOffset, btfIds.byteOffset + btfIds.length),
  );
  const rows = {
    helperCount: older.calls.helpers.length,
    counts: counts(older.enums),
    prototypes: changed(older.calls.protos, newest.calls.protos, prototypeRow),
    selectors: changed(older.calls.selectors, newest.calls.selectors, selectorRow),
    programTypes: changed(byType(older.calls.programs), byType(newest.calls.programs), programRow),
    mapTypes: changed(byType(older.mapOps), byType(newest.mapOps), mapRow),
    kfuncHooks: kfuncHooks(older.read),
    kfuncSets: kfuncSets(older, names),
    kptrDestructors: Object.fromEntries(destructors(older.files, names)),
    btfSets: readSets(words, names, older.files),
  };
  const lines = Object.entries(rows).map(
    ([key, value]) => `  ${key}: ${text(value, render, 1)},\n`,
  );
  return `${banner}
import type { OlderTables } from '../../tables.ts';

/** Where this kernel differs from the newest one. */
export const olderTables: OlderTables = {
${lines.join('')}};
`;
}

const byType = (rows) => new Map(rows.map((row) => [row.type, row]));

/** Entries of `now` that are not in `then` alike; null for those that are not there at all. */
function changed(now, then, rowOf) {
  const rows = {};
  for (const [name, value] of now) {
    const row = JSON.stringify(rowOf(value, name, now));
    const other = then.has(name) && JSON.stringify(rowOf(then.get(name), name, then));
    if (row !== other) rows[name] = JSON.parse(row);
  }
  for (const name of then.keys()) if (!now.has(name)) rows[name] = null;
  return Object.fromEntries(Object.entries(rows).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Words that were renamed since: the verifier knows the newer ones. */
const RENAMED = {
  ARG_PTR_TO_ALLOC_MEM: 'ARG_PTR_TO_RINGBUF_MEM',
  ARG_PTR_TO_KPTR: 'ARG_KPTR_XCHG_DEST',
  RET_PTR_TO_ALLOC_MEM_OR_NULL: 'RET_PTR_TO_RINGBUF_MEM_OR_NULL',
};
const renamed = (words) => words.map((word) => RENAMED[word] ?? word);

/** Names and C types of parameters change without meaning anything. */
const prototypeRow = ({ file: _file, params: _params, args, ret, ...row }) => ({
  ...row,
  args: args.map((arg) => ({ ...arg, type: renamed(arg.type) })),
  ret: renamed(ret),
});
const programRow = ({ context, internal, selector }) => ({ context, internal, selector });
/** Only operations that decide what programs may do with a map. */
const PROGRAM_OPS = ['map_direct_value_addr', 'map_for_each_callback'];
const mapRow = ({ ops, struct }) => ({
  ops: ops.filter((op) => PROGRAM_OPS.includes(op)),
  ...(struct ? { struct } : {}),
});

/** As rawSelectors has them: what a selector inherits, and what it answers differently. */
const selectorRow = (selector, _, all) => ({
  ...(selector.parent ? { inherits: selector.parent } : {}),
  calls: Object.fromEntries(difference(selector, all.get(selector.parent))),
});

/** One above the greatest number of an enum. */
function counts(enums) {
  const count = (name) => {
    const entries = enums.find((item) => item.name === name).entries;
    const known = entries.filter(([key]) => !/^_*MAX_/.test(key));
    return Math.max(...known.map(([, value]) => Number(value))) + 1;
  };
  return {
    programTypes: count('bpf_prog_type'),
    mapTypes: count('bpf_map_type'),
    attachTypes: count('bpf_attach_type'),
  };
}

/** Program types that share kernel functions (bpf_prog_type_to_kfunc_hook). */
function kfuncHooks(read) {
  const source = stripComments(read('kernel/bpf/btf.c'));
  const body = /bpf_prog_type_to_kfunc_hook\([^)]*\)\s*\{([\s\S]*?)\n\}/.exec(source)[1];
  const groups = body.matchAll(/((?:\s*case BPF_PROG_TYPE_\w+:)+)\s*return (\w+);/g);
  return [...groups].map(([, cases]) =>
    [...cases.matchAll(/BPF_PROG_TYPE_\w+/g)].map(([type]) => type),
  );
}

/** Sets with flags as the source tells them, of functions that the image has. */
function kfuncSets({ files, read }, names) {
  const flags = new Map(
    [...read('include/linux/btf.h').matchAll(/#define (KF_\w+)\s+\(1 << (\d+)\)/g)].map((m) => [
      m[1],
      1 << Number(m[2]),
    ]),
  );
  const word = (text) =>
    text.split('|').reduce((sum, flag) => sum | (flags.get(flag.trim()) ?? 0), 0);
  const sets = {};
  for (const [, raw] of files) {
    const source = stripComments(raw);
    for (const [, name, body] of source.matchAll(
      /\bBTF_SET8_START\((\w+)\)([\s\S]*?)BTF_SET8_END\(\1\)/g,
    )) {
      const members = [...body.matchAll(/BTF_ID_FLAGS\(func, (\w+)(?:, ([^)]+))?\)/g)]
        .filter(([, func]) => names.funcs.has(func))
        .map(([, func, list = '']) => [func, [names.funcs.get(func)[0], word(list)]]);
      if (members.length === 0) continue;
      sets[name] = { programs: registered(source, name), kfuncs: Object.fromEntries(members) };
    }
  }
  return sets;
}

function registered(source, set) {
  const owner = new RegExp(
    `struct btf_kfunc_id_set\\s+(\\w+)\\s*=\\s*\\{[^}]*\\.set\\s*=\\s*&${set}\\b`,
  ).exec(source)?.[1];
  const calls = source.matchAll(/register_btf_kfunc_id_set\(\s*(BPF_PROG_TYPE_\w+),\s*&(\w+)\)/g);
  return [...calls].filter((call) => call[2] === owner).map((call) => call[1]);
}

/** An object as literal, one line an entry down to the second level. */
function text(value, render, depth) {
  if (depth > 2 || value === null || typeof value !== 'object' || Array.isArray(value)) {
    return render(value);
  }
  const pad = '  '.repeat(depth + 1);
  const lines = Object.entries(value).map(
    ([key, each]) => `${pad}${key}: ${text(each, render, depth + 1)},\n`,
  );
  return `{\n${lines.join('')}${'  '.repeat(depth)}}`;
}
