import { errnoNumber } from '../../abi/names.ts';
import { KernelError } from '../../base/index.ts';

const number = (code: string): number => errnoNumber(code)!;

/** The errnos the host side gives by itself. */
export const EPERM = number('EPERM');
export const ENOENT = number('ENOENT');
export const EINVAL = number('EINVAL');
export const ENOSPC = number('ENOSPC');
export const EBUSY = number('EBUSY');
/** Kernel-internal, but bpf(2) lets it through for operations a map type does not have. */
export const ENOTSUPP = errnoNumber('ENOTSUPP') ?? 524;

export function kernelError(code: string, message: string): KernelError {
  return new KernelError(code, number(code), message);
}
