/** fsopen(2), fsconfig(2), fsmount(2), move_mount(2) of bpffs, and mount(2) in one step. */
import { nsCapable, type UserNamespace } from '../../security/index.ts';
import type { MountOptions, Mount } from '../bpffs/inode.ts';
import { defaultOptions, setMountOption, setMountOptions } from '../bpffs/mount-options.ts';
import { refuse } from '../errno.ts';
import type { Process } from './process.ts';

/** A bpffs that is being set up. It belongs to the user namespace of whoever opened it. */
export interface FsContext {
  readonly userns: UserNamespace;
  readonly options: MountOptions;
  phase: 'parameters' | 'ready' | 'failed' | 'mounted';
  mount: Mount | undefined;
}

/** Mounts are a matter of CAP_SYS_ADMIN in the user namespace of the caller's mount namespace. */
function needMount({ credentials }: Process): void {
  if (!nsCapable(credentials, credentials.userns, 'CAP_SYS_ADMIN')) {
    refuse('EPERM', 'CAP_SYS_ADMIN is missing in the own user namespace');
  }
}

/** fsopen("bpf"): a descriptor of a file system to be. Throws KernelError EPERM, ENODEV. */
export function fsopen(process: Process, name: string): number {
  needMount(process);
  if (name !== 'bpf') refuse('ENODEV', `there is no file system '${name}'`);
  const { userns } = process.credentials;
  const options = defaultOptions(process.credentials);
  const object: FsContext = { userns, options, phase: 'parameters', mount: undefined };
  return process.open({ kind: 'fscontext', object, read: true, write: true, release() {} });
}

/**
 * fsconfig(FSCONFIG_SET_STRING), or FSCONFIG_SET_FLAG without a value. Throws KernelError: EBUSY
 * when it is too late, and what `setMountOption` throws.
 */
export function fsconfig(process: Process, fd: number, name: string, value?: string): void {
  const context = process.get(fd, 'fscontext');
  if (context.phase === 'failed' || context.phase === 'ready') refuse('EBUSY');
  // Once mounted it stands where fspick(2) would put it: options are taken, and change nothing.
  const options = context.phase === 'mounted' ? { ...context.options } : context.options;
  const { first } = process.machine.users;
  setMountOption(options, name, value, {
    credentials: process.credentials,
    userns: context.userns,
    first,
  });
}

/** fsconfig(FSCONFIG_CMD_CREATE). Throws KernelError EBUSY, EPERM. */
export function fscreate(process: Process, fd: number): void {
  const context = process.get(fd, 'fscontext');
  if (context.phase !== 'parameters') refuse('EBUSY', 'it has been made');
  const { machine, credentials } = process;
  if (!nsCapable(credentials, context.userns, 'CAP_SYS_ADMIN')) refuse('EPERM');
  if (context.userns !== machine.users.first && !process.capable('CAP_SYS_ADMIN')) {
    context.phase = 'failed';
    refuse('EPERM', 'a bpffs of another user namespace is made by CAP_SYS_ADMIN of the first');
  }
  context.mount = machine.files.newMount(context.options, context.userns);
  context.phase = 'ready';
}

/**
 * fsmount(2): a descriptor of its root, which is nowhere yet. It is one of O_PATH: BPF_TOKEN_CREATE
 * wants it opened again (`openDirectory('.', fd)`). Throws KernelError EPERM, EINVAL, EBUSY.
 */
export function fsmount(process: Process, fd: number): number {
  needMount(process);
  const context = process.get(fd, 'fscontext');
  const { mount } = context;
  if (!mount) refuse('EINVAL', 'it has not been made');
  if (context.phase !== 'ready') refuse('EBUSY', 'it is mounted');
  context.phase = 'mounted';
  return process.open({
    kind: 'path',
    object: mount.root,
    read: false,
    write: false,
    release() {},
  });
}

/** move_mount(2): puts a mounted bpffs at a path. Throws KernelError EPERM, EINVAL, ELOOP. */
export function moveMount(process: Process, fd: number, path: string): void {
  needMount(process);
  const directory = process.place(fd);
  const { mount } = directory;
  if (mount?.root !== directory) refuse('EINVAL', 'there is no mount to move');
  if (mount.path === path) refuse('ELOOP', 'it is there already');
  process.machine.files.attach(path, mount);
}

/** mount(2) of a bpffs with options as text. Throws KernelError. */
export function mountBpffs(process: Process, path: string, options = ''): void {
  needMount(process);
  const { machine, credentials } = process;
  const { first } = machine.users;
  const { userns } = credentials;
  const set = defaultOptions(credentials);
  setMountOptions(set, options, { credentials, userns, first });
  if (userns !== first && !process.capable('CAP_SYS_ADMIN')) refuse('EPERM');
  machine.files.attach(path, machine.files.newMount(set, userns));
}
