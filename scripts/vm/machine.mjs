/**
 * A virtual machine with Debian's kernel and nothing in it but `loader.c`, which carries out a plan.
 * Nothing stays behind when this process is killed: the machine dies with it, and what it starts from
 * is a file that has no name any more.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RELEASE, findImage } from '../abi/image.mjs';
import { cacheFolder, keyOf } from '../corpus/paths.mjs';
import { fail, has } from '../lib.mjs';
import { initramfs } from './initramfs.mjs';
import { AnswerReader, Plan } from './plan.mjs';

const SOURCES = ['loader.c', 'boot.c', 'objects.c', 'sockets.c', 'sockmap.c'].map((name) =>
  join(import.meta.dirname, name),
);
const QEMU = 'qemu-system-x86_64';
const MEGABYTES = 1536;
/** Where the child finds the initramfs among its files. */
const INITRAMFS_FD = 3;
/** Console and answers go to these of them, sockets (as Node's pipes are). */
const CONSOLE_FD = 4;
const ANSWERS_FD = 5;
const CONSOLE_LINES = 20;
/** Seconds in which a machine with KVM starts and ends. */
const KVM_BOOT = 20;

/** What is missing to start a machine, in one line, or undefined. */
export function missingTools() {
  const packages = [
    ...(has(QEMU) ? [] : ['qemu-system-x86']),
    ...(has('gcc') ? [] : ['gcc', 'libc6-dev']),
  ];
  if (packages.length > 0)
    return `missing: apt-get install --no-install-recommends ${packages.join(' ')}`;
  if (kernelFile()) return undefined;
  return (
    `missing: the kernel ${RELEASE}, which apt-get download gives on Debian 12 with backports; ` +
    'elsewhere unpack linux-image-*-amd64-unsigned and name its folder in BEEYARD_KERNEL_IMAGE'
  );
}

function kernelFile() {
  const folder = findImage();
  if (!folder) return undefined;
  const boot = join(folder, 'boot');
  const name = readdirSync(boot).find((one) => one.startsWith('vmlinuz-'));
  return name && join(boot, name);
}

/** What the machine's devices need, in an order that works; the newest kernel has it built in. */
const DRIVERS = [
  'virtio_ring',
  'virtio',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_pci',
  'virtio_console',
  // What netfilter links ask for that want packets whole; only in a whole image (BEEYARD_KERNEL_IMAGE).
  'nf_defrag_ipv4',
  'nf_defrag_ipv6',
];

/** Those of the image's drivers that are modules, by the name the loader looks for. */
function driverModules() {
  const folder = join(findImage(), 'lib', 'modules');
  if (!existsSync(folder)) return {};
  const paths = readdirSync(folder, { recursive: true });
  const found = DRIVERS.map((name) =>
    paths.find((path) => path.endsWith(`/${name}.ko`) || path.endsWith(`/${name}.ko.xz`)),
  );
  const modules = found.filter((path) => path !== undefined);
  return Object.fromEntries(
    modules.map((path, i) => [`module${i}`, moduleBytes(join(folder, path))]),
  );
}

