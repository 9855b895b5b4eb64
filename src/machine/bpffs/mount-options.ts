/** Options a bpffs is mounted with (bpf_parse_param, bpf_show_options of kernel/bpf/inode.c). */
import {
  type Credentials,
  DELEGATE_KINDS,
  type DelegateKind,
  delegationText,
  idFrom,
  knowsId,
  NO_DELEGATION,
  nsCapable,
  parseDelegate,
  type UserNamespace,
} from '../../security/index.ts';
import { refuse } from '../errno.ts';
import { type MountOptions, ROOT_MODE } from './inode.ts';

const EVERYBODY = 0o777;
const ALL_BITS = 0o7777;
const U32 = 0xffffffff;

/** Who sets an option, and for whose file system. */
export interface Setter {
  readonly credentials: Credentials;
  /** Of the file system. */
  readonly userns: UserNamespace;
  /** The first user namespace. */
  readonly first: UserNamespace;
}

/** What a bpffs has when nothing is said: it belongs to whoever opens it. */
export function defaultOptions({ uid, gid }: Pick<Credentials, 'uid' | 'gid'>): MountOptions {
  return { mode: ROOT_MODE, uid, gid, delegate: NO_DELEGATION };
}

/**
 * Sets one option; `value` is undefined for one without '='. Names that bpffs does not know are
 * ignored, as Linux does. Throws KernelError: EINVAL, ERANGE for values, EPERM for delegation by
 * somebody without CAP_SYS_ADMIN in the first user namespace.
 */
export function setMountOption(
  options: MountOptions,
  name: string,
  value: string | undefined,
  by: Setter,
): void {
  const kind = DELEGATE_KINDS.find((each) => name === `delegate_${each}`);
  if (kind) setDelegate(options, kind, value, by);
  else if (name === 'mode')
    options.mode = (numberOf(value, 8) & ALL_BITS) | (ROOT_MODE & ~EVERYBODY);
  else if (name === 'uid' || name === 'gid') options[name] = idOf(numberOf(value), by);
}

/** All options of mount(2): 'mode=0700,delegate_cmds=prog_load:map_create'. */
export function setMountOptions(options: MountOptions, text: string, by: Setter): void {
  for (const option of text.split(',')) {
    const at = option.indexOf('=');
    if (option === '' || at === 0) continue;
    if (at < 0) setMountOption(options, option, undefined, by);
    else setMountOption(options, option.slice(0, at), option.slice(at + 1), by);
  }
}

function setDelegate(
  options: MountOptions,
  kind: DelegateKind,
  value: string | undefined,
  { credentials, first }: Setter,
): void {
  if (!value) refuse('EINVAL', `delegate_${kind} has no value`);
  const mask = parseDelegate(kind, value);
  if (mask !== 0n && !nsCapable(credentials, first, 'CAP_SYS_ADMIN')) {
    refuse('EPERM', 'only CAP_SYS_ADMIN in the first user namespace delegates');
  }
  options.delegate = { ...options.delegate, [kind]: options.delegate[kind] | mask };
}

/** kstrtouint(): base 0 is told by the number's beginning. */
function numberOf(text: string | undefined, base: 0 | 8 = 0): number {
  const digits = (text ?? '').replace(/^\+/, '').replace(/\n$/, '');
  const octal = base === 8 ? /^[0-7]+$/ : /^0[0-7]+$/;
  if (octal.test(digits)) return inRange(Number.parseInt(digits, 8));
  if (base === 0 && /^(0x[\da-f]+|0|[1-9]\d*)$/i.test(digits)) return inRange(Number(digits));
  return refuse('EINVAL', `'${text}' is no number`);
}

const inRange = (value: number): number => (value <= U32 ? value : refuse('EINVAL', 'too big'));

/** An id as the one who sets the option knows it; the file system must know it too. */
function idOf(id: number, { credentials, userns }: Setter): number {
  const found = idFrom(credentials.userns, id);
  if (found === undefined || !knowsId(userns, found))
    refuse('EINVAL', `there is no id ${id} there`);
  return found;
}

/**
 * The options as /proc/mounts has them, without what every mount has ('rw,relatime').
 *
 * @example
 * mountText(mount); // 'uid=1000,mode=700,delegate_cmds=map_create'
 */
export function mountText({ uid, gid, mode, delegate }: Readonly<MountOptions>): string {
  const shown = mode & ALL_BITS & ~(ROOT_MODE & ~EVERYBODY);
  const words = [
    ...(uid === 0 ? [] : [`uid=${uid}`]),
    ...(gid === 0 ? [] : [`gid=${gid}`]),
    ...(shown === EVERYBODY ? [] : [`mode=${shown.toString(8)}`]),
    delegationText(delegate),
  ];
  return words.filter((word) => word !== '').join(',');
}
