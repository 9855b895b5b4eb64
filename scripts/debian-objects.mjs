/** BPF objects of Debian packages: files, and those embedded in binaries. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { fail, has } from './lib.mjs';

export const PACKAGES = ['xdp-tools', 'libxdp1', 'libbpf-tools'];
const EM_BPF = 247;
const ELF_MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);
const ELF_HEADER_SIZE = 64;

function isInstalled(name) {
  const result = spawnSync('dpkg-query', ['-W', '-f', '${Status}', name], { encoding: 'utf8' });
  return result.stdout?.includes('install ok installed') ?? false;
}

/** Installs them (apt-get, as root) when they are not there. */
export function installPackages() {
  if (!has('apt-get')) fail('the objects come from Debian packages: no apt-get here', 4);
  const missing = PACKAGES.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  if (process.getuid() !== 0) fail(`run as root first: apt-get install ${missing.join(' ')}`, 5);
  process.stderr.write(`Installing ${missing.join(', ')} (apt-get) …\n`);
  const apt = (...args) => spawnSync('apt-get', args, { encoding: 'utf8' });
  apt('update');
  const { status, stderr } = apt('install', '-y', '--no-install-recommends', ...missing);
  if (status !== 0) fail(`apt-get cannot install ${missing.join(', ')}: ${lastLine(stderr)}`, 4);
}

const lastLine = (text) => text.trim().split('\n').at(-1);

/** Every object of the packages once, with the first place it is in. */
export function findObjects() {
  const listed = spawnSync('dpkg', ['-L', ...PACKAGES], { encoding: 'utf8' }).stdout.split('\n');
  const paths = listed.filter((path) => /\.o$|\/s?bin\/.|\.so\./.test(path));
  const objects = new Map();
  for (const path of new Set(paths)) {
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) continue;
    for (const { name, bytes } of objectsIn(path)) {
      const hash = createHash('sha256').update(bytes).digest('hex');
      const known = objects.get(hash);
      if (known) known.copies++;
      else objects.set(hash, { name, bytes, hash, copies: 1 });
    }
  }
  return [...objects.values()];
}

/** The file itself, or the objects inside a binary: BPF headers in its data. */
function objectsIn(path) {
  const file = readFileSync(path);
  if (path.endsWith('.o')) return [{ name: basename(path), bytes: file }];
  const found = [];
  for (let at = file.indexOf(ELF_MAGIC); at >= 0; at = file.indexOf(ELF_MAGIC, at + 1)) {
    const size = embeddedSize(file.subarray(at));
    if (size > 0) {
      const name = `${basename(path)} #${found.length + 1}`;
      found.push({ name, bytes: file.subarray(at, at + size) });
    }
  }
  return found;
}

/** Bytes of the BPF object at the start of `bytes`, 0 if there is none: section headers end it. */
function embeddedSize(bytes) {
  if (bytes.length < ELF_HEADER_SIZE || bytes.readUInt16LE(18) !== EM_BPF) return 0;
  const end = Number(bytes.readBigUInt64LE(40)) + bytes.readUInt16LE(58) * bytes.readUInt16LE(60);
  return end <= bytes.length ? end : 0;
}
