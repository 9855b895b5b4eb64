#!/usr/bin/env node
/**
 * Writes src/abi/generated/6.12/*.ts from a Linux 6.12 source tree: constants, helper ids, struct
 * layouts, helper prototypes, and which program type may call which helper; and from Debian's image
 * of that kernel its BTF and configuration (compressed).
 *
 *   node scripts/generate-abi.mjs [--tree DIR] [--out DIR]
 *
 * Without --tree it unpacks Debian's /usr/src/linux-source-6.12.tar.xz into a cache directory.
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { RELEASE, findImage } from './abi/image.mjs';
import { kernelData, writeKernelData } from './abi/kernel-data.mjs';
import { parseDefines, parseEnums, stripComments } from './abi/c-text.mjs';
import * as prototypes from './abi/prototypes.mjs';
import { parseStructs } from './abi/structs.mjs';

export const TARBALL = '/usr/src/linux-source-6.12.tar.xz';
const ROOT = resolve(fileURLToPath(new URL('..', import.meta.url)));
/** Folders of the kernel source that the generator reads. */
const FOLDERS = ['include', 'kernel', 'net', 'drivers/media/rc', 'drivers/hid/bpf', 'security'];

export const OUTPUT = join(ROOT, 'src/abi/generated/6.12');

/** The tree to read: given, cached or unpacked; undefined when the source package is missing. */
export function findTree(given) {
  if (given) return given;
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'beeyard');
  const tree = join(cache, 'linux-source-6.12');
  if (existsSync(join(tree, 'Makefile'))) return tree;
  if (!existsSync(TARBALL)) return undefined;
  // Unpacked beside its place and moved there, so that nobody sees half a tree.
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'unpack-'));
  const inside = ['Makefile', ...FOLDERS].map((name) => `linux-source-6.12/${name}`);
  execFileSync('tar', ['-xf', TARBALL, '-C', work, ...inside]);
  if (!existsSync(tree)) renameSync(join(work, 'linux-source-6.12'), tree);
  rmSync(work, { recursive: true, force: true });
  return tree;
}

/** All generated files of `tree`: file name → text. */
export function generate(tree) {
  const read = (path) => readFileSync(join(tree, path), 'utf8');
  const version = kernelVersion(read('Makefile'));
  const files = sources(tree);
  const scope = new Map();
  const constants = readConstants(read, scope);
  const structs = parseStructs(stripComments(read('include/uapi/linux/bpf.h')), scope);
  const helpers = readHelpers(read('include/uapi/linux/bpf.h'));
  const calls = readCalls(files, helpers, structs, read);
  const banner = header(version);
  return {
    'constants.ts': banner + renderConstants(constants),
    'enums.ts': banner + renderEnums(constants),
    'errno.ts': banner + renderErrno(constants.errno),
    'structs.ts': banner + renderStructs(structs),
    'helpers.ts': banner + renderHelpers(helpers),
    'prototypes.ts': banner + renderPrototypes(calls),
    'availability.ts': banner + renderAvailability(calls),
  };
}

function kernelVersion(makefile) {
  const part = (name) => new RegExp(`^${name} = (\\d+)`, 'm').exec(makefile)[1];
  return ['VERSION', 'PATCHLEVEL', 'SUBLEVEL'].map(part).join('.');
}

