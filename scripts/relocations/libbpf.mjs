/**
 * The kernel's own libbpf as a program that shows what it would load: built from the sources of
 * Debian's kernel package with `libbpf-relocate.c`, into the cache.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { testModules } from '../corpus/modules.mjs';
import { cacheFolder, keyOf } from '../corpus/paths.mjs';
import { kernelTree } from '../corpus/tree.mjs';
import { fail, root } from '../lib.mjs';

const SOURCE = join(root, 'scripts/relocations/libbpf-relocate.c');
const GENERATED = join(root, 'src/abi/generated/6.12');
const LIBRARIES = ['-lelf', '-lz', '-ldl'];
const RELEASE = '6.12.117+deb12-amd64';

/**
 * Compiles a program with libbpf linked in, into the cache unless it is there (ten seconds); its
 * path. `more` are words for the compiler, `after` for the linker, behind all libraries.
 */
export function buildWithLibbpf(name, source, more, after = []) {
  const library = join(kernelTree(), 'tools/lib/bpf');
  const words = [...more, ...after].join(' ');
  const key = keyOf(readFileSync(source), libraryText(library), words);
  const folder = cacheFolder(`${name}-${key}`);
  const program = join(folder, name);
  if (existsSync(program)) return program;
  const { headers, flags } = copyHeaders(library, folder);
  const sources = readdirSync(library).filter((each) => each.endsWith('.c'));
  const partial = `${program}.${process.pid}`;
  const options = ['-O1', '-w', '-D_GNU_SOURCE', '-D_LARGEFILE64_SOURCE', '-D_FILE_OFFSET_BITS=64'];
  const files = [source, ...sources.map((each) => join(library, each))];
  const { status, stderr } = spawnSync(
    'gcc',
    options.concat(flags, `-I${headers}`, more, files, LIBRARIES, after, '-o', partial),
    { encoding: 'utf8' },
  );
  if (status !== 0) {
    fail(`${name} does not compile (apt-get install gcc libelf-dev zlib1g-dev):\n${stderr}`, 4);
  }
  renameSync(partial, program);
  return program;
}

const libraryText = (library) => readFileSync(join(library, 'libbpf.c'));

/** The library's headers under <bpf/…>, and where its own sources look. */
function copyHeaders(library, folder) {
  const headers = join(folder, 'include');
  mkdirSync(join(headers, 'bpf'), { recursive: true });
  for (const name of readdirSync(library)) {
    if (name.endsWith('.h')) cpSync(join(library, name), join(headers, 'bpf', name));
  }
  const tools = join(library, '../..');
  const folders = [
    join(tools, 'include'),
    join(tools, 'include/uapi'),
    join(tools, 'lib'),
    library,
  ];
  return { headers, flags: folders.map((path) => `-I${path}`) };
}

/**
 * What libbpf makes of each object for Linux 6.12.117 with the modules of the selftests:
 * `[{ path, program, step, warning, maps, insns }]`, in the order of the objects. `step` is how far
 * it came: 'ok', 'left out' (a struct_ops program of a table that is not created), or what failed:
 * 'open', 'relocate', 'load'. `symbols` are more names for
 * /proc/kallsyms: [name, address].
 */
export function relocateWithLibbpf(paths, symbols = []) {
  const program = buildWithLibbpf('libbpf-relocate', SOURCE, ['-Wl,--wrap=btf_load_into_kernel']);
  const work = cacheFolder(`libbpf-run-${process.pid}`);
  try {
    const { files, modules } = writeKernel(work, symbols);
    const rows = [];
    for (let at = 0; at < paths.length; at += 50) {
      const some = paths.slice(at, at + 50);
      rows.push(...runOnce(program, [RELEASE, ...files, ...modules, '--', ...some]));
    }
    return rows;
  } finally {
    rmSync(work, { recursive: true });
  }
}

function runOnce(program, args) {
  const { status, signal, stdout, stderr } = spawnSync(program, args, {
    encoding: 'latin1',
    maxBuffer: 2 ** 30,
  });
  if (status !== 0) throw new Error(`libbpf-relocate ended with ${status ?? signal}: ${stderr}`);
  return stdout.split('\n').filter(Boolean).map(readRow);
}

function readRow(line) {
  const [path, program, step, warning, maps, insns] = line.split('\t');
  return { path, program, step, warning, maps: maps.split(','), insns: Buffer.from(insns, 'hex') };
}

const unpacked = (name) => gunzipSync(readFileSync(join(GENERATED, `${name}.gz`)));

function writeKernel(work, symbols) {
  const put = (name, bytes) => {
    const path = join(work, name);
    writeFileSync(path, bytes);
    return path;
  };
  const lines = symbols.map(([name, address]) => `${address.toString(16)} T ${name}\n`);
  const files = [
    put('vmlinux.btf', unpacked('vmlinux.btf')),
    put('kconfig', kernelConfig()),
    put('kallsyms', `1 T beeyard\n${lines.join('')}`),
  ];
  const facts = readFileSync(join(GENERATED, 'modules.ts'), 'utf8');
  const own = [...facts.matchAll(/^\s*name: '(\w+)'/gm)].map(([, name]) => [
    name,
    unpacked(`modules/${name}.btf`),
  ]);
  const tests = testModules().map(({ name, btf }) => [name, btf()]);
  const modules = [...own, ...tests].map(([name, btf]) => `${name}=${put(`${name}.btf`, btf)}`);
  return { files, modules };
}

/** The configuration of Linux 6.12.117 in the kernel's own form: an option a line. */
export function kernelConfig() {
  const text = unpacked('kconfig.txt').toString();
  const lines = text.split('\n').flatMap((line) => {
    const split = line.indexOf('=');
    const names = line.slice(0, Math.max(split, 0)).split(' ').filter(Boolean);
    return names.map((name) => `CONFIG_${name}${line.slice(split)}`);
  });
  return `${lines.join('\n')}\n`;
}
