/** A virtual machine with busybox, ip and a program of ours: what the record-*.mjs scripts boot. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findImage, RELEASE } from '../abi/image.mjs';
import { fail, root } from '../lib.mjs';

/** When a machine is given up. */
const SECONDS = 600;
/** Of its words, how many are shown then. */
const TAIL = 3000;

export function tool(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: 'buffer', maxBuffer: 1 << 28, ...options });
  if (result.error) fail(`${command}: ${result.error.message}`, 4);
  if (result.status !== 0) fail(`${command} ${args.join(' ')}\n${result.stderr}`);
  return result.stdout;
}

/** Puts a file into the folder of the machine's first file system. */
function put(folder, path, to) {
  mkdirSync(join(folder, dirname(to)), { recursive: true });
  copyFileSync(path, join(folder, to));
}

/** A program of the host with the libraries it names. */
function putProgram(folder, name) {
  const path = tool('which', [name]).toString().trim();
  put(folder, path, `bin/${name}`);
  for (const library of tool('ldd', [path]).toString().match(/\/\S+/g) ?? []) {
    put(folder, library, library.slice(1));
  }
}

/** Compiles a program of this folder against the libbpf in $LIBBPF. */
function compile(folder, name) {
  const libbpf = process.env.LIBBPF ?? fail('LIBBPF names no folder with a static libbpf', 4);
  const libraries = [join(libbpf, 'lib64', 'libbpf.a'), '-lelf', '-lz', '-lzstd'];
  const output = ['-o', join(folder, name)];
  const source = join(root, 'scripts', 'vm', `${name}.c`);
  tool('gcc', ['-O1', '-static', `-I${join(libbpf, 'include')}`, ...output, source, ...libraries]);
}

/**
 * Boots the machine and returns its console. `init`: the first process, a shell script; `program`: a C
 * file of this folder; `files`: paths in the machine with paths here, or contents; `programs`: of the
 * host's; `modules`: of the kernel, by name, put into /modules; `cpus`.
 */
export function runGuest({ init, program, files = {}, programs = ['ip'], modules = [], cpus = 1 }) {
  const scratch = mkdtempSync(join(tmpdir(), 'beeyard-guest-'));
  try {
    const folder = join(scratch, 'root');
    for (const name of ['proc', 'sys', 'dev', 'run', 'etc', 'bin', 'tmp']) {
      mkdirSync(join(folder, name), { recursive: true });
    }
    put(folder, tool('which', ['busybox']).toString().trim(), 'bin/busybox');
    for (const name of programs) putProgram(folder, name);
    if (program) compile(folder, program);
    for (const [to, from] of Object.entries(files)) {
      if (typeof from === 'string') put(folder, from, to);
      else writeFileSync(join(folder, to), from.contents);
    }
    putModules(folder, modules);
    writeFileSync(join(folder, 'init'), init, { mode: 0o755 });
    const input = tool('find', ['.'], { cwd: folder });
    const archive = tool('cpio', ['-o', '-H', 'newc', '--quiet'], { cwd: folder, input });
    const initrd = join(scratch, 'initrd');
    writeFileSync(initrd, archive);
    return boot(initrd, cpus).replaceAll('\r', '');
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const image = () => findImage() ?? fail(`no kernel ${RELEASE}`, 4);

/** Loaded by the first process in the order of their names: '00-veth.ko'. */
function putModules(folder, modules) {
  if (modules.length === 0) return;
  const from = process.env.KERNEL_MODULES ?? join(image(), 'lib', 'modules');
  const paths = readdirSync(from, { recursive: true });
  mkdirSync(join(folder, 'modules'));
  modules.forEach((name, i) => {
    const path = paths.find((one) => new RegExp(`/${name}\\.ko(\\.xz)?$`).test(one));
    if (!path) fail(`no module ${name} below ${from}: KERNEL_MODULES names a folder with all`, 4);
    const bytes = path.endsWith('.xz') ? tool('xz', ['-dc', join(from, path)]) : join(from, path);
    const to = join(folder, 'modules', `${String(i).padStart(2, '0')}-${name}.ko`);
    if (typeof bytes === 'string') copyFileSync(bytes, to);
    else writeFileSync(to, bytes);
  });
}

function boot(initrd, cpus) {
  const folder = join(image(), 'boot');
  const kernel = readdirSync(folder).find((name) => name.startsWith('vmlinuz-'));
  const speed = ['-accel', 'tcg', '-cpu', 'max'];
  const machine = ['-machine', 'q35', ...speed, '-smp', String(cpus), '-m', '1024'];
  const devices = ['-nodefaults', '-display', 'none', '-no-reboot', '-serial', 'stdio'];
  const files = ['-kernel', join(folder, kernel), '-initrd', initrd];
  const append = ['-append', 'console=ttyS0 quiet loglevel=3 panic=-1'];
  const text = join(dirname(initrd), 'console');
  const output = openSync(text, 'w');
  const options = { timeout: SECONDS * 1000, stdio: ['ignore', output, 'inherit'] };
  const { error } = spawnSync(
    'qemu-system-x86_64',
    [...machine, ...devices, ...files, ...append],
    options,
  );
  closeSync(output);
  const said = readFileSync(text, 'utf8');
  if (error) fail(`${error.message}; the machine said:\n${said.slice(-TAIL)}`);
  return said;
}

/** Lines of a console by their first word, split at blanks. */
export function wordsOf(text, word) {
  const lines = text.split('\n').map((line) => line.trim().split(' '));
  return lines.filter(([first]) => first === word);
}
