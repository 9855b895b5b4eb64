import { KernelError } from '../../base/index.ts';
import { refuse } from '../errno.ts';
import { MachineMap } from '../map.ts';
import type { KernelObject } from '../objects/object.ts';
import type { Directory, Inode, Pin, PinKind } from './inode.ts';
import type { FileTree } from './tree.ts';

/** BPF_OBJ_PIN: the pin holds the object until it is taken away. Throws KernelError. */
export function pinObject(
  files: FileTree,
  path: string,
  kind: PinKind,
  object: KernelObject,
  from?: Directory,
): void {
  const place = files.placeFor(path, from);
  if (!place.parent.mount) refuse('EPERM', `'${path}' is in no bpffs`);
  files.addPin(place, pinOf(kind, object));
}

function pinOf(kind: PinKind, object: KernelObject): Omit<Pin, 'ino' | 'mode'> {
  if (object instanceof MachineMap) {
    object.holdUser();
    return { kind, object, release: () => object.dropUser() };
  }
  object.hold();
  return { kind, object, release: () => object.drop() };
}

/** What is pinned at a path. Throws KernelError: ENOENT, EACCES for what is no pin. */
export function findPin(files: FileTree, path: string, from?: Directory): Pin {
  const inode = files.find(path, from);
  return isPin(inode) ? inode : refuse('EACCES', `'${path}' is no pinned object`);
}

/** The map pinned at a path, or undefined: nothing is, or something else. */
export function findPinnedMap(files: FileTree, path: string): MachineMap | undefined {
  try {
    const { object } = findPin(files, path);
    return object instanceof MachineMap ? object : undefined;
  } catch (error) {
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}

/** Every pin below a directory, with its path. */
export function* pinsBelow(
  directory: Directory,
  path: string,
): IterableIterator<readonly [path: string, pin: Pin]> {
  for (const [name, inode] of directory.entries) {
    const here = `${path === '/' ? '' : path}/${name}`;
    if (inode.kind === 'dir') yield* pinsBelow(inode, here);
    else if (isPin(inode)) yield [here, inode];
  }
}

const isPin = (inode: Inode): inode is Pin => inode.kind !== 'dir' && inode.kind !== 'symlink';
