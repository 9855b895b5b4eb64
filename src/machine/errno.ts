import { errnos } from '../abi/index.ts';
import { KernelError } from '../base/index.ts';

/** Throws KernelError with the errno's number. */
export function refuse(code: string, reason = 'the command is refused'): never {
  throw new KernelError(code, errnos[code]!, reason);
}

/** What a system call answers: what `command` returns, or the negative errno it throws. */
export function answer(command: () => number): number {
  try {
    return command();
  } catch (error) {
    if (error instanceof KernelError) return -error.errno;
    throw error;
  }
}
