/** A file system in a file: the "newc" cpio archive that Linux unpacks when it starts. */

const REGULAR = 0o100755;
const ALIGN = 4;

/** The archive of some files at the root: `{ name: bytes }`. */
export function initramfs(files) {
  const entries = Object.entries(files).map(([name, bytes], index) =>
    entry(name, bytes, REGULAR, index + 1),
  );
  return Buffer.concat([...entries.flat(), ...entry('TRAILER!!!', Buffer.alloc(0), 0, 0)]);
}

/** Header (hexadecimal words), name and bytes, each filled up to 4 bytes. */
function entry(name, bytes, mode, inode) {
  const words = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length + 1, 0];
  const head = `070701${words.map((word) => word.toString(16).padStart(8, '0')).join('')}${name}\0`;
  return [Buffer.from(head), filler(head.length), bytes, filler(bytes.length)];
}

const filler = (length) => Buffer.alloc(-length & (ALIGN - 1));
