/** A file system in a file: the "newc" cpio archive that Linux unpacks when it starts. */
import { joinBytes } from '../../base/index.ts';

const REGULAR = 0o100755;
const ALIGN = 4;
const encoder = new TextEncoder();

/**
 * The archive of some files at the root, by name; each can be run. Documentation/driver-api/
 * early-userspace/buffer-format.rst describes it.
 *
 * @example
 * initramfs({ init: program, job: encodeJob(job) })
 */
export function initramfs(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const entries = Object.entries(files).flatMap(([name, bytes], index) =>
    entry(name, bytes, REGULAR, index + 1),
  );
  return joinBytes([...entries, ...entry('TRAILER!!!', new Uint8Array(0), 0, 0)]);
}

/** Header (hexadecimal words), name and bytes, each filled up to 4 bytes. */
function entry(name: string, bytes: Uint8Array, mode: number, inode: number): Uint8Array[] {
  const words = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length + 1, 0];
  const head = `070701${words.map((word) => word.toString(16).padStart(8, '0')).join('')}${name}\0`;
  return [encoder.encode(head), filler(head.length), bytes, filler(bytes.length)];
}

const filler = (length: number): Uint8Array => new Uint8Array(-length & (ALIGN - 1));
