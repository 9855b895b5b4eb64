/**
 * Kernel modules that bring kernel functions: their BTF (over that of the kernel) and what they
 * register, from their object files and their sources.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readKfuncs } from './btf-ids.mjs';
import { scanBtf, scanSplitBtf } from './btf-scan.mjs';
import { stripComments } from './c-text.mjs';
import { section } from './image.mjs';

/** Those of the image, in the order a machine that needs them all loads them. */
export const MODULES = [
  'net/netfilter/nf_conntrack',
  'net/netfilter/nf_nat',
  'net/netfilter/nf_flow_table',
  'net/xfrm/xfrm_interface',
  'net/ipv4/fou',
  'net/ipv4/tcp_bbr',
  'net/ipv4/tcp_dctcp',
];

/** Where a package has its modules, or undefined. */
export function moduleFolder(folder) {
  const roots = ['lib/modules', 'usr/lib/modules'].map((name) => join(folder, name));
  const root = roots.find((path) => existsSync(path));
  return root && join(root, readdirSync(root)[0], 'kernel');
}

/** Object files of `MODULES` below the unpacked package: [{ name, elf }]. */
export function readModules(folder) {
  const root = moduleFolder(folder);
  return MODULES.map((path) => ({ name: basename(path), elf: readModule(join(root, path)) }));
}

function readModule(path) {
  if (existsSync(`${path}.ko`)) return readFileSync(`${path}.ko`);
  return execFileSync('xz', ['-dc', `${path}.ko.xz`], { maxBuffer: 2 ** 30 });
}

/**
 * What a module registers: { name, btf (bytes), kfuncs, destructors }. `files` are [path, text] of
 * sources, among them the module's; `base` is the kernel's BTF.
 */
export function moduleFacts({ name, elf }, base, files) {
  const btf = section(elf, '.BTF');
  const scan = scanSplitBtf(btf, base);
  const ids = section(elf, '.BTF_ids', true);
  const bytes = ids.buffer.slice(ids.byteOffset, ids.byteOffset + (ids.length & ~3));
  const words = new Uint32Array(bytes);
  const known = { names: scan.names, funcs: new Map() };
  const kfuncs = {};
  for (const { set, ...facts } of readKfuncs(words, known, files)) kfuncs[set] = tableOf(facts);
  return { name, btf, kfuncs, destructors: destructors(files, scan) };
}

function tableOf({ programs, filter, kfuncs }) {
  const table = Object.fromEntries(kfuncs.map(([name, id, flags]) => [name, [id, flags]]));
  return { programs, ...(filter && { filter }), kfuncs: table };
}

/** Struct → function that releases a kptr to it. */
function destructors(files, { funcs }) {
  const found = {};
  for (const [, text] of files) {
    const list = /BTF_ID_LIST\(\w*dtor_ids\)\s*((?:BTF_ID\(\w+, \w+\)\s*)+)/g;
    for (const [, body] of stripComments(text).matchAll(list)) {
      const ids = [...body.matchAll(/BTF_ID\((\w+), (\w+)\)/g)].map((match) => match[2]);
      for (let i = 0; i + 1 < ids.length; i += 2) {
        if (funcs.has(ids[i + 1])) found[ids[i]] = ids[i + 1];
      }
    }
  }
  return found;
}

const initializer = (text, name) =>
  new RegExp(`\\b${name}\\s*=\\s*\\{([\\s\\S]*?)\\n\\};`).exec(text)?.[1] ?? '';
const member = (body, name) => new RegExp(`\\.${name}\\s*=\\s*&?"?(\\w+)`).exec(body)?.[1];

