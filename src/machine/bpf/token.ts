import type { TokenCreateAttr } from '../../kernel/index.ts';
import { delegates, nsCapable, type Token } from '../../security/index.ts';
import { refuse } from '../errno.ts';
import type { Process } from './process.ts';

/**
 * BPF_TOKEN_CREATE: a file descriptor. The caller must be in the user namespace of the mount, have
 * CAP_BPF there, and that must not be the first one (bpf_token_create).
 */
export function tokenCreate(process: Process, { flags = 0, bpffsFd }: TokenCreateAttr): number {
  if (flags !== 0) refuse('EINVAL', 'flags');
  const file = process.file(bpffsFd) ?? refuse('EBADF', `${bpffsFd} is not open`);
  if (file.kind !== 'dir') refuse('EINVAL', 'the descriptor is of no bpffs');
  const directory = process.get(bpffsFd, 'dir');
  const { mount } = directory;
  if (mount?.root !== directory) refuse('EINVAL', 'the descriptor is of no root of a bpffs');
  const { credentials, machine } = process;
  const { userns, delegate } = mount;
  if (credentials.userns !== userns) refuse('EPERM', 'the bpffs is of another user namespace');
  if (!nsCapable(credentials, userns, 'CAP_BPF')) refuse('EPERM', 'CAP_BPF is missing');
  if (userns === machine.users.first) refuse('EOPNOTSUPP', 'the first namespace has no tokens');
  if (!delegates(delegate)) refuse('ENOENT', 'the bpffs delegates nothing');
  const object: Token = { userns, allows: delegate };
  return process.open({ kind: 'token', object, read: true, write: true, release() {} });
}
