/** What system calls give. */
import { KernelError } from '../base/index.ts';
import { errnoName } from './names.ts';

/** What a system call gave. Throws KernelError for a negative errno. */
export function succeed(result: number, what: string): number {
  if (result >= 0) return result;
  throw new KernelError(errnoName(result), -result, what);
}
