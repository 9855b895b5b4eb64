/**
 * sched_ext, which Debian's 6.12 is built without: its kernel functions, its table of operations and
 * which operation may call what at run time, from kernel/sched/ext.c. The types become a BTF over
 * that of the image, as if sched_ext were a module: clang compiles the declarations of the source.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closing, evaluate, stripComments } from './c-text.mjs';

/** The kernel's own switch, and those of what it uses that Debian's configuration has. */
const CONFIG = ['CONFIG_EXT_GROUP_SCHED', 'CONFIG_SCHED_CLASS_EXT', 'CONFIG_SMP'];
/** What the declarations take from headers that are not read; HZ is Debian's. */
const DEFINES = [
  'BIT(n) (1U << (n))',
  'BIT_ULL(n) (1ULL << (n))',
  'U64_MAX (~0ULL)',
  'HZ 250',
  'SCHED_CAPACITY_SCALE 1024',
  'rcu_head callback_head',
  '____cacheline_aligned_in_smp __attribute__((aligned(64)))',
];
const STRUCT_OPS = 'sched_ext_ops';
/** Types of ext.c that programs and kernel functions meet. */
const TYPES = /^(?:struct|enum) (\w+) \{/gm;
const PRIVATE = /^scx_(?:dsp_|bstr_|dump_data|task_iter|enable_cmd|opi|tg_flags|ops_state)/;

/** Source text of every function: name → body. */
function functionBodies(text) {
  const bodies = new Map();
  for (const match of text.matchAll(/^(?:[\w*][\w *]*?\b)?(\w+)\((?:[^;{}]*?)\)\n\{/gm)) {
    const open = match.index + match[0].length - 1;
    bodies.set(match[1], text.slice(open, closing(text, open)));
  }
  return bodies;
}

/** What scx_kf_allowed is asked in a function or in those of the file that it calls. */
function demandOf(name, bodies, scope, seen = new Set()) {
  const body = bodies.get(name);
  if (body === undefined || seen.has(name)) return undefined;
  seen.add(name);
  const asked = /\bscx_kf_allowed(?:_on_arg_tasks)?\(([^,)]+)/.exec(body);
  if (asked) {
    const unlocked = body.includes('scx_kf_allowed_if_unlocked()');
    return { mask: Number(evaluate(asked[1], scope)), ...(unlocked && { unlocked }) };
  }
  for (const [, callee] of body.matchAll(/\b(scx_\w+)\(/g)) {
    const demand = demandOf(callee, bodies, scope, seen);
    if (demand) return demand;
  }
  return undefined;
}

/** Member → mask that is set while the kernel is in it. */
function memberMasks(text, scope) {
  const masks = {};
  const calls = /\bSCX_CALL_OP(?:_\w+)?\(\s*((?:SCX_KF_\w+)(?:\s*\|\s*SCX_KF_\w+)*),\s*(\w+)/g;
  for (const [, words, member] of text.matchAll(calls)) {
    const mask = Number(evaluate(words, scope));
    if (masks[member] !== undefined && masks[member] !== mask) {
      throw new Error(`ops.${member} is called with different masks`);
    }
    masks[member] = mask;
  }
  return masks;
}

function enumValues(text, name, scope) {
  const body = new RegExp(`enum ${name} \\{([\\s\\S]*?)\\n\\};`).exec(text)[1];
  for (const [, word, value] of body.matchAll(/(\w+)\s*=\s*([^,]+)(?:,|$)/g)) {
    scope.set(word, evaluate(value, scope));
  }
}

const definition = (text, at) => text.slice(at, closing(text, text.indexOf('{', at)));

/** Definitions of the types of the file, in its order, and those of the public header. */
function typeDefinitions(ext, header, known) {
  const from = (text) =>
    [...text.matchAll(TYPES)]
      .filter(([, name]) => !PRIVATE.test(name) && !known.has(name))
      .map((match) => `${definition(text, match.index)};`);
  const after = (text, name) => new RegExp(`^struct ${name} \\{`, 'm').exec(text).index;
  const wanted = ['scx_dispatch_q', 'scx_dsq_list_node'].map(
    (name) => `${definition(header, after(header, name))};`,
  );
  const enums = [...header.matchAll(/^enum (\w+) \{/gm)].map(
    (match) => `${definition(header, match.index)};`,
  );
  return [...enums, ...wanted, ...from(ext)];
}

/** Kernel functions as definitions that do nothing: what the compiler describes. */
function kfuncDefinitions(text, names) {
  return names.map((name) => {
    const head = new RegExp(`^__bpf_kfunc ([^;{}()]*?\\b${name}\\([^{]*\\))\\n\\{`, 'm').exec(text);
    if (!head) throw new Error(`no definition of ${name}`);
    return `${head[1]} { for (;;); }`;
  });
}

/** The operations with arguments that may be NULL, under the names the verifier looks for. */
function nullableStubs(text) {
  const body = /bpf_scx_is_valid_access\([^{]*\{([\s\S]*?)\n\}/.exec(text)[1];
  return [...body.matchAll(/set_arg_maybe_null\("(\w+)", (\d+)/g)].map(([, member, index]) => {
    const stub = new RegExp(`static (\\w+) ${member}_stub\\(([^)]*)\\)`).exec(text);
    const params = stub[2].split(', ');
    params[Number(index)] += '__nullable';
    const name = `${STRUCT_OPS}__${member}`;
    return `${stub[1]} ${name}(${params.join(', ')}) { for (;;); }`;
  });
}

/** Compiles declarations over those of a kernel; the bytes of the object. */
function compile(vmlinuxHeader, declarations) {
  const folder = mkdtempSync(join(tmpdir(), 'sched-ext-'));
  try {
    writeFileSync(join(folder, 'vmlinux.h'), vmlinuxHeader);
    const head = ['#include "vmlinux.h"', ...DEFINES.map((line) => `#define ${line}`)];
    writeFileSync(join(folder, 'ext.c'), `${head.join('\n')}\n${declarations.join('\n')}\n`);
    const flags = ['-g', '-O1', '-target', 'bpf', '-Wno-everything'];
    const defines = CONFIG.map((name) => `-D${name}=1`);
    const clang = process.env.CLANG ?? 'clang-19';
    const args = [...flags, ...defines, '-c', 'ext.c', '-o', 'ext.o'];
    execFileSync(clang, args, { cwd: folder, encoding: 'utf8' });
    return readFileSync(join(folder, 'ext.o'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A variable of the type, so that the compiler describes it. */
const uses = (type) => `${type} use_${type.replace(' ', '_')};`;

const enumsOf = (text) =>
  [...text.matchAll(/^enum (\w+) \{/gm)].map(([, name]) => name).filter((it) => !PRIVATE.test(it));

/**
 * Facts and BTF of sched_ext. `tools`: what of the built library turns an object into a BTF over
 * another: { headerOf(base), sectionOf(object), rebase(btf, base) }; `base` is the image's BTF.
 */
export function readSchedExt({ tree, sets, structOps, known, tools, base }) {
  const ext = stripComments(readFileSync(join(tree, 'kernel/sched/ext.c'), 'utf8'));
  const header = stripComments(readFileSync(join(tree, 'include/linux/sched/ext.h'), 'utf8'));
  const scope = new Map();
  enumValues(header, 'scx_kf_mask', scope);
  const names = [...new Set(sets.flatMap(({ kfuncs }) => kfuncs.map(([name]) => name)))];
  const flags = readFileSync(join(tree, 'kernel/sched/sched.h'), 'utf8');
  const declarations = [
    ...stripComments(flags).match(/^#define (?:WF|ENQUEUE|DEQUEUE)_\w+[ \t]+0x\w+/gm),
    ...typeDefinitions(ext, header, known),
    `struct bpf_struct_ops_${STRUCT_OPS} { struct bpf_struct_ops_common_value common; ` +
      `struct ${STRUCT_OPS} data ____cacheline_aligned_in_smp; };`,
    uses(`struct bpf_struct_ops_${STRUCT_OPS}`),
    ...[...enumsOf(header), ...enumsOf(ext)].map((name) => uses(`enum ${name}`)),
    ...kfuncDefinitions(ext, names),
    ...nullableStubs(ext),
  ];
  const object = compile(tools.headerOf(base), declarations);
  const { bytes, idOf } = tools.rebase(tools.sectionOf(object), base);
  const bodies = functionBodies(ext);
  const demands = names.flatMap((name) => {
    const demand = demandOf(name, bodies, scope);
    return demand ? [[name, demand]] : [];
  });
  return {
    btf: bytes,
    facts: {
      name: 'sched_ext',
      kfuncs: Object.fromEntries(sets.map((set) => [set.set, tableOf(set, idOf)])),
      destructors: {},
      structOps: {
        [STRUCT_OPS]: {
          supported: structOps[STRUCT_OPS].supported,
          helpers: structOps[STRUCT_OPS].helpers,
          sleepable: sleepableMembers(ext),
          masks: {
            words: maskWords(scope),
            members: memberMasks(ext, scope),
            kfuncs: Object.fromEntries(demands),
          },
        },
      },
    },
  };
}

function tableOf({ programs, kfuncs }, idOf) {
  const rows = kfuncs.map(([name, flags]) => [name, [idOf(name), flags]]);
  return { programs, kfuncs: Object.fromEntries(rows) };
}

/** Single bits by the kernel's word. */
const maskWords = (scope) =>
  Object.fromEntries(
    [...scope]
      .filter(([word, value]) => !word.startsWith('__') && value > 0)
      .map(([word, value]) => [word, Number(value)]),
  );

function sleepableMembers(text) {
  const body = /bpf_scx_check_member\([^{]*\{([\s\S]*?)\n\}/.exec(text)[1];
  const cases = body.slice(0, body.indexOf('break;'));
  return [...cases.matchAll(/offsetof\(struct sched_ext_ops, (\w+)\)/g)].map((match) => match[1]);
}

const FLAGS = {
  KF_ACQUIRE: 1,
  KF_RELEASE: 2,
  KF_RET_NULL: 4,
  KF_TRUSTED_ARGS: 16,
  KF_SLEEPABLE: 32,
  KF_DESTRUCTIVE: 64,
  KF_RCU: 128,
  KF_ITER_NEW: 256,
  KF_ITER_NEXT: 512,
  KF_ITER_DESTROY: 1024,
  KF_RCU_PROTECTED: 2048,
};

/** Kernel function sets of a source text: [{ set, programs, kfuncs: [name, flags][] }]. */
export function kfuncSetsOf(text, registrations) {
  const pattern = /\bBTF_KFUNCS_START\((\w+)\)([\s\S]*?)BTF_KFUNCS_END\(\1\)/g;
  return [...stripComments(text).matchAll(pattern)].map(([, set, body]) => ({
    set,
    programs: registrations.get(set).programs,
    kfuncs: [...body.matchAll(/BTF_ID_FLAGS\(func, (\w+)(?:, ([\w |]+))?\)/g)].map(
      ([, name, flags]) => [name, flagsOf(flags)],
    ),
  }));
}

const flagsOf = (words = '') =>
  words
    .split('|')
    .map((word) => word.trim())
    .filter((word) => word !== '')
    .reduce((flags, word) => flags | FLAGS[word], 0);
