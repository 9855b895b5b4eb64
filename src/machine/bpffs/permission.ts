import { type Credentials, knowsId, nsCapable } from '../../security/index.ts';
import { type Ownership, S_IFDIR } from './inode.ts';

export const MAY_EXEC = 1;
export const MAY_WRITE = 2;
export const MAY_READ = 4;

/** Whether somebody may do all of `wanted` with an inode (generic_permission of fs/namei.c). */
export function permits(who: Credentials, inode: Ownership, wanted: number): boolean {
  const { mode, uid, gid } = inode;
  const shift = who.uid === uid ? 6 : who.gid === gid ? 3 : 0;
  if ((wanted & ~(mode >> shift)) === 0) return true;
  // Capabilities count for files of users that the namespace knows.
  const { userns } = who;
  if (!knowsId(userns, uid) || !knowsId(userns, gid)) return false;
  const directory = (mode & S_IFDIR) !== 0;
  const looks = directory ? (wanted & MAY_WRITE) === 0 : wanted === MAY_READ;
  if (looks && nsCapable(who, userns, 'CAP_DAC_READ_SEARCH')) return true;
  return nsCapable(who, userns, 'CAP_DAC_OVERRIDE');
}
