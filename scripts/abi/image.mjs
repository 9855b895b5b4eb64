/**
 * Debian's kernel image package: finding it, and the parts of it that describe the kernel to BPF
 * programs (BTF, BTF id lists, configuration).
 *
 * It is looked for in this order: the folder $BEEYARD_KERNEL_IMAGE (an unpacked package, with
 * boot/vmlinuz-*), an unpacked copy in the cache folder, `apt-get download`.
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
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { MODULES, moduleFolder, readModules } from './modules.mjs';

/** The exact package all claims are about. */
export const RELEASE = '6.12.117+deb12-amd64';
/** Older kernels of Debian, of which what differs is taken: by version. */
export const OTHER_RELEASES = {
  6.1: { release: '6.1.0-56-amd64', version: '6.1.192' },
};
/** What a virtual machine with an older kernel needs: the newest has it built in. */
const DRIVERS = ['*/kernel/drivers/virtio/virtio*.ko*', '*/kernel/drivers/char/virtio_console.ko*'];
const packageOf = (release) => `linux-image-${release}-unsigned`;

/** Folder of the unpacked package; undefined when it can be had neither here nor from apt. */
export function findImage() {
  return process.env.BEEYARD_KERNEL_IMAGE || imageOf(RELEASE);
}

/** The same for any release. */
export function imageOf(release) {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'beeyard');
  const folder = join(cache, packageOf(release));
  return isWhole(folder) ? folder : fetchImage(cache, folder, packageOf(release));
}

/** Copies of an older format have no modules. */
const isWhole = (folder) => existsSync(join(folder, 'boot')) && moduleFolder(folder) !== undefined;

function fetchImage(cache, folder, name) {
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'fetch-'));
  try {
    execFileSync('apt-get', ['download', '-qq', name], { cwd: work, stdio: 'ignore' });
    const file = readdirSync(work).find((each) => each.endsWith('.deb'));
    const unpacked = join(work, 'x');
    mkdirSync(unpacked);
    const tar = execFileSync('dpkg-deb', ['--fsys-tarfile', join(work, file)], {
      maxBuffer: 2 ** 31 - 1,
    });
    const modules = MODULES.map((path) => `*/kernel/${path}.ko*`);
    const isOlder = Object.values(OTHER_RELEASES).some(
      ({ release }) => name === packageOf(release),
    );
    const parts = ['./boot/*', ...modules, ...(isOlder ? DRIVERS : [])];
    execFileSync('tar', ['-x', '-C', unpacked, '--wildcards', ...parts], { input: tar });
    if (!isWhole(folder)) rmSync(folder, { recursive: true, force: true });
    if (!existsSync(folder)) renameSync(unpacked, folder);
    return folder;
  } catch {
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** What the package holds: { release, config (text), btf, btfIds (bytes), modules }. */
export function readImage(folder) {
  const { elf, ...facts } = readKernel(folder, RELEASE);
  return { ...facts, btfIds: section(elf, '.BTF_ids'), modules: readModules(folder) };
}

/** An older kernel's image: { release, config, btf, btfIds, modules (none) }. */
export function readOlder(folder, release) {
  const { elf, ...facts } = readKernel(folder, release);
  return { ...facts, btfIds: section(elf, '.BTF_ids'), modules: [] };
}

function readKernel(folder, release) {
  const boot = join(folder, 'boot');
  const kernel = readdirSync(boot).find((name) => name.startsWith('vmlinuz-'));
  const found = kernel.slice('vmlinuz-'.length);
  if (found !== release) throw new Error(`${folder} holds ${found}, not ${release}`);
  const elf = uncompress(readFileSync(join(boot, kernel)));
  const config = readFileSync(join(boot, `config-${release}`), 'utf8');
  return { release, config, btf: section(elf, '.BTF'), elf };
}

/** vmlinux of a bzImage (Documentation/arch/x86/boot.rst). Debian compresses it: zstd, older xz. */
function uncompress(image) {
  if (image.toString('latin1', 0x202, 0x206) !== 'HdrS') throw new Error('not a bzImage');
  const start = ((image[0x1f1] || 4) + 1) * 512 + image.readUInt32LE(0x248);
  const payload = image.subarray(start, start + image.readUInt32LE(0x24c));
  const tool = { 0xfd2fb528: 'zstd', 0x587a37fd: 'xz' }[payload.readUInt32LE(0)];
  if (!tool) throw new Error('the kernel is compressed neither with zstd nor with xz');
  // The last word is the kernel's own note of the size.
  return execFileSync(tool, ['-dc'], {
    input: payload.subarray(0, -4),
    maxBuffer: 2 ** 30,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
}

/** Bytes of a section of an ELF file; of none if it is missing and `mayLack`. */
export function section(elf, wanted, mayLack = false) {
  const headers = Number(elf.readBigUInt64LE(0x28));
  const header = (index) => {
    const at = headers + 64 * index;
    const [offset, size] = [0x18, 0x20].map((field) => Number(elf.readBigUInt64LE(at + field)));
    return { name: elf.readUInt32LE(at), offset, size };
  };
  const names = header(elf.readUInt16LE(0x3e)).offset;
  for (let i = 0; i < elf.readUInt16LE(0x3c); i++) {
    const { name, offset, size } = header(i);
    const end = elf.indexOf(0, names + name);
    if (elf.toString('latin1', names + name, end) === wanted) {
      return elf.subarray(offset, offset + size);
    }
  }
  if (mayLack) return Buffer.alloc(0);
  throw new Error(`the kernel has no section ${wanted}`);
}