/** C files that mention helper prototypes, sorted, as [path, text]. */
function sources(tree) {
  const found = [];
  for (const folder of FOLDERS.filter((name) => existsSync(join(tree, name)))) {
    for (const entry of readdirSync(join(tree, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.[ch]$/.test(entry.name)) continue;
      const path = join(entry.parentPath ?? entry.path, entry.name);
      const text = readFileSync(path, 'utf8');
      if (
        /bpf_func_proto|BTF_ID_LIST|BTF_SOCK_TYPE|BTF_TRACING_TYPE|BPF_PROG_TYPE\(|BPF_CALL_/.test(
          text,
        )
      ) {
        found.push([relative(tree, path), text]);
      }
    }
  }
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
}

// ---- Constants ------------------------------------------------------------------------------------

const CONSTANT_HEADERS = [
  'include/uapi/linux/bpf_common.h',
  'include/uapi/linux/bpf.h',
  'include/uapi/linux/pkt_cls.h',
  'include/uapi/linux/if_link.h',
  'include/uapi/linux/btf.h',
];
const ERRNO_HEADERS = [
  'include/uapi/asm-generic/errno-base.h',
  'include/uapi/asm-generic/errno.h',
  'include/linux/errno.h',
];
const WANTED = /^_*(BPF_|XDP_|TCX_|TC_ACT_|SK_(DROP|PASS)|BTF_(F|KIND|INT|MAGIC)|MAX_BPF|MAX_BTF)/;

function readConstants(read, scope) {
  const enums = [];
  const values = new Map();
  const add = (entries) => {
    for (const [name, value] of entries) if (WANTED.test(name)) values.set(name, value);
  };
  for (const path of CONSTANT_HEADERS) {
    const text = stripComments(read(path));
    add(parseDefines(text, scope));
    for (const item of parseEnums(
      text.replace(/__BPF_ENUM_FN|___BPF_FUNC_MAPPER\([^)]*\)/g, ''),
      scope,
    )) {
      add(item.entries);
      if (item.name && item.entries.some(([name]) => WANTED.test(name))) enums.push(item);
    }
    add(parseDefines(text, scope));
  }
  const errno = new Map();
  for (const path of ERRNO_HEADERS) {
    for (const [name, value] of parseDefines(stripComments(read(path)), scope)) {
      if (/^E[A-Z0-9]+$/.test(name)) errno.set(name, value);
    }
  }
  return { enums, values, errno };
}

function readHelpers(text) {
  const body = text.slice(text.indexOf('#define ___BPF_FUNC_MAPPER('));
  return [...body.matchAll(/^\s*FN\((\w+), (\d+), ##ctx\)/gm)].map((m) => [m[1], Number(m[2])]);
}

// ---- Calls ----------------------------------------------------------------------------------------

/** Sizes of protocol headers, fixed by their RFCs. */
const PROTOCOL_HEADERS = { iphdr: 20, ipv6hdr: 40, tcphdr: 20 };

function readCalls(files, helpers, structs, read) {
  const protos = prototypes.scanPrototypes(files);
  const parameters = prototypes.scanParameters(files);
  const btfIds = prototypes.scanBtfIds(files);
  for (const proto of protos.values()) {
    proto.params = parameters.get(proto.func)?.slice(0, proto.args.length);
    if (proto.retBtf) proto.retBtf = btfIds.get(proto.retBtf) ?? proto.retBtf;
    for (const arg of proto.args) {
      if (arg.btf) arg.btf = btfIds.get(arg.btf) ?? arg.btf;
      if (typeof arg.size === 'string')
        arg.size = PROTOCOL_HEADERS[arg.size] ?? structs.get(arg.size).size;
    }
  }
  const selectors = prototypes.scanSelectors(files);
  const { programs, used } = readPrograms(files, selectors, read);
  return { protos, programs, selectors: used, helpers, traits: readTraits(read) };
}

/** Program type → context structs and the helpers it may call. */
function readPrograms(files, selectors, read) {
  const selectorOf = new Map();
  for (const [, text] of files) {
    const pattern = /struct bpf_verifier_ops\s+(\w+)_verifier_ops\s*=\s*\{([^}]*)\}/g;
    for (const match of stripComments(text).matchAll(pattern)) {
      const selector = /\.get_func_proto\s*=\s*(\w+)/.exec(match[2])?.[1];
      if (selector) selectorOf.set(match[1], selector);
    }
  }
  const memo = new Map();
  const table = stripComments(read('include/linux/bpf_types.h'));
  const rows = table.matchAll(/BPF_PROG_TYPE\((\w+),\s*(\w+),\s*([^,]+),\s*([^)]+)\)/g);
  const programs = [...rows].map(([, type, ops, context, internal]) => ({
    type,
    context: context.replace(/^struct /, ''),
    internal: internal.replace(/^struct /, ''),
    selector: selectorOf.get(ops),
  }));
  const used = new Map();
  // All of them: struct_ops programs get theirs from the subsystem (TCP congestion control, sched_ext).
  for (const selector of [...selectorOf.values()].sort()) {
    for (let name = selector; name && !used.has(name); name = used.get(name).parent) {
      used.set(name, prototypes.resolveSelector(name, selectors, memo));
    }
  }
  return { programs, used };
}

function readTraits(read) {
  const verifier = stripComments(read('kernel/bpf/verifier.c'));
  const filter = stripComments(read('net/core/filter.c'));
  const named = prototypes.helpersNamedIn;
  return {
    changesPacket: named(filter, 'bpf_helper_changes_pkt_data'),
    acquires: named(verifier, 'is_acquire_function'),
    casts: named(verifier, 'is_ptr_cast_function'),
    synchronousCallback: named(verifier, 'is_sync_callback_calling_function'),
    asynchronousCallback: named(verifier, 'is_async_callback_calling_function'),
    storageGet: named(verifier, 'is_storage_get_function'),
    dynptrReference: named(verifier, 'is_dynptr_ref_function'),
  };
}

// ---- Rendering ------------------------------------------------------------------------------------

function header(version) {
  return `// Generated by scripts/generate-abi.mjs from the source of Linux ${version}. Do not edit.\n`;
}

function literal(value) {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new Error(`${value} does not fit a number`);
  return number < 1024 ? String(number) : `0x${number.toString(16)}`;
}

/** Plain integer constants: AssemblyScript reads this file too. */
function renderConstants({ values }) {
  const lines = [...values].map(([name, value]) => `export const ${name} = ${literal(value)};`);
  return `\n${lines.join('\n')}\n`;
}

function renderEnums({ enums }) {
  const lines = [
    '',
    '/** Named enums of the UAPI headers, by their C names. */',
    'export const enums = {',
  ];
  for (const item of enums) {
    lines.push(`  ${item.name}: {`);
    for (const [name, value] of item.entries) lines.push(`    ${name}: ${literal(value)},`);
    lines.push('  },');
  }
  return `${lines.join('\n')}\n} as const;\n`;
}

function renderErrno(errno) {
  const rows = [...errno].sort(([, a], [, b]) => Number(a - b));
  const lines = [
    '',
    '/** Error numbers by name (x86-64 numbering; aliases after their original). */',
  ];
  lines.push('export const errnos: Readonly<Record<string, number>> = {');
  for (const [name, value] of rows) lines.push(`  ${name}: ${value},`);
  return `${lines.join('\n')}\n};\n`;
}

function renderStructs(structs) {
  const lines = [
    '',
    'export interface StructField {',
    '  readonly name: string;',
    '  readonly offset: number;',
    '  readonly size: number;',
    '  /** C type as declared (of one element for arrays). */',
    '  readonly type: string;',
    '  /** Elements, for arrays (0 = flexible). */',
    '  readonly count?: number;',
    '  /** First bit and width, for bit fields (offset is that of the storage unit). */',
    '  readonly bit?: number;',
    '  readonly bits?: number;',
    '}',
    '',
    '/** Structs of include/uapi/linux/bpf.h as a 64-bit compiler lays them out. */',
    'export const structs: Readonly<',
    '  Record<string, { readonly size: number; readonly fields: readonly StructField[] }>',
    '> = {',
  ];
  for (const [name, { size, fields }] of structs) {
    lines.push(`  ${name}: {`, `    size: ${size},`, '    fields: [');
    for (const field of fields) lines.push(`      ${renderObject(field, FIELD_KEYS)},`);
    lines.push('    ],', '  },');
  }
  return `${lines.join('\n')}\n};\n`;
}

const FIELD_KEYS = ['name', 'offset', 'size', 'type', 'count', 'bit', 'bits'];

function renderObject(object, keys) {
  const parts = keys
    .filter((key) => object[key] !== undefined)
    .map((key) => `${key}: ${renderValue(object[key])}`);
  return `{ ${parts.join(', ')} }`;
}

function renderValue(value) {
  if (Array.isArray(value)) return `[${value.map(renderValue).join(', ')}]`;
  if (typeof value === 'string') return `'${value.replace(/'/g, "\\'")}'`;
  if (value !== null && typeof value === 'object') return renderObject(value, Object.keys(value));
  return String(value);
}

function renderHelpers(helpers) {
  const lines = ['', '/** BPF_FUNC_* without the prefix; the index is the helper id. */'];
  lines.push('export const helperNames: readonly string[] = [');
  helpers.forEach(([name, id], index) => {
    if (id !== index) throw new Error(`helper ${name}: id ${id} at place ${index}`);
    lines.push(`  '${name}',`);
  });
  return `${lines.join('\n')}\n];\n`;
}

const PROTO_KEYS = [
  'func',
  'args',
  'ret',
  'retBtf',
  'gpl_only',
  'pkt_access',
  'might_sleep',
  'allow_fastcall',
  'params',
];

function renderPrototypes({ protos, traits }) {
  const lines = [
    '',
    'export interface RawArgument {',
    "  /** The kernel's words: base type and flags. */",
    '  readonly type: readonly string[];',
    '  /** Bytes, for arguments of fixed size. */',
    '  readonly size?: number;',
    '  readonly btf?: string;',
    '}',
    '',
    'export interface RawPrototype {',
    '  /** C function. */',
    '  readonly func: string;',
    '  readonly args: readonly RawArgument[];',
    '  readonly ret: readonly string[];',
    '  readonly retBtf?: string;',
    '  readonly gpl_only?: true;',
    '  readonly pkt_access?: true;',
    '  readonly might_sleep?: true;',
    '  readonly allow_fastcall?: true;',
    '  readonly params?: readonly { readonly type: string; readonly name: string }[];',
    '}',
    '',
    "/** Every `struct bpf_func_proto`, by the kernel's variable name. */",
    'export const rawPrototypes: Readonly<Record<string, RawPrototype>> = {',
  ];
  for (const [name, proto] of [...protos].sort(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push(`  ${name}: ${renderObject(proto, PROTO_KEYS)},`);
  }
  lines.push(
    '};',
    '',
    '/** Sets of helpers that the verifier treats alike, by BPF_FUNC_* name. */',
  );
  lines.push('export const helperTraits: Readonly<Record<string, readonly string[]>> = {');
  for (const [name, list] of Object.entries(traits)) lines.push(`  ${name}: ${renderValue(list)},`);
  return `${lines.join('\n')}\n};\n`;
}

const CALL_KEYS = ['protos', 'capability', 'maybe', 'attach', 'exceptAttach', 'config'];

function renderAvailability({ programs, selectors, helpers }) {
  const order = new Map(helpers);
  const lines = [
    '',
    'export interface RawAvailability {',
    '  /** Prototypes it may get (several: depends on attach type or on sleepable; none: refused). */',
    '  readonly protos: readonly string[];',
    '  /** Capability the loader needs for it. */',
    '  readonly capability?: string;',
    '  /** Refused in some conditions that are not in this table. */',
    '  readonly maybe?: true;',
    '  /** Only for (or for all but) these expected attach types. */',
    '  readonly attach?: readonly string[];',
    '  readonly exceptAttach?: readonly string[];',
    '  /** Kernel options it depends on. */',
    '  readonly config?: readonly string[];',
    '}',
    '',
    '/** One function of the kernel that hands out prototypes: its rows override those it inherits. */',
    'export interface RawSelector {',
    '  readonly inherits?: string;',
    '  readonly calls: Readonly<Record<string, RawAvailability>>;',
    '}',
    '',
    'export interface RawProgramType {',
    "  /** The program's and the kernel's own context type. */",
    '  readonly context: string;',
    '  readonly internal: string;',
    '  readonly selector?: string;',
    '}',
    '',
    '/** Program types by BPF_PROG_TYPE_* name. */',
    'export const rawProgramTypes: Readonly<Record<string, RawProgramType>> = {',
  ];
  for (const row of programs) {
    lines.push(`  ${row.type}: ${renderObject(row, ['context', 'internal', 'selector'])},`);
  }
  lines.push('};', '', 'export const rawSelectors: Readonly<Record<string, RawSelector>> = {');
  for (const [name, selector] of [...selectors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push(`  ${name}: {`);
    if (selector.parent) lines.push(`    inherits: '${selector.parent}',`);
    lines.push('    calls: {');
    const rows = [...prototypes.difference(selector, selectors.get(selector.parent))];
    rows.sort(([a], [b]) => order.get(a) - order.get(b));
    for (const [helper, row] of rows)
      lines.push(`      ${helper}: ${renderObject(row, CALL_KEYS)},`);
    lines.push('    },', '  },');
  }
  return `${lines.join('\n')}\n};\n`;
}

function main() {
  const { values } = parseArgs({ options: { tree: { type: 'string' }, out: { type: 'string' } } });
  const tree = findTree(values.tree);
  if (!tree) {
    console.error(
      `generate-abi: ${TARBALL} is missing: apt-get install linux-source-6.12, or give --tree DIR`,
    );
    process.exit(4);
  }
  const out = values.out ?? OUTPUT;
  mkdirSync(out, { recursive: true });
  for (const [name, text] of Object.entries(generate(tree))) writeFileSync(join(out, name), text);
  const image = findImage();
  if (!image) {
    console.error(`generate-abi: the image of ${RELEASE} is missing: apt-get update, or set`);
    console.error('BEEYARD_KERNEL_IMAGE to a folder with boot/vmlinuz-* and boot/config-*');
    process.exit(4);
  }
  writeKernelData(kernelData(image), out);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