function moduleBytes(path) {
  if (path.endsWith('.ko')) return readFileSync(path);
  const { stdout, status } = spawnSync('xz', ['-dc', path], { maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`xz cannot read ${path}`);
  return stdout;
}

/** The loader, compiled when its source is new. Throws when the compiler cannot. */
export function loaderProgram() {
  const path = join(
    cacheFolder('vm'),
    `loader-${keyOf(...SOURCES.map((path) => readFileSync(path, 'utf8')))}`,
  );
  if (existsSync(path)) return path;
  const partial = `${path}.${process.pid}`;
  const args = ['-static', '-O1', '-Wall', '-o', partial, ...SOURCES];
  const { status, stderr, error } = spawnSync('gcc', args, { encoding: 'utf8' });
  if (status !== 0) {
    rmSync(partial, { force: true });
    throw new Error(`gcc cannot compile ${SOURCES[0]}: ${error?.message ?? stderr}`);
  }
  renameSync(partial, path);
  return path;
}

/** What ends this process, and the exit codes a shell gives for it. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** Machines that run now: ended when this process is told to end. */
const running = new Set();

/** Called when the first machine starts. */
function endThemWithUs() {
  if (running.size > 0) return;
  for (const [signal, code] of Object.entries(SIGNALS)) {
    if (process.listenerCount(signal) === 0) process.on(signal, () => process.exit(code));
  }
  process.removeListener('exit', endAll);
  process.on('exit', endAll);
}

function endAll() {
  for (const child of running) child.kill('SIGKILL');
}

/**
 * Boots a machine that carries out the plan; `given(command, answer)` gets the answers as they come.
 * Resolves to `{ ended, last, console, seconds }`: did it get to the end, the last command that was
 * answered, what the kernel printed. `seconds`: when to give up; `accelerator`: 'kvm' or 'tcg'.
 */
export function runPlan(plan, given, { seconds, accelerator }) {
  const files = openInitramfs({
    init: readFileSync(loaderProgram()),
    plan: plan.bytes(),
    ...driverModules(),
  });
  const [command, ...args] = [...dyingWithParent(), QEMU, ...machineArguments(accelerator)];
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe', files, 'pipe', 'pipe'],
  });
  closeSync(files);
  endThemWithUs();
  running.add(child);
  const start = performance.now();
  const reader = new AnswerReader(plan, given);
  const printed = [];
  child.stdio[ANSWERS_FD].on('data', (chunk) => {
    reader.push(chunk);
    if (reader.ended) child.kill('SIGKILL');
  });
  for (const stream of [child.stderr, child.stdio[CONSOLE_FD]]) {
    stream.on('data', (chunk) => printed.push(chunk));
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      running.delete(child);
      const lines = Buffer.concat(printed).toString('latin1').trim().split(/\r?\n/);
      resolve({
        ended: reader.ended,
        last: reader.last,
        console: lines.slice(-CONSOLE_LINES).join('\n'),
        seconds: (performance.now() - start) / 1000,
      });
    });
  });
}

/** 'kvm' when this kernel boots with it, else 'tcg'. */
export async function chooseAccelerator() {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return 'tcg';
  }
  const { ended } = await runPlan(new Plan(), () => {}, { seconds: KVM_BOOT, accelerator: 'kvm' });
  return ended ? 'kvm' : 'tcg';
}

/** An open file without a name. */
function openInitramfs(files) {
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-vm-'));
  try {
    const path = join(folder, 'initramfs');
    writeFileSync(path, initramfs(files));
    return openSync(path, 'r');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Linux ends a process with its parent when it is asked to before it starts. */
const dyingWithParent = () => (has('setpriv') ? ['setpriv', '--pdeathsig', 'KILL'] : []);

const MACHINE =
  '-machine q35 -smp 1 -nodefaults -display none -no-reboot -serial chardev:console ' +
  '-device virtio-serial-pci -device virtserialport,chardev=answers,nr=1';
/** no_timer_check: on a busy host the emulated timer is slower than the kernel believes possible. */
const KERNEL_WORDS =
  'no_timer_check console=ttyS0 quiet loglevel=3 panic=-1 rdinit=/init lsm=lockdown,capability,bpf';

function machineArguments(accelerator) {
  const processor = accelerator === 'kvm' ? 'host' : 'max';
  return [
    ...`-accel ${accelerator} -cpu ${processor} -m ${MEGABYTES}`.split(' '),
    ...`-chardev socket,id=console,fd=${CONSOLE_FD}`.split(' '),
    ...`-chardev socket,id=answers,fd=${ANSWERS_FD}`.split(' '),
    ...MACHINE.split(' '),
    '-kernel',
    kernelFile(),
    '-initrd',
    `/proc/self/fd/${INITRAMFS_FD}`,
    '-append',
    KERNEL_WORDS,
  ];
}

/**
 * The answers to a whole plan, by command. A machine that stops before the end of it ends the
 * program with 1. `accelerator`: chosen if undefined.
 */
export async function answersTo(plan, accelerator) {
  const answers = new Map();
  const { ended, console, last } = await runPlan(
    plan,
    (command, answer) => answers.set(command, answer),
    { seconds: 600, accelerator: accelerator ?? (await chooseAccelerator()) },
  );
  if (!ended) fail(`the machine stopped after command ${last} of ${plan.length}: ${console}`, 1);
  return answers;
}
