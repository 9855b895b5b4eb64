/** Settings below /proc/sys/kernel that bpf(2) obeys. */
import { refuse } from '../errno.ts';
import type { Process } from './process.ts';

/** Values of kernel.unprivileged_bpf_disabled. */
export const UNPRIVILEGED = { allowed: 0, forbiddenForGood: 1, forbidden: 2 } as const;

/** Settings of a machine, as Debian's kernel starts with them (CONFIG_BPF_UNPRIV_DEFAULT_OFF). */
export class Sysctls {
  /** kernel.unprivileged_bpf_disabled */
  unprivilegedBpfDisabled: number = UNPRIVILEGED.forbidden;
}

/**
 * Writes kernel.unprivileged_bpf_disabled: 0 lets everybody load some programs, 2 nobody without
 * CAP_BPF, 1 the same for good. Throws KernelError: EACCES for all but root, EPERM without
 * CAP_SYS_ADMIN and once it is 1, EINVAL for other numbers (bpf_unpriv_handler).
 */
export function writeUnprivilegedBpfDisabled(process: Process, value: number): void {
  const { sysctls } = process.machine;
  const locked = sysctls.unprivilegedBpfDisabled === UNPRIVILEGED.forbiddenForGood;
  if (process.credentials.uid !== 0) refuse('EACCES', 'the file is written by root');
  if (!process.capable('CAP_SYS_ADMIN')) refuse('EPERM', 'CAP_SYS_ADMIN is missing');
  if (!(value >= UNPRIVILEGED.allowed && value <= UNPRIVILEGED.forbidden)) refuse('EINVAL');
  if (locked && value !== UNPRIVILEGED.forbiddenForGood) refuse('EPERM', 'it stays 1');
  sysctls.unprivilegedBpfDisabled = value;
}
