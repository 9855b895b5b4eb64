/**
 * A virtual machine with Debian's kernel and nothing in it but `loader.c`: asks the real kernel what
 * it says of many small programs. Needs qemu-system-x86_64, gcc and cpio; the host's own kernel is
 * never asked anything. Emulated, a machine loads some thousand programs a second.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { findImage } from '../abi/image.mjs';

const LOADER = join(import.meta.dirname, 'loader.c');

/** The file `loader.c` reads: maps, then programs with their instructions. */
export class Cells {
  #parts = [];
  #maps;
  /** What each program is about, in their order. */
  keys = [];

  /** Maps as rows of eight numbers, see loader.c. */
  constructor(maps = []) {
    this.#maps = maps;
  }

  /** `insn`: the one after which r2 is of interest. */
  add(key, { type, attach = 0, target = 0, flags = 0, capabilities = 15, insn = 0xff }, insns) {
    this.#parts.push(
      words(type, attach, target, flags, capabilities, insns.length / 8, insn, 0),
      insns,
    );
    this.keys.push(key);
  }

  bytes() {
    return Buffer.concat([
      words(this.#maps.length),
      ...this.#maps.map((map) => words(...map)),
      ...this.#parts,
    ]);
  }
}

function words(...numbers) {
  const bytes = Buffer.alloc(4 * numbers.length);
  numbers.forEach((number, index) => bytes.writeUInt32LE(number >>> 0, 4 * index));
  return bytes;
}

/** Asks the kernel: { key, errno, register, words } for each cell. */
export function askKernel(cells) {
  const folder = findImage();
  if (!folder) throw new Error('the kernel image is missing: set BEEYARD_KERNEL_IMAGE');
  const work = mkdtempSync(join(tmpdir(), 'probe-'));
  try {
    const answers = runMachine(work, join(folder, 'boot'), cells.bytes());
    if (answers.length !== cells.keys.length) {
      throw new Error(`${answers.length} answers to ${cells.keys.length} questions`);
    }
    return answers.map((answer, index) => ({ key: cells.keys[index], ...answer }));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function runMachine(work, boot, bytes) {
  const root = join(work, 'root');
  execFileSync('mkdir', [root]);
  execFileSync('gcc', ['-static', '-O1', '-Wall', '-o', join(root, 'init'), LOADER]);
  writeFileSync(join(root, 'cells'), bytes);
  const archive = execFileSync('sh', ['-c', 'find . | cpio -o -H newc --quiet'], {
    cwd: root,
    maxBuffer: 2 ** 30,
  });
  writeFileSync(join(work, 'initrd'), gzipSync(archive, { level: 1 }));
  const kernel = readdirSync(boot).find((name) => name.startsWith('vmlinuz-'));
  copyFileSync(join(boot, kernel), join(work, 'kernel'));
  const output = join(work, 'answers');
  execFileSync('qemu-system-x86_64', machineArguments(work, output), { stdio: 'ignore' });
  const lines = readFileSync(output, 'latin1').split('\n');
  if (lines.at(-2) !== 'end') throw new Error(`the machine stopped early: ${lines.at(-2)}`);
  return lines.slice(0, -2).map((line) => {
    const [errno, register, text] = line.split('\t');
    if (text === undefined) throw new Error(line);
    return { errno: Number(errno), register, words: text };
  });
}

const MACHINE =
  '-machine q35 -accel tcg -cpu max -smp 1 -m 2048 -nodefaults -display none -no-reboot ' +
  '-serial null -device virtio-serial-pci -device virtserialport,chardev=out,nr=1';

const machineArguments = (work, output) =>
  MACHINE.split(' ').concat(
    ['-chardev', `file,id=out,path=${output}`],
    ['-kernel', join(work, 'kernel'), '-initrd', join(work, 'initrd')],
    ['-append', 'quiet panic=-1 rdinit=/init lsm=lockdown,capability,bpf'],
  );