/** Tables of operations a module lets programs fill (struct bpf_struct_ops). */
export function structOps(files) {
  const found = {};
  for (const [, raw] of files) {
    const text = stripComments(raw);
    for (const [, variable] of text.matchAll(/struct bpf_struct_ops\s+(\w+)\s*=\s*\{/g)) {
      const body = initializer(text, variable);
      const later = new RegExp(`${variable}\\.cfi_stubs\\s*=\\s*&(\\w+)`).exec(text)?.[1];
      const stubsName = member(body, 'cfi_stubs') ?? later;
      const stubs = initializer(text, stubsName);
      const ops = initializer(text, member(body, 'verifier_ops'));
      const write = member(ops, 'btf_struct_access');
      const writable = write && writableStruct(text, write);
      const helpers = member(ops, 'get_func_proto');
      const prologues = moduleCode(text, member(ops, 'gen_prologue'));
      const epilogues = moduleCode(text, member(ops, 'gen_epilogue'));
      found[member(body, 'name')] = {
        supported: [
          ...[...stubs.matchAll(/\.(\w+)\s*=/g)].map((match) => match[1]),
          ...numbered(text, stubsName),
        ],
        ...(helpers && { helpers }),
        ...(writable && { writable }),
        ...(prologues && { prologues }),
        ...(epilogues && { epilogues }),
      };
    }
  }
  return found;
}

/** What a function puts around programs of the members it names: `{ members, code }`. */
function moduleCode(text, name) {
  if (!name) return undefined;
  const start = text.search(new RegExp(`\\b${name}\\(struct bpf_insn`));
  const body = text.slice(start, text.indexOf('\n}', start));
  const condition = body.slice(0, body.indexOf('return 0'));
  const emitted = [...body.matchAll(/\*insn\+\+ = (BPF_\w+)(?:\(([^;]*)\))?;/g)];
  return {
    members: [...condition.matchAll(/"(\w+)"/g)].map((match) => match[1]),
    code: emitted.map(([, macro, words]) => EMITTED[macro](...argumentsOf(words))),
  };
}

/** The kernel's text of what its macros make. */
const EMITTED = {
  BPF_LDX_MEM: (_, dst, src, off) => `${dst} = *(u64 *)(${src} + ${off})`,
  BPF_STX_MEM: (_, dst, src, off) => `*(u64 *)(${dst} + ${off}) = ${src}`,
  BPF_ALU64_IMM: (operation, dst, imm) => `${dst} ${OPERATORS[operation]} ${imm}`,
  BPF_MOV64_REG: (dst, src) => `${dst} = ${src}`,
  BPF_EXIT_INSN: () => 'exit',
};
const OPERATORS = { BPF_ADD: '+=', BPF_MUL: '*=' };

/** Registers, numbers, members of structs; where the context is kept. */
function argumentsOf(words) {
  const known = words
    .replaceAll(/offsetof\(struct (\w+), (\w+)\)/g, '$1.$2')
    .replaceAll('BPF_REG_FP', 'r10')
    .replaceAll(/BPF_REG_(\d+)/g, 'r$1')
    .replaceAll('ctx_stack_off', 'CONTEXT');
  return known.split(',').map((word) => word.trim());
}

/** Members that a loop from the first to the last of a row fills: 'tramp_1' … 'tramp_40'. */
function numbered(text, stubs) {
  const ends = [...text.matchAll(new RegExp(`&${stubs}\\.(\\w+_)(\\d+)`, 'g'))];
  if (ends.length !== 2) return [];
  const [first, last] = ends.map((match) => Number(match[2]));
  return Array.from({ length: last - first + 1 }, (_, i) => `${ends[0][1]}${first + i}`);
}

/** The struct whose size limits what may be written. */
function writableStruct(text, name) {
  const start = text.search(new RegExp(`\\b${name}\\(struct bpf_verifier_log`));
  return /sizeof\(struct (\w+)\)/.exec(text.slice(start))[1];
}

/** Sources of the modules: files of the tree below their folders that the generator reads. */
export function moduleSources(files) {
  const folders = [...new Set(MODULES.map((path) => path.slice(0, path.lastIndexOf('/') + 1)))];
  return files.filter(([path]) => folders.some((folder) => path.startsWith(folder)));
}

/** Facts of every module of the image; `image` as readImage returns it. */
export function imageModules(image, files) {
  const base = scanBtf(image.btf);
  const sources = moduleSources(files);
  return image.modules.map((module) => ({ ...moduleFacts(module, base, sources), structOps: {} }));
}

/** modules.ts: everything but the BTF. */
export function renderModules(modules, banner) {
  const facts = modules.map((module) => ({ ...module, btf: undefined }));
  const text = JSON.stringify(facts, undefined, 2)
    .replace(/\[\s+(\d+),\s+(\d+)\s+\]/g, '[$1, $2]')
    .replace(/"(\w+)":/g, '$1:')
    .replace(/"/g, "'");
  return `${banner}
import type { ModuleFacts } from '../../modules.ts';

/** What modules of the kernel register, in the order they are loaded. */
export const rawModules: readonly ModuleFacts[] = ${text};
`;
}
