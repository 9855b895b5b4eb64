import { KernelError } from '../../base/index.ts';
import { type Credentials, knowsId } from '../../security/index.ts';
import { refuse } from '../errno.ts';
import { MachineMap } from '../map.ts';
import type { KernelObject } from '../objects/object.ts';
import type { Directory, Inode, Pin, PinKind } from './inode.ts';
import { MAY_EXEC, MAY_READ, MAY_WRITE, permits } from './permission.ts';
import type { FileTree } from './tree.ts';

/**
 * BPF_OBJ_PIN: the pin holds the object until it is taken away. It belongs to `who`, or to root,
 * whom nobody asks. Throws KernelError.
 */
export function pinObject(
  files: FileTree,
  path: string,
  kind: PinKind,
  object: KernelObject,
  from?: Directory,
  who?: Credentials,
): void {
  const place = files.placeFor(path, from, false, who);
  const { mount } = place.parent;
  if (!mount) refuse('EPERM', `'${path}' is in no bpffs`);
  if (who) {
    const known = knowsId(mount.userns, who.uid) && knowsId(mount.userns, who.gid);
    if (!known) refuse('EOVERFLOW', 'the bpffs does not know the user');
    if (!permits(who, place.parent, MAY_WRITE | MAY_EXEC)) refuse('EACCES', 'may not write there');
  }
  files.addPin(place, pinOf(kind, object, who));
}

function pinOf(
  kind: PinKind,
  object: KernelObject,
  { uid = 0, gid = 0 }: Partial<Credentials> = {},
): Omit<Pin, 'ino' | 'mode'> {
  if (object instanceof MachineMap) {
    object.holdUser();
    return { kind, object, uid, gid, release: () => object.dropUser() };
  }
  object.hold();
  return { kind, object, uid, gid, release: () => object.drop() };
}

/** What somebody wants of a pin. */
export interface PinUser {
  readonly credentials: Credentials;
  readonly read: boolean;
  readonly write: boolean;
}

/**
 * What is pinned at a path. Throws KernelError: ENOENT, EACCES for what is no pin, or not for
 * `user`.
 */
export function findPin(files: FileTree, path: string, from?: Directory, user?: PinUser): Pin {
  const inode = files.find(path, from, user?.credentials);
  if (user) {
    const wanted = (user.read ? MAY_READ : 0) | (user.write ? MAY_WRITE : 0);
    if (!permits(user.credentials, inode, wanted)) refuse('EACCES', `'${path}' is not for you`);
  }
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
